//! The tables. A shipped migration never changes: the next one expands, a later one contracts.
//!
//! A migration that begins with the line `-- Expands.` leaves everything that programs of the version before need,
//! whatever they read and write: they may go on beside it, and start again. It is written for instances that
//! are upgraded one after the other. Any other is for none but those that know it, and `orders migrate`
//! waits with it until no other runs. A migration runs in a transaction and keeps its locks until it ends.

/// In order; each runs once.
pub const MIGRATIONS: &[&str] = &[
    r#"
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

    -- Who does the work that only one instance may do at a time. The token is larger for each new
    -- owner.
    CREATE TABLE leases (
        name       TEXT PRIMARY KEY,
        owner      TEXT NOT NULL,
        token      BIGINT NOT NULL,
        expires_at TIMESTAMPTZ NOT NULL
    );
"#,
    r#"
    -- What operators look for: who ordered, since when an order stands in its status, and until when
    -- something has to happen. Instances of the version before leave the first two empty.
    ALTER TABLE orders ADD COLUMN customer_id TEXT COLLATE "C";
    ALTER TABLE orders ADD COLUMN since BIGINT;
    ALTER TABLE orders ADD COLUMN deadline BIGINT;
    UPDATE orders SET customer_id = state::jsonb ->> 'customer_id', since = known.since,
        deadline = CASE
            WHEN status IN ('placed', 'notified') THEN (state::jsonb ->> 'accept_by')::bigint
            WHEN status IN ('accepted', 'confirmed') THEN (state::jsonb ->> 'complete_by')::bigint
        END, state = jsonb_set(state::jsonb, '{since}', to_jsonb(known.since))::text
    FROM (SELECT order_id, coalesce((
            SELECT occurred_at FROM journal AS entered WHERE entered.order_id = moved.order_id
                AND status IS DISTINCT FROM (SELECT status FROM journal AS before
                    WHERE before.order_id = entered.order_id
                        AND before.sequence = entered.sequence - 1)
            ORDER BY sequence DESC LIMIT 1), placed_at) AS since
        FROM orders AS moved) AS known
    WHERE orders.order_id = known.order_id;
"#,
    r#"
    -- Orders that are due at the same moment are read one after the other, without sorting them.
    CREATE INDEX orders_by_wake_and_id ON orders (wake_at, order_id) WHERE wake_at IS NOT NULL;
    DROP INDEX orders_by_wake;
"#,
    r#"
    -- Compact history: an order at rest with its tasks and its journal in one value, instead of its
    -- rows in those tables. The values are compressed already.
    CREATE TABLE archive (
        order_id TEXT COLLATE "C" PRIMARY KEY,
        status   TEXT NOT NULL,
        data     BYTEA NOT NULL
    );
    ALTER TABLE archive ALTER COLUMN data SET STORAGE EXTERNAL;
    -- The last position that went there.
    ALTER TABLE journal_base ADD COLUMN archived BIGINT NOT NULL DEFAULT 0;
"#,
    r#"
    -- One action on many orders, while it runs and afterwards. `data` is all of it, the columns are
    -- what it is found and guarded by.
    CREATE TABLE bulk_actions (
        bulk_id      TEXT COLLATE "C" PRIMARY KEY,
        round        BIGINT NOT NULL,
        is_open      BOOLEAN NOT NULL,
        key          TEXT COLLATE "C" NOT NULL UNIQUE,
        request_hash BYTEA NOT NULL,
        data         TEXT NOT NULL
    );
    CREATE INDEX bulk_actions_open ON bulk_actions (bulk_id) WHERE is_open;
"#,
    r#"
    -- The flow that the order follows after the event. Nothing in rows from before: those were
    -- published without it.
    ALTER TABLE journal ADD COLUMN flow_version INTEGER;
"#,
    r#"
    -- Instances that are alive, so that each knows its fair part of the leases.
    CREATE TABLE instances (
        owner      TEXT PRIMARY KEY,
        since      TIMESTAMPTZ NOT NULL,
        expires_at TIMESTAMPTZ NOT NULL
    );
"#,
    r#"
    -- How the journal is divided among relays, from which position on: a row for each time the number
    -- of shards changed. Open once all before it is published.
    CREATE TABLE relay_generations (
        generation BIGINT PRIMARY KEY,
        shards     INT NOT NULL CHECK (shards BETWEEN 1 AND 8),
        begins_at  BIGINT NOT NULL,
        open       BOOLEAN NOT NULL
    );
    INSERT INTO relay_generations VALUES (1, 1, 0, true);
"#,
    r#"
    -- What commits count: orders in each status, how long they stood there (spans in buckets, eight to
    -- each doubling of milliseconds), tasks that are tried again and tasks that were given up.
    -- A row for each slot, so that instances do not wait for each other: a transaction takes one that no
    -- other has. What is read is the sum. Room in the pages lets a row change in place.
    CREATE TABLE counters (
        what   TEXT COLLATE "C" NOT NULL,
        word   TEXT COLLATE "C" NOT NULL,
        bucket BIGINT NOT NULL,
        slot   INTEGER NOT NULL,
        count  BIGINT NOT NULL,
        PRIMARY KEY (what, word, bucket, slot)
    ) WITH (fillfactor = 50);
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
"#,
    r#"
    -- Requests to erase somebody, and what has been done about them. Whom they are about is
    -- forgotten once they are done.
    CREATE TABLE erasures (
        erasure_id   TEXT COLLATE "C" PRIMARY KEY,
        customer_id  TEXT,
        email        TEXT,
        requested_at BIGINT NOT NULL,
        done_at      BIGINT,
        scanned      BIGINT NOT NULL DEFAULT 0,
        orders       BIGINT NOT NULL DEFAULT 0,
        contacts     BIGINT NOT NULL DEFAULT 0,
        keys         BIGINT NOT NULL DEFAULT 0
    );
    CREATE INDEX erasures_open ON erasures (requested_at) WHERE done_at IS NULL;
"#,
    r#"
    -- What a restaurant wants a customer to read: as personal as the rest of the row, and erased with it.
    ALTER TABLE contacts ADD COLUMN remark text;
"#,
    r#"
    -- How restaurants stand to new orders: those of which that was ever spoken.
    CREATE TABLE availability (
        restaurant_id    text PRIMARY KEY,
        version          bigint NOT NULL,
        opening          text NOT NULL,
        until            bigint,
        reason           text,
        set_by           text NOT NULL,
        since            bigint NOT NULL,
        capacity         bigint,
        expired_in_a_row bigint NOT NULL
    );
    CREATE INDEX IF NOT EXISTS orders_of_restaurant ON orders (restaurant_id, placed_at, order_id)
        WHERE deadline IS NOT NULL;
"#,
    r#"
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
"#,
    r#"
    -- Orders of which the state topic is to say nothing any more, because a person was erased. A
    -- position is among the journal's and given once.
    CREATE TABLE tombstones (
        position BIGINT PRIMARY KEY,
        order_id TEXT COLLATE "C" NOT NULL UNIQUE,
        at       BIGINT NOT NULL
    );
"#,
    r#"
    -- Places of restaurants that hear of their orders. `data` is all of it, the columns are what it is
    -- found and guarded by.
    CREATE TABLE endpoints (
        endpoint_id   TEXT COLLATE "C" PRIMARY KEY,
        restaurant_id TEXT COLLATE "C" NOT NULL,
        round         BIGINT NOT NULL,
        is_active     BOOLEAN NOT NULL,
        key           TEXT COLLATE "C" NOT NULL UNIQUE,
        request_hash  BYTEA NOT NULL,
        data          TEXT NOT NULL
    );
    CREATE INDEX endpoints_by_restaurant ON endpoints (restaurant_id, endpoint_id);
"#,
    r#"
    -- Tickets for one stream that nobody has taken yet: what they hash to, and whom they stand for.
    CREATE TABLE feed_tickets (
        digest        BYTEA PRIMARY KEY,
        restaurant_id TEXT NOT NULL,
        role          TEXT NOT NULL,
        subject       TEXT NOT NULL,
        good_until    BIGINT NOT NULL,
        listens_until BIGINT NOT NULL
    );
"#,
    r#"
    -- When an app of a restaurant was connected to an instance last: from when on, and until when it is
    -- known to have been, or to be.
    CREATE TABLE app_connections (
        restaurant_id TEXT COLLATE "C" NOT NULL,
        instance      TEXT NOT NULL,
        since         BIGINT NOT NULL,
        until         BIGINT NOT NULL,
        PRIMARY KEY (restaurant_id, instance)
    );
"#,
    r#"
    -- What endpoints are told: a row for each endpoint and event. `data` is all of it, the columns are
    -- what it is found and guarded by.
    CREATE TABLE deliveries (
        endpoint_id     TEXT COLLATE "C" NOT NULL,
        event_id        TEXT COLLATE "C" NOT NULL,
        round           BIGINT NOT NULL,
        state           TEXT COLLATE "C" NOT NULL,
        next_attempt_at BIGINT NOT NULL,
        occurred_at     BIGINT NOT NULL,
        data            TEXT NOT NULL,
        PRIMARY KEY (endpoint_id, event_id)
    );
    CREATE INDEX deliveries_due ON deliveries (endpoint_id, next_attempt_at)
        WHERE state = 'pending';
    CREATE INDEX deliveries_by_age ON deliveries (occurred_at);
    -- Up to which position of the journal something was made of it.
    CREATE TABLE reader_positions (
        name     TEXT COLLATE "C" PRIMARY KEY,
        position BIGINT NOT NULL
    );
"#,
    r#"
    -- How many orders a customer has under way is asked for each new one: what is over costs nothing.
    CREATE INDEX orders_under_way ON orders (customer_id) WHERE deadline IS NOT NULL;
"#,
    r#"
    -- Open tasks by who is told: those of one that stand for long never hide those of the other.
    CREATE INDEX tasks_due_to ON tasks ((substr(kind, 1, 14) = '{"notify_user"'), next_attempt_at)
        WHERE state = 'open';
    DROP INDEX tasks_due;
"#,
    r#"
    -- What was given up and redriven since is in trouble no more, nor are tasks of orders in compact history,
    -- nor is one that waits for an endpoint: rows and counters as they are kept from now on.
    LOCK TABLE tasks IN SHARE ROW EXCLUSIVE MODE;
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
"#,
    r#"
    -- Erasures come in turn, and those that meet what cannot be read are tried again ever more seldom.
    ALTER TABLE erasures ADD COLUMN unreadable BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE erasures ADD COLUMN next_attempt_at BIGINT NOT NULL DEFAULT 0;
    CREATE INDEX erasures_due ON erasures (next_attempt_at) WHERE done_at IS NULL;
    DROP INDEX erasures_open;
"#,
];
