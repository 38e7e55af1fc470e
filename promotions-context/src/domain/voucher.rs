//! What a voucher is, and what its events say.

use serde::{Deserialize, Serialize};

use super::Code;

/// The fact that a voucher exists from now on. This is what the journal keeps, so a field may be
/// added with a default and never removed. It does not hold the code: events are read by many,
/// and whoever knows a code can spend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherIssued {
    /// Derived from the campaign and the order: one voucher for each pair.
    pub voucher_id: String,
    /// The campaign that promised it.
    pub campaign_id: String,
    /// The order that earned it.
    pub order_id: String,
    /// Who may spend it, as an opaque id.
    pub customer_id: String,
    /// What it is worth, in minor units of `currency`.
    pub value_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// The smallest total of an order that it may be spent on, in minor units.
    pub minimum_minor: i64,
    /// When it was issued, in microseconds since the Unix epoch.
    pub issued_at_us: i64,
    /// The first moment at which it may not be spent any more.
    pub valid_until_us: i64,
}

impl VoucherIssued {
    /// The name of this event, in the journal and on the topic.
    pub const EVENT_TYPE: &'static str = "voucher_issued";
}

/// A voucher as its customer may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voucher {
    /// What was promised.
    pub issued: VoucherIssued,
    /// What the customer types in to spend it.
    pub code: Code,
}

/// The last voucher of a page, newest first: the next page begins behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageEnd {
    /// When that voucher was issued.
    pub issued_at_us: i64,
    /// Its id, for vouchers issued in the same microsecond.
    pub voucher_id: String,
}

/// Whether a voucher can be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoucherState {
    /// It can be spent.
    Issued,
    /// Its time is over.
    Expired,
}

impl VoucherState {
    /// The state's name, as the API says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Expired => "expired",
        }
    }
}

impl Voucher {
    /// The voucher's state at `now_us`.
    #[must_use]
    pub fn state_at(&self, now_us: i64) -> VoucherState {
        if now_us < self.issued.valid_until_us {
            VoucherState::Issued
        } else {
            VoucherState::Expired
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voucher_expires_at_the_moment_it_is_valid_until() {
        let voucher = Voucher {
            issued: VoucherIssued {
                voucher_id: "v-1".into(),
                campaign_id: "thanks".into(),
                order_id: "order-of-dumplings".into(),
                customer_id: "amira".into(),
                value_minor: 500,
                currency: "EUR".into(),
                minimum_minor: 1000,
                issued_at_us: 10,
                valid_until_us: 100,
            },
            code: Code::from_bits(1),
        };
        assert_eq!(voucher.state_at(99), VoucherState::Issued);
        assert_eq!(voucher.state_at(100), VoucherState::Expired);
        assert_eq!(voucher.state_at(101), VoucherState::Expired);
    }
}
