//! The use cases and loops of the orders context over a SQLite file: groups, keys, deadlines, tasks.
//! The clock stands still unless a test moves it.

// What fails here fails the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "app/faulty.rs"]
mod faulty;
#[path = "../examples/support/lateness.rs"]
mod lateness;
#[path = "app/postbox.rs"]
mod postbox;
#[path = "app/sink.rs"]
mod sink;
#[path = "app/support.rs"]
mod support;

#[path = "app/bulk.rs"]
mod bulk;
#[path = "app/channels.rs"]
mod channels;
#[path = "app/crowding.rs"]
mod crowding;
#[path = "app/deadlines.rs"]
mod deadlines;
#[path = "app/deciding.rs"]
mod deciding;
#[path = "app/deliveries.rs"]
mod deliveries;
#[path = "app/faults.rs"]
mod faults;
#[path = "app/giving_up.rs"]
mod giving_up;
#[path = "app/grouping.rs"]
mod grouping;
#[path = "app/histories.rs"]
mod histories;
#[path = "app/letters.rs"]
mod letters;
#[path = "app/migrating.rs"]
mod migrating;
#[path = "app/overload.rs"]
mod overload;
#[path = "app/pausing.rs"]
mod pausing;
#[path = "app/placing.rs"]
mod placing;
#[path = "app/push.rs"]
mod push;
#[path = "app/starting.rs"]
mod starting;
#[path = "app/tasks.rs"]
mod tasks;
#[path = "app/turns.rs"]
mod turns;
