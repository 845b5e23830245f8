-- When a kept lease was let go (nanoseconds since 1970), so that the oldest is taken away first.
ALTER TABLE lease ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
