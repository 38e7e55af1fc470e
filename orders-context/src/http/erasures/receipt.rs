//! What an erasure answers: every place where something of a person could be, and what was found
//! there.

use super::super::view::Moment;
use crate::app::Erasure;
use serde::Serialize;
use utoipa::ToSchema;

/// A request to erase somebody, and how far it has come. It does not say whom.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErasureReceipt)]
pub struct ReceiptView<'a> {
    /// As it is asked for.
    id: &'a str,
    /// `open` or `done`. It is open as long as anything is `unreadable`.
    #[schema(value_type = String, example = "done")]
    state: &'static str,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    requested_at: Moment,
    /// When the last of it was erased; null while it is open.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    done_at: Option<Moment>,
    /// How many contacts and restaurants may be the person's, but are kept with something damaged, so that
    /// it cannot be read whose they are. They were left, and nobody can promise that they are somebody
    /// else's: the request is tried again until they can be read or are gone, ever more seldom, at
    /// least once an hour. Everything else of the person is erased. The log names them.
    #[schema(minimum = 0, example = 0)]
    unreadable: i64,
    /// Every place that was looked at, or need not be.
    places: Vec<PlaceView>,
}

/// A place where something of a person could be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErasurePlace)]
pub struct PlaceView {
    /// Which.
    #[schema(example = "orders: contacts")]
    place: &'static str,
    /// What it holds of persons.
    #[schema(example = "names, mail addresses, notes")]
    holds: &'static str,
    /// How many rows the last look at all of them has seen; null where there is nothing to look for.
    #[schema(required)]
    scanned: Option<i64>,
    /// How many rows were erased since the request.
    erased: i64,
}

/// Where nothing personal ever comes, with what is there instead.
const OPAQUE: [(&str, &str); 9] = [
    (
        "orders: orders, journal, tasks and compact history",
        "opaque ids; they stay, so that the history is whole",
    ),
    ("orders: deliveries to endpoints", "opaque ids"),
    ("orders: bulk actions and reasons of operators", "opaque ids; words that name nobody"),
    ("topic orders.order.events.v1", "opaque ids"),
    ("topic promotions.voucher.events.v1", "opaque ids"),
    (
        "promotions: vouchers",
        "opaque ids and codes; nothing there names a person, nothing is erased",
    ),
    ("dead letters", "messages of those topics, byte for byte: opaque ids"),
    ("analytics: lake", "opaque ids, as on the topics"),
    ("logs of all contexts", "order ids; no names, addresses, notes or tokens"),
];

/// What is out of our hands.
const SENT: [(&str, &str); 2] = [
    ("letters", "none is kept here: those sent are with the mail server and in the mailbox"),
    (
        "webhooks and letters to restaurants",
        "none is kept here: a note that was sent is with the restaurant",
    ),
];

impl<'a> ReceiptView<'a> {
    /// The receipt as it stands.
    pub fn of(erasure: &'a Erasure) -> Self {
        let erased = &erasure.erased;
        let mut places = vec![
            PlaceView {
                place: "orders: contacts",
                holds: "names, mail addresses, notes, and mail addresses of restaurants",
                scanned: Some(erasure.pass.scanned),
                erased: erased.contacts,
            },
            PlaceView {
                place: "orders: idempotency keys",
                holds: "hashes of requests, found by the person's orders",
                scanned: None,
                erased: erased.keys,
            },
            PlaceView {
                place: "topic orders.order.state.v1",
                holds: "opaque ids; a tombstone for each of the person's orders takes its state back",
                scanned: None,
                erased: erased.orders,
            },
        ];
        let elsewhere = OPAQUE.iter().chain(&SENT);
        places.extend(elsewhere.map(|(place, holds)| PlaceView {
            place,
            holds,
            scanned: None,
            erased: 0,
        }));
        Self {
            id: &erasure.erasure_id,
            state: if erasure.done_at.is_some() { "done" } else { "open" },
            requested_at: erasure.requested_at.into(),
            done_at: erasure.done_at.map(Moment::from),
            unreadable: erasure.pass.unreadable,
            places,
        }
    }
}
