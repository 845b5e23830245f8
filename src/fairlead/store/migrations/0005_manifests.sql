-- The manifests under which an image came, byte for byte: what a push gives on, so that digests stay.
CREATE TABLE manifest (image_id TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, document BLOB NOT NULL,
                       PRIMARY KEY (image_id, digest)) WITHOUT ROWID;
