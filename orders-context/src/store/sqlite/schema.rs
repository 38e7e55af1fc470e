//! The tables. A shipped migration never changes: the next one expands, a later one contracts.

use chassis::sqlite::Tables;

/// The tables of orders, in any version, and in no other program's file.
pub const TABLES: Tables = Tables {
    name: "orders",
    id: i32::from_be_bytes(*b"ORDR"),
    known_by: &["orders", "journal", "contacts"],
    migrations: MIGRATIONS,
};

/// In order; each runs once.
pub const MIGRATIONS: &[&str] = &[
    "
    -- The state of each order: a fold of its journal, kept beside it. `state` is the whole fold;
    -- the columns are what is searched by.
    CREATE TABLE orders (
        order_id      TEXT PRIMARY KEY,
        version       INTEGER NOT NULL,
        status        TEXT NOT NULL,
        restaurant_id TEXT NOT NULL,
        placed_at     INTEGER NOT NULL,
        wake_at       INTEGER,
        state         TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX orders_by_placing ON orders (placed_at DESC, order_id DESC);
    CREATE INDEX orders_by_restaurant ON orders (restaurant_id, placed_at DESC, order_id DESC);
    CREATE INDEX orders_by_wake ON orders (wake_at) WHERE wake_at IS NOT NULL;

    -- What happened, in commit order: audit history and transactional outbox in one.
    -- AUTOINCREMENT: a position is never given twice.
    CREATE TABLE journal (
        position      INTEGER PRIMARY KEY AUTOINCREMENT,
        event_id      TEXT NOT NULL,
        order_id      TEXT NOT NULL,
        sequence      INTEGER NOT NULL,
        occurred_at   INTEGER NOT NULL,
        status        TEXT NOT NULL,
        actor         TEXT NOT NULL,
        data          TEXT NOT NULL,
        restaurant_id TEXT NOT NULL,
        customer_id   TEXT NOT NULL,
        total_minor   INTEGER NOT NULL,
        currency      TEXT NOT NULL,
        traceparent   TEXT,
        causation_id  TEXT
    );
    CREATE UNIQUE INDEX journal_by_order ON journal (order_id, sequence);

    -- Durable calls to the outside, named by the event that asked for them.
    CREATE TABLE tasks (
        order_id        TEXT NOT NULL,
        sequence        INTEGER NOT NULL,
        kind            TEXT NOT NULL,
        state           TEXT NOT NULL,
        attempts        INTEGER NOT NULL,
        next_attempt_at INTEGER NOT NULL,
        give_up_at      INTEGER NOT NULL,
        last_error      TEXT,
        event_id        TEXT NOT NULL,
        traceparent     TEXT,
        PRIMARY KEY (order_id, sequence)
    ) WITHOUT ROWID;
    CREATE INDEX tasks_due ON tasks (next_attempt_at) WHERE state = 'open';

    -- Personal data, in no event: erasing a person is deleting rows here.
    CREATE TABLE contacts (
        order_id TEXT PRIMARY KEY,
        name     TEXT NOT NULL,
        email    TEXT NOT NULL,
        note     TEXT
    ) WITHOUT ROWID;

    CREATE TABLE idempotency (
        key          TEXT PRIMARY KEY,
        request_hash BLOB NOT NULL,
        order_id     TEXT NOT NULL,
        at           INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX idempotency_by_age ON idempotency (at);

    CREATE TABLE restaurants (
        restaurant_id TEXT PRIMARY KEY,
        data          TEXT NOT NULL
    ) WITHOUT ROWID;
", "
    -- What operators look for: who ordered, since when an order stands in its status, and until when
    -- something has to happen. Before `state`, so that reading them never reads the long column.
    CREATE TABLE orders_2 (
        order_id      TEXT PRIMARY KEY,
        version       INTEGER NOT NULL,
        status        TEXT NOT NULL,
        restaurant_id TEXT NOT NULL,
        customer_id   TEXT NOT NULL,
        placed_at     INTEGER NOT NULL,
        since         INTEGER NOT NULL,
        deadline      INTEGER,
        wake_at       INTEGER,
        state         TEXT NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO orders_2
    SELECT order_id, version, status, restaurant_id, json_extract(state, '$.customer_id'), placed_at,
        since, CASE
            WHEN status IN ('placed', 'notified') THEN json_extract(state, '$.accept_by')
            WHEN status IN ('accepted', 'confirmed') THEN json_extract(state, '$.complete_by')
        END, wake_at, json_set(state, '$.since', since)
    FROM (SELECT orders.*, coalesce((
            SELECT occurred_at FROM journal AS entered WHERE entered.order_id = orders.order_id
                AND status IS NOT (SELECT status FROM journal AS before
                    WHERE before.order_id = entered.order_id
                        AND before.sequence = entered.sequence - 1)
            ORDER BY sequence DESC LIMIT 1), placed_at) AS since
        FROM orders);
    DROP TABLE orders;
    ALTER TABLE orders_2 RENAME TO orders;
    CREATE INDEX orders_by_placing ON orders (placed_at DESC, order_id DESC);
    CREATE INDEX orders_by_restaurant ON orders (restaurant_id, placed_at DESC, order_id DESC);
    CREATE INDEX orders_by_wake ON orders (wake_at) WHERE wake_at IS NOT NULL;
", "
    -- Compact history: an order at rest with its tasks and its journal in one value, instead of its
    -- rows in those tables.
    CREATE TABLE archive (
        order_id TEXT PRIMARY KEY,
        status   TEXT NOT NULL,
        data     BLOB NOT NULL
    );
", "
    -- One action on many orders, while it runs and afterwards. `data` is all of it, the columns are
    -- what it is found and guarded by.
    CREATE TABLE bulk_actions (
        bulk_id      TEXT PRIMARY KEY,
        round        INTEGER NOT NULL,
        is_open      INTEGER NOT NULL,
        key          TEXT NOT NULL UNIQUE,
        request_hash BLOB NOT NULL,
        data         TEXT NOT NULL
    );
    CREATE INDEX bulk_actions_open ON bulk_actions (bulk_id) WHERE is_open;
", "
    -- The flow that the order follows after the event. Nothing in rows from before: those were
    -- published without it.
    ALTER TABLE journal ADD COLUMN flow_version INTEGER;
", "
    -- What commits count: orders in each status, how long they stood there (spans in buckets, eight to
    -- each doubling of milliseconds), tasks that are tried again and tasks that were given up. A counter
    -- is the sum of its slots; this store writes one, a copy from PostgreSQL may bring more.
    CREATE TABLE counters (
        what   TEXT NOT NULL,
        word   TEXT NOT NULL,
        bucket INTEGER NOT NULL,
        slot   INTEGER NOT NULL,
        count  INTEGER NOT NULL,
        PRIMARY KEY (what, word, bucket, slot)
    ) WITHOUT ROWID;
    INSERT INTO counters (what, word, bucket, slot, count)
    WITH RECURSIVE doublings (number, from_ms) AS (
        SELECT 0, CAST(8 AS BIGINT)
        UNION ALL SELECT number + 1, from_ms * 2 FROM doublings WHERE number < 50
    ), told AS (
        SELECT order_id, sequence, status, occurred_at, lag(status) OVER (
            PARTITION BY order_id ORDER BY sequence) AS before
        FROM journal
    ), stays AS (
        SELECT status, lead(occurred_at) OVER (
            PARTITION BY order_id ORDER BY sequence) - occurred_at AS span_us
        FROM told WHERE before IS NULL OR before <> status
    ), spans AS (
        SELECT status, CASE WHEN span_us < 0 THEN 0 ELSE span_us / 1000 END AS ms
        FROM stays WHERE span_us IS NOT NULL
    ), spent AS (
        SELECT status, CASE WHEN ms < 8 THEN ms ELSE (
            SELECT number * 8 + (ms >> number) FROM doublings WHERE from_ms <= ms
            ORDER BY number DESC LIMIT 1) END AS bucket
        FROM spans
    )
    SELECT 'orders', status, 0, 0, count(*)
    FROM (SELECT status FROM orders UNION ALL SELECT status FROM archive) AS every GROUP BY status
    UNION ALL SELECT 'spent', status, bucket, 0, count(*) FROM spent GROUP BY status, bucket
    UNION ALL SELECT 'tasks', 'given_up', 0, 0, count(*) FROM tasks WHERE state = 'given_up'
        HAVING count(*) > 0
    UNION ALL SELECT 'tasks', 'retrying', 0, 0, count(*) FROM tasks
        WHERE state = 'open' AND attempts > 0 HAVING count(*) > 0;

    -- The oldest of a status, and how old its orders are. Costs nothing once an order is at rest.
    CREATE INDEX orders_by_age ON orders (status, since, order_id) WHERE deadline IS NOT NULL;
", "
    -- Requests to erase somebody, and what has been done about them. Whom they are about is
    -- forgotten once they are done.
    CREATE TABLE erasures (
        erasure_id   TEXT PRIMARY KEY,
        customer_id  TEXT,
        email        TEXT,
        requested_at INTEGER NOT NULL,
        done_at      INTEGER,
        scanned      INTEGER NOT NULL DEFAULT 0,
        orders       INTEGER NOT NULL DEFAULT 0,
        contacts     INTEGER NOT NULL DEFAULT 0,
        keys         INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX erasures_open ON erasures (requested_at) WHERE done_at IS NULL;
", "
    -- What a restaurant wants a customer to read: as personal as the rest of the row, and erased with it.
    ALTER TABLE contacts ADD COLUMN remark TEXT;
", "
    -- How restaurants stand to new orders: those of which that was ever spoken.
    CREATE TABLE availability (
        restaurant_id    TEXT PRIMARY KEY,
        version          INTEGER NOT NULL,
        opening          TEXT NOT NULL,
        until            INTEGER,
        reason           TEXT,
        set_by           TEXT NOT NULL,
        since            INTEGER NOT NULL,
        capacity         INTEGER,
        expired_in_a_row INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS orders_of_restaurant ON orders (restaurant_id, placed_at, order_id)
        WHERE deadline IS NOT NULL;
", "
    -- What operators look for, each in the order in which it is listed: by status, by deadline, by
    -- customer, by restaurant, by flow; and tasks in trouble. Those of orders that are not at rest cost
    -- nothing once an order is.
    ALTER TABLE orders ADD COLUMN flow_version INTEGER NOT NULL DEFAULT 1;
    CREATE INDEX orders_by_status ON orders (status, placed_at, order_id);
    CREATE INDEX orders_by_deadline ON orders (status, deadline, order_id) WHERE deadline IS NOT NULL;
    CREATE INDEX orders_by_customer ON orders (customer_id, placed_at, order_id);
    CREATE INDEX IF NOT EXISTS orders_of_restaurant ON orders (restaurant_id, placed_at, order_id)
        WHERE deadline IS NOT NULL;
    CREATE INDEX orders_by_flow ON orders (flow_version, placed_at, order_id);
    CREATE INDEX tasks_given_up ON tasks (last_error, order_id) WHERE state = 'given_up';
    CREATE INDEX tasks_retrying ON tasks (last_error, order_id) WHERE state = 'open' AND attempts > 0;
", "
    -- Orders of which the state topic is to say nothing any more, because a person was erased. A
    -- position is among the journal's and given once.
    CREATE TABLE tombstones (
        position INTEGER PRIMARY KEY,
        order_id TEXT NOT NULL UNIQUE,
        at       INTEGER NOT NULL
    );
", "
    -- Places of restaurants that hear of their orders. `data` is all of it, the columns are what it is
    -- found and guarded by.
    CREATE TABLE endpoints (
        endpoint_id   TEXT PRIMARY KEY,
        restaurant_id TEXT NOT NULL,
        round         INTEGER NOT NULL,
        is_active     INTEGER NOT NULL,
        key           TEXT NOT NULL UNIQUE,
        request_hash  BLOB NOT NULL,
        data          TEXT NOT NULL
    );
    CREATE INDEX endpoints_by_restaurant ON endpoints (restaurant_id, endpoint_id);
", "
    -- The last position that went to compact history, in one row: what came after it is all in the
    -- journal. Of what went before this was noted, nothing is known but that it was written.
    CREATE TABLE journal_archived (position INTEGER NOT NULL);
    INSERT INTO journal_archived (position)
    SELECT coalesce((SELECT seq FROM sqlite_sequence
        WHERE name = 'journal' AND EXISTS (SELECT 1 FROM archive)), 0);
", "
    -- Tickets for one stream that nobody has taken yet: what they hash to, and whom they stand for.
    CREATE TABLE feed_tickets (
        digest        BLOB PRIMARY KEY,
        restaurant_id TEXT NOT NULL,
        role          TEXT NOT NULL,
        subject       TEXT NOT NULL,
        good_until    INTEGER NOT NULL,
        listens_until INTEGER NOT NULL
    ) WITHOUT ROWID;
", "
    -- When an app of a restaurant was connected to an instance last: from when on, and until when it is
    -- known to have been, or to be.
    CREATE TABLE app_connections (
        restaurant_id TEXT NOT NULL,
        instance      TEXT NOT NULL,
        since         INTEGER NOT NULL,
        until         INTEGER NOT NULL,
        PRIMARY KEY (restaurant_id, instance)
    ) WITHOUT ROWID;
", "
    -- What endpoints are told: a row for each endpoint and event. `data` is all of it, the columns are
    -- what it is found and guarded by.
    CREATE TABLE deliveries (
        endpoint_id     TEXT NOT NULL,
        event_id        TEXT NOT NULL,
        round           INTEGER NOT NULL,
        state           TEXT NOT NULL,
        next_attempt_at INTEGER NOT NULL,
        occurred_at     INTEGER NOT NULL,
        data            TEXT NOT NULL,
        PRIMARY KEY (endpoint_id, event_id)
    );
    CREATE INDEX deliveries_due ON deliveries (endpoint_id, next_attempt_at)
        WHERE state = 'pending';
    CREATE INDEX deliveries_by_age ON deliveries (occurred_at);
    -- Up to which position of the journal something was made of it.
    CREATE TABLE reader_positions (
        name     TEXT PRIMARY KEY,
        position INTEGER NOT NULL
    );
", "
    -- How many orders a customer has under way is asked for each new one: what is over costs nothing.
    CREATE INDEX orders_under_way ON orders (customer_id) WHERE deadline IS NOT NULL;
", "
    -- Rows of orders by number instead of by id. A table by id keeps at most a quarter of a page of each
    -- row beside its key and gives the rest, which is most of an order's state, a page of its own: each
    -- move of an order wrote a page for itself alone. By number, neighbours share their pages.
    CREATE TABLE orders_3 (
        order_id      TEXT NOT NULL UNIQUE,
        version       INTEGER NOT NULL,
        status        TEXT NOT NULL,
        restaurant_id TEXT NOT NULL,
        customer_id   TEXT NOT NULL,
        placed_at     INTEGER NOT NULL,
        since         INTEGER NOT NULL,
        deadline      INTEGER,
        wake_at       INTEGER,
        flow_version  INTEGER NOT NULL DEFAULT 1,
        state         TEXT NOT NULL
    );
    INSERT INTO orders_3 (order_id, version, status, restaurant_id, customer_id, placed_at, since,
        deadline, wake_at, flow_version, state)
    SELECT order_id, version, status, restaurant_id, customer_id, placed_at, since, deadline, wake_at,
        flow_version, state FROM orders ORDER BY order_id;
    DROP TABLE orders;
    ALTER TABLE orders_3 RENAME TO orders;
    CREATE INDEX orders_by_placing ON orders (placed_at DESC, order_id DESC);
    CREATE INDEX orders_by_restaurant ON orders (restaurant_id, placed_at DESC, order_id DESC);
    CREATE INDEX orders_by_wake ON orders (wake_at, order_id) WHERE wake_at IS NOT NULL;
    CREATE INDEX orders_by_age ON orders (status, since, order_id) WHERE deadline IS NOT NULL;
    CREATE INDEX orders_of_restaurant ON orders (restaurant_id, placed_at, order_id)
        WHERE deadline IS NOT NULL;
    CREATE INDEX orders_by_status ON orders (status, placed_at, order_id);
    CREATE INDEX orders_by_deadline ON orders (status, deadline, order_id) WHERE deadline IS NOT NULL;
    CREATE INDEX orders_by_customer ON orders (customer_id, placed_at, order_id);
    CREATE INDEX orders_by_flow ON orders (flow_version, placed_at, order_id);
    CREATE INDEX orders_under_way ON orders (customer_id) WHERE deadline IS NOT NULL;
", "
    -- Keys by order, and found by what the client chose before anything else of them: where clients choose
    -- keys that grow with time, as UUIDv7 do, those of a group of orders stand side by side. By customer,
    -- each stood on a page of its own.
    CREATE TABLE idempotency_2 (
        key          TEXT NOT NULL,
        request_hash BLOB NOT NULL,
        order_id     TEXT NOT NULL,
        at           INTEGER NOT NULL,
        -- What follows the customer in 'POST /v1/orders CUSTOMER CHOSEN'.
        chosen       TEXT AS (substr(substr(key, 17), instr(substr(key, 17), ' ') + 1)),
        PRIMARY KEY (order_id, key)
    ) WITHOUT ROWID;
    INSERT INTO idempotency_2 (key, request_hash, order_id, at)
    SELECT key, request_hash, order_id, at FROM idempotency ORDER BY order_id, key;
    DROP TABLE idempotency;
    ALTER TABLE idempotency_2 RENAME TO idempotency;
    CREATE UNIQUE INDEX idempotency_by_key ON idempotency (chosen, key);
    CREATE INDEX idempotency_by_age ON idempotency (at);
", "
    -- What restaurants have, indexed late: see listing/late.rs.
    CREATE TABLE restaurant_orders (
        restaurant_id TEXT NOT NULL,
        placed_at     INTEGER NOT NULL,
        order_id      TEXT NOT NULL,
        PRIMARY KEY (restaurant_id, placed_at, order_id)
    ) WITHOUT ROWID;
    -- One row: up to which moment of placing.
    CREATE TABLE restaurant_orders_end (placed_at INTEGER NOT NULL);
    INSERT INTO restaurant_orders_end SELECT coalesce(max(placed_at), -9223372036854775808) FROM orders;
    INSERT INTO restaurant_orders (restaurant_id, placed_at, order_id)
    SELECT restaurant_id, placed_at, order_id FROM orders
    ORDER BY restaurant_id, placed_at, order_id;
    DROP INDEX orders_by_restaurant;
", r#"
    -- Open tasks by who is told: those of one that stand for long never hide those of the other.
    CREATE INDEX tasks_due_to ON tasks ((substr(kind, 1, 14) = '{"notify_user"'), next_attempt_at)
        WHERE state = 'open';
    DROP INDEX tasks_due;
"#, r#"
    -- What was given up and redriven since is in trouble no more, nor are tasks of orders in compact history,
    -- nor is one that waits for an endpoint: rows and counters as they are kept from now on.
    UPDATE tasks SET state = 'withdrawn' WHERE state = 'given_up' AND EXISTS (
        SELECT 1 FROM journal
        WHERE journal.order_id = tasks.order_id AND journal.sequence > tasks.sequence
            AND (data LIKE '{"type":"order_redriven",%'
                OR data LIKE '{"type":"task_redriven","task":' || kind || ',"was":"given_up"%'));
    -- And of an order that was redriven: the event that opened its present window.
    UPDATE orders SET state = '{"window_opened_by":' || redriven.sequence || ',' || substr(state, 2)
    FROM (SELECT order_id, max(sequence) AS sequence FROM journal
        WHERE data LIKE '{"type":"order_redriven",%' GROUP BY order_id) AS redriven
    WHERE orders.order_id = redriven.order_id AND state LIKE '{"%';
    DELETE FROM counters WHERE what = 'tasks';
    INSERT INTO counters (what, word, bucket, slot, count)
    SELECT 'tasks', 'given_up', 0, 0, count(*) FROM tasks WHERE state = 'given_up' HAVING count(*) > 0
    UNION ALL SELECT 'tasks', 'retrying', 0, 0, count(*) FROM tasks WHERE state = 'open'
        AND attempts > 0 AND last_error IS DISTINCT FROM 'endpoint_not_yet' HAVING count(*) > 0;
"#, "
    -- Erasures come in turn, and those that meet what cannot be read are tried again ever more seldom.
    ALTER TABLE erasures ADD COLUMN unreadable INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE erasures ADD COLUMN next_attempt_at INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX erasures_due ON erasures (next_attempt_at) WHERE done_at IS NULL;
    DROP INDEX erasures_open;
", "
    -- What customers have, indexed late too, and in runs by the moment of placing: see listing/late.rs.
    ALTER TABLE restaurant_orders_end RENAME TO indexed_to;
    CREATE TABLE customer_runs (from_at INTEGER PRIMARY KEY);
    INSERT INTO customer_runs VALUES (-9223372036854775808);
    CREATE TABLE customer_orders (
        run         INTEGER NOT NULL,
        customer_id TEXT NOT NULL,
        placed_at   INTEGER NOT NULL,
        order_id    TEXT NOT NULL,
        PRIMARY KEY (run, customer_id, placed_at, order_id)
    ) WITHOUT ROWID;
    INSERT INTO customer_orders (run, customer_id, placed_at, order_id)
    SELECT from_at, customer_id, orders.placed_at, order_id FROM customer_runs, orders, indexed_to
    WHERE orders.placed_at <= indexed_to.placed_at ORDER BY customer_id, orders.placed_at, order_id;
    DROP INDEX orders_by_customer;
"];
