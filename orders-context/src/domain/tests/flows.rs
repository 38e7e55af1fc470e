//! A flow that has shipped never changes: orders live by it. Its table in `blessed/flow/` is what it
//! was then; `BLESS=1` adds that of a new one.

use crate::domain::flow::{FLOWS, Transition};
use crate::domain::{FlowVersion, Status, Trigger};
use std::collections::HashSet;
use std::fs;
use std::path::Path;

fn text(table: &[Transition]) -> String {
    let line = |arrow: &Transition| {
        let by: Vec<&str> = arrow.by.iter().map(|role| role.as_str()).collect();
        format!("{} {} {} {}\n", arrow.from, arrow.on, arrow.to, by.join("|"))
    };
    table.iter().map(line).collect()
}

#[test]
fn a_flow_that_has_shipped_never_changes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("blessed/flow");
    for (number, table) in (1..).zip(FLOWS) {
        let path = folder.join(format!("{number}.txt"));
        if std::env::var_os("BLESS").is_some() && !path.exists() {
            fs::create_dir_all(&folder).expect("a folder for tables");
            fs::write(&path, text(table)).expect("a table is written");
        }
        let shipped = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            text(table),
            shipped,
            "orders live by version {number} of the flow: leave it as it is and put another table \
             behind it in FLOWS. A new one is blessed by BLESS=1 cargo test -p orders-context --lib \
             flows"
        );
    }
    let blessed = fs::read_dir(&folder).expect("a folder of tables").count();
    assert_eq!(blessed, FLOWS.len(), "a flow that has shipped is never taken away");
}

#[test]
fn versions_are_the_places_of_the_tables() {
    assert_eq!(FlowVersion::FIRST.table(), FLOWS[0]);
    assert_eq!(FlowVersion::LATEST.table(), FLOWS[FLOWS.len() - 1]);
    for (number, table) in (1..).zip(FLOWS) {
        let version = FlowVersion::try_from(number).expect("there is a table");
        assert_eq!((version.number(), version.table()), (number, *table));
    }
    assert!(FlowVersion::try_from(0).is_err());
    assert!(FlowVersion::try_from(FlowVersion::LATEST.number() + 1).is_err());
}

#[test]
fn in_every_flow_an_order_begins_as_placed_and_leaves_by_a_trigger_one_way() {
    for table in FLOWS {
        assert!(table.iter().any(|arrow| arrow.from == Status::Placed));
        let ways: HashSet<(Status, Trigger)> =
            table.iter().map(|arrow| (arrow.from, arrow.on)).collect();
        assert_eq!(ways.len(), table.len());
        let reached: HashSet<Status> = table.iter().map(|arrow| arrow.to).collect();
        let left = table.iter().map(|arrow| arrow.from);
        assert!(left.clone().all(|from| from == Status::Placed || reached.contains(&from)));
    }
    assert!(Status::ALL.iter().all(|&status| FlowVersion::LATEST.knows(status)));
}
