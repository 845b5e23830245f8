-- Deleted while containers stand upon their layers: the row keeps those layers until the last of the containers is gone.
ALTER TABLE image ADD COLUMN departed INTEGER NOT NULL DEFAULT 0;
