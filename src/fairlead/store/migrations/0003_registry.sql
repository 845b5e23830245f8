-- Under which digests registries know a layer: what a push need not send again.
CREATE TABLE remote_blob (diff_id TEXT NOT NULL, domain TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL,
                          size_bytes INTEGER NOT NULL, media_type TEXT NOT NULL,
                          PRIMARY KEY (diff_id, domain, repository)) WITHOUT ROWID;
