//! Which completed order earns a voucher, and which voucher.

use super::VoucherIssued;

const US_PER_DAY: i64 = 86_400 * 1_000_000;

/// A promise made to customers: complete an order of at least `minimum_minor` and receive one
/// voucher. Amounts are minor units of `currency`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Names the campaign for good: voucher ids are derived from it.
    pub id: String,
    /// The smallest total of an order that earns a voucher; an order of exactly this much does.
    pub minimum_minor: i64,
    /// What the voucher is worth.
    pub value_minor: i64,
    /// ISO 4217. Orders in other currencies earn nothing: there is no rate to compare them by.
    pub currency: String,
    /// The smallest total of an order that the voucher may be spent on.
    pub voucher_minimum_minor: i64,
    /// How long the voucher may be spent, from the moment of its issue.
    pub valid_days: u16,
}

/// What promotions needs to know of an order that was completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedOrder {
    /// The order's id.
    pub order_id: String,
    /// Whose order it was, as an opaque id.
    pub customer_id: String,
    /// What the order cost, in minor units of `currency`.
    pub total_minor: i64,
    /// ISO 4217.
    pub currency: String,
}

/// Why an order earned no voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The order cost less than the campaign's minimum.
    BelowMinimum,
    /// The order was paid in a currency the campaign does not know.
    OtherCurrency,
}

impl Rejection {
    /// The stable code of this rejection, for metrics and logs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::BelowMinimum => "below_minimum",
            Self::OtherCurrency => "other_currency",
        }
    }
}

/// Decides whether `order` earns a voucher in `campaign`. The same order and campaign must always
/// come with the same `voucher_id`: that is what makes a repeated event harmless.
///
/// A voucher is valid from `now_us`, not from the order's completion, so that a customer does not
/// pay for the time in which promotions was down.
///
/// # Errors
/// The reason why the order earns nothing.
pub fn decide(
    campaign: &Campaign,
    order: &CompletedOrder,
    voucher_id: String,
    now_us: i64,
) -> Result<VoucherIssued, Rejection> {
    if order.currency != campaign.currency {
        return Err(Rejection::OtherCurrency);
    }
    if order.total_minor < campaign.minimum_minor {
        return Err(Rejection::BelowMinimum);
    }
    Ok(VoucherIssued {
        voucher_id,
        campaign_id: campaign.id.clone(),
        order_id: order.order_id.clone(),
        customer_id: order.customer_id.clone(),
        value_minor: campaign.value_minor,
        currency: campaign.currency.clone(),
        minimum_minor: campaign.voucher_minimum_minor,
        issued_at_us: now_us,
        valid_until_us: now_us.saturating_add(i64::from(campaign.valid_days) * US_PER_DAY),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn five_euros_from_fifteen() -> Campaign {
        Campaign {
            id: "thanks".into(),
            minimum_minor: 1500,
            value_minor: 500,
            currency: "EUR".into(),
            voucher_minimum_minor: 1000,
            valid_days: 30,
        }
    }

    fn amiras_order(total_minor: i64, currency: &str) -> CompletedOrder {
        CompletedOrder {
            order_id: "order-of-dumplings".into(),
            customer_id: "amira".into(),
            total_minor,
            currency: currency.into(),
        }
    }

    #[test]
    fn an_order_earns_a_voucher_from_the_minimum_on() {
        let cases = [
            ("nothing", 0, "EUR", Err(Rejection::BelowMinimum)),
            ("one below", 1499, "EUR", Err(Rejection::BelowMinimum)),
            ("at the minimum", 1500, "EUR", Ok(500)),
            ("one above", 1501, "EUR", Ok(500)),
            ("a feast", i64::MAX, "EUR", Ok(500)),
            ("another currency", 1500, "CHF", Err(Rejection::OtherCurrency)),
            ("another currency and too little", 1499, "CHF", Err(Rejection::OtherCurrency)),
            ("a currency in another case", 1500, "eur", Err(Rejection::OtherCurrency)),
        ];
        for (case, total_minor, currency, expected) in cases {
            let order = amiras_order(total_minor, currency);
            let decided = decide(&five_euros_from_fifteen(), &order, "v".into(), 0);
            assert_eq!(decided.map(|issued| issued.value_minor), expected, "{case}");
        }
    }

    #[test]
    fn the_voucher_says_whose_it_is_what_for_and_until_when() {
        let order = amiras_order(2350, "EUR");
        let issued = decide(&five_euros_from_fifteen(), &order, "v-1".into(), 7);
        assert_eq!(
            issued,
            Ok(VoucherIssued {
                voucher_id: "v-1".into(),
                campaign_id: "thanks".into(),
                order_id: "order-of-dumplings".into(),
                customer_id: "amira".into(),
                value_minor: 500,
                currency: "EUR".into(),
                minimum_minor: 1000,
                issued_at_us: 7,
                valid_until_us: 7 + 30 * US_PER_DAY,
            })
        );
    }
}
