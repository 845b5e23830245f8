-- Documents are the model's dataclasses as JSON (store/codec.py); columns repeat what is searched or unique.
CREATE TABLE container (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE network (id TEXT PRIMARY KEY, name TEXT NOT NULL, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE lease (network_id TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, held INTEGER NOT NULL,
                    PRIMARY KEY (network_id, name), UNIQUE (network_id, address)) WITHOUT ROWID;
CREATE TABLE volume (name TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE volume_user (volume TEXT NOT NULL, container_id TEXT NOT NULL,
                    PRIMARY KEY (volume, container_id)) WITHOUT ROWID;
CREATE TABLE image (id TEXT PRIMARY KEY, parent TEXT NOT NULL DEFAULT '', document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE reference (name TEXT PRIMARY KEY, image_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE layer (chain_id TEXT PRIMARY KEY, diff_id TEXT NOT NULL, parent TEXT NOT NULL DEFAULT '',
                    directory TEXT NOT NULL UNIQUE, size_bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE image_layer (image_id TEXT NOT NULL, position INTEGER NOT NULL, chain_id TEXT NOT NULL,
                    PRIMARY KEY (image_id, position)) WITHOUT ROWID;
CREATE INDEX image_layer_chain ON image_layer (chain_id);
CREATE TABLE build_cache (key TEXT PRIMARY KEY, image_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
