-- The vouchers of customers. The code is readable here because its customer may read it at any
-- time; the keyed hash is what a typed code is looked up by.
CREATE TABLE voucher (
    voucher_id     TEXT PRIMARY KEY,
    campaign_id    TEXT NOT NULL,
    order_id       TEXT NOT NULL,
    customer_id    TEXT NOT NULL,
    code           TEXT NOT NULL,
    code_hash      BLOB NOT NULL UNIQUE,
    value_minor    INTEGER NOT NULL,
    currency       TEXT NOT NULL,
    minimum_minor  INTEGER NOT NULL,
    issued_at_us   INTEGER NOT NULL,
    valid_until_us INTEGER NOT NULL,
    UNIQUE (campaign_id, order_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX voucher_of_customer ON voucher (customer_id, issued_at_us DESC, voucher_id DESC);

-- What goes to Kafka, in commit order. A position is never given twice, not even after its row
-- is gone, because the relay passes over positions it has seen.
CREATE TABLE journal (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL CHECK (kind IN ('voucher_event', 'dead_letter'))
) STRICT;

CREATE TABLE voucher_event (
    position       INTEGER PRIMARY KEY REFERENCES journal (position),
    event_id       TEXT NOT NULL UNIQUE,
    voucher_id     TEXT NOT NULL,
    sequence       INTEGER NOT NULL,
    event_type     TEXT NOT NULL,
    occurred_at_us INTEGER NOT NULL,
    causation_id   TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    traceparent    TEXT NOT NULL,
    data           TEXT NOT NULL,
    UNIQUE (voucher_id, sequence)
) STRICT;

-- Records of others that were set aside. `origin_key` is null for a record without a key, and
-- `payload` for one without a value; `headers` is JSON, [[name, [byte, ...]], ...].
CREATE TABLE dead_letter (
    position           INTEGER PRIMARY KEY REFERENCES journal (position),
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
    UNIQUE (topic, partition, record_offset)
) STRICT;

CREATE INDEX dead_letter_of_key ON dead_letter (topic, origin_key);

-- The inbox: the next offset to take of each partition, and the ids of the events that had an
-- effect.
CREATE TABLE inbox_position (
    topic       TEXT NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbox_event (
    event_id    TEXT PRIMARY KEY,
    taken_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX inbox_event_by_age ON inbox_event (taken_at_us);

-- What the registry said, so that a restart does not need it: the ids of our own schemas, and the
-- schemas that others write with. An id means the same schema for ever.
CREATE TABLE schema_id (
    subject   TEXT NOT NULL,
    schema    TEXT NOT NULL,
    schema_id INTEGER NOT NULL,
    PRIMARY KEY (subject, schema)
) STRICT, WITHOUT ROWID;

CREATE TABLE fetched_schema (
    schema_id INTEGER PRIMARY KEY,
    schema    TEXT NOT NULL
) STRICT;
