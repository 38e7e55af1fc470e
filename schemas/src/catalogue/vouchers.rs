//! The pages of the events of vouchers.

use super::Page;

pub(super) const PAGES: &[Page] = &[Page {
    event_type: "voucher_issued",
    title: "a campaign issued a voucher",
    when: "In the transaction in which promotions takes the event of the order that earned it.",
    why: "The voucher can be shown, counted and accounted for. Its code is a secret and not here.",
    who: "Promotions, by the rule of the campaign; nobody asks for a voucher.",
    follows: "Nothing by itself. A campaign and an order have one voucher, however often the order's \
              event comes.",
}];
