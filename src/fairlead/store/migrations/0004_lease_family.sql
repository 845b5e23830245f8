-- A name has an address of each family.
CREATE TABLE lease_of_family (network_id TEXT NOT NULL, name TEXT NOT NULL, family INTEGER NOT NULL, address TEXT NOT NULL,
                    held INTEGER NOT NULL, released INTEGER NOT NULL DEFAULT 0,
                    PRIMARY KEY (network_id, name, family), UNIQUE (network_id, address)) WITHOUT ROWID;
INSERT INTO lease_of_family SELECT network_id, name, 4, address, held, released FROM lease;
DROP TABLE lease;
ALTER TABLE lease_of_family RENAME TO lease;
