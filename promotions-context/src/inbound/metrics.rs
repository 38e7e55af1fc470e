//! What became of the order events, as counters.

use metrics::counter;

use crate::app::Taken;

/// Counts a batch that was taken.
pub fn record(taken: &Taken) {
    let outcomes = [
        ("issued", taken.issued),
        ("repeated", taken.repeated),
        ("without_effect", taken.without_effect),
    ];
    for (outcome, count) in outcomes {
        counter!("promotions_order_events_total", "outcome" => outcome).increment(count);
    }
    for code in &taken.rejected {
        counter!("promotions_order_events_total", "outcome" => *code).increment(1);
    }
    for class in &taken.dead_letters {
        counter!("promotions_order_events_total", "outcome" => "dead_letter").increment(1);
        counter!("promotions_dead_letters_total", "class" => *class).increment(1);
    }
}
