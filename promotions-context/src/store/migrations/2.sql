-- Which Kafka cluster the positions of the inbox are of: in another one they mean other records. One
-- row, and none until Kafka has been asked for the first time.
CREATE TABLE inbox_cluster (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    cluster_id TEXT NOT NULL
) STRICT;

-- Records of other clusters are other records, though they have the same topic, partition and offset. The
-- cluster is empty for those from before it was known.
CREATE TABLE dead_letter_of_cluster (
    position           INTEGER PRIMARY KEY REFERENCES journal (position),
    cluster_id         TEXT NOT NULL,
    topic              TEXT NOT NULL,
    partition          INTEGER NOT NULL,
    record_offset      INTEGER NOT NULL,
    timestamp_ms       INTEGER NOT NULL,
    origin_key         BLOB,
    payload            BLOB,
    headers            TEXT NOT NULL,
    class              TEXT NOT NULL,
    cause              TEXT NOT NULL,
    attempts           INTEGER NOT NULL,
    first_failed_at_us INTEGER NOT NULL,
    UNIQUE (cluster_id, topic, partition, record_offset)
) STRICT;

INSERT INTO dead_letter_of_cluster
SELECT position, '', topic, partition, record_offset, timestamp_ms, origin_key, payload, headers,
       class, cause, attempts, first_failed_at_us
FROM dead_letter;

DROP TABLE dead_letter;
ALTER TABLE dead_letter_of_cluster RENAME TO dead_letter;
CREATE INDEX dead_letter_of_key ON dead_letter (cluster_id, topic, origin_key);
