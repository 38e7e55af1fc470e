//! The tables. A shipped migration never changes: the next one expands, a later one contracts.
//!
//! Expand first: what instances of the version before still use stays until none of them runs. A
//! migration runs in a transaction and keeps its locks until it ends.

/// In order; each runs once.
pub const MIGRATIONS: &[&str] = &[r#"
    -- The state of each order: a fold of its journal, kept beside it. `state` is the whole fold;
    -- the columns are what is searched by. Text that is compared is compared by its bytes.
    CREATE TABLE orders (
        order_id      TEXT COLLATE "C" PRIMARY KEY,
        version       BIGINT NOT NULL,
        status        TEXT COLLATE "C" NOT NULL,
        restaurant_id TEXT COLLATE "C" NOT NULL,
        placed_at     BIGINT NOT NULL,
        wake_at       BIGINT,
        state         TEXT NOT NULL
    );
    CREATE INDEX orders_by_placing ON orders (placed_at DESC, order_id DESC);
    CREATE INDEX orders_by_restaurant ON orders (restaurant_id, placed_at DESC, order_id DESC);
    CREATE INDEX orders_by_wake ON orders (wake_at) WHERE wake_at IS NOT NULL;

    -- What happened, in commit order: audit history and transactional outbox in one.
    -- position: (base + id of the writing transaction) * 65536 + place within the transaction.
    CREATE TABLE journal (
        position      BIGINT PRIMARY KEY,
        event_id      TEXT NOT NULL,
        order_id      TEXT COLLATE "C" NOT NULL,
        sequence      BIGINT NOT NULL,
        occurred_at   BIGINT NOT NULL,
        status        TEXT NOT NULL,
        actor         TEXT NOT NULL,
        data          TEXT NOT NULL,
        restaurant_id TEXT NOT NULL,
        customer_id   TEXT NOT NULL,
        total_minor   BIGINT NOT NULL,
        currency      TEXT NOT NULL,
        traceparent   TEXT,
        causation_id  TEXT
    );
    CREATE UNIQUE INDEX journal_by_order ON journal (order_id, sequence);

    -- Added to transaction ids, so that positions go on rising on a server that counts them from
    -- the beginning: after a dump was restored there. One row.
    CREATE TABLE journal_base (
        only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
        base     BIGINT NOT NULL
    );
    INSERT INTO journal_base (base) VALUES (0);

    -- Durable calls to the outside, named by the event that asked for them.
    CREATE TABLE tasks (
        order_id        TEXT COLLATE "C" NOT NULL,
        sequence        BIGINT NOT NULL,
        kind            TEXT NOT NULL,
        state           TEXT COLLATE "C" NOT NULL,
        attempts        BIGINT NOT NULL,
        next_attempt_at BIGINT NOT NULL,
        give_up_at      BIGINT NOT NULL,
        last_error      TEXT,
        event_id        TEXT NOT NULL,
        traceparent     TEXT,
        PRIMARY KEY (order_id, sequence)
    );
    CREATE INDEX tasks_due ON tasks (next_attempt_at) WHERE state = 'open';

    -- Personal data, in no event: erasing a person is deleting rows here.
    CREATE TABLE contacts (
        order_id TEXT COLLATE "C" PRIMARY KEY,
        name     TEXT NOT NULL,
        email    TEXT NOT NULL,
        note     TEXT
    );

    CREATE TABLE idempotency (
        key          TEXT COLLATE "C" PRIMARY KEY,
        request_hash BYTEA NOT NULL,
        order_id     TEXT NOT NULL,
        at           BIGINT NOT NULL
    );
    CREATE INDEX idempotency_by_age ON idempotency (at);

    CREATE TABLE restaurants (
        restaurant_id TEXT COLLATE "C" PRIMARY KEY,
        data          TEXT NOT NULL
    );
"#];
