//! What was stored once is read for ever: a bulk action of each kind. A sample in `blessed/` never
//! changes; `BLESS=1` adds those that are missing.

use super::{Ahead, Bulk, BulkState, Interruption, Portion, Refused, Tally};
use crate::domain::tests::mother::{EVENING, after, evening, intervention};
use crate::domain::{Action, Deadline, Status, Until};
use crate::store::{OrdersFilter, Place};
use std::fs;
use std::path::Path;

fn every_action() -> [Action; 7] {
    let extend = |deadline, until| Action::Extend { deadline, until };
    [
        Action::Redrive,
        Action::RedriveTask,
        Action::RetryNow,
        extend(Deadline::AcceptBy, Until::Moment(after(7))),
        extend(Deadline::CompleteBy, Until::Later { by_ms: 600_000 }),
        Action::Cancel { reason: "restaurant_closed".to_owned() },
        Action::Migrate { to: evening() },
    ]
}

fn bulk(action: Action) -> Bulk {
    let refused = Refused { count: 1, order_ids: vec!["order-9".to_owned()] };
    Bulk {
        bulk_id: "bulk-1".to_owned(),
        round: 5,
        state: BulkState::Paused,
        action,
        filter: OrdersFilter {
            status: vec![Status::Placed],
            placed_before: Some(EVENING),
            ..OrdersFilter::default()
        },
        intervention: intervention(),
        per_second: 50,
        usual_ms: Vec::new(),
        created_at: EVENING,
        ended_at: None,
        matched: Some(100),
        ahead: Ahead::After(Place { at: after(1), order_id: "order-7".to_owned() }),
        portion: Portion { number: 2, taken_at: after(5), order_ids: vec!["order-8".to_owned()] },
        tally: Tally { acted: 4, unchanged: 2, refused: [("too_far".to_owned(), refused)].into() },
        interruptions: vec![Interruption {
            at: after(6),
            to: BulkState::Paused,
            intervention: intervention(),
        }],
    }
}

#[test]
fn every_kind_of_bulk_action_is_read_for_ever() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("blessed/bulk/1");
    for (number, action) in (1..).zip(every_action()) {
        let sample = bulk(action);
        let path = folder.join(format!("{number}_{}.json", sample.action.as_str()));
        if std::env::var_os("BLESS").is_some() && !path.exists() {
            fs::create_dir_all(&folder).expect("a folder for samples");
            let text = serde_json::to_string_pretty(&sample).expect("it has a stored form");
            fs::write(&path, text + "\n").expect("a sample is written");
        }
        let text = fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}: BLESS=1 cargo test -p orders-context --lib bulk", path.display())
        });
        let read: Bulk = serde_json::from_str(&text).expect("what was stored can be read");
        assert_eq!(read, sample, "{}", path.display());
    }
}
