//! Orders that were committed lately, so that the next command of an order need not load it.

use crate::domain::Order;
use std::collections::HashMap;
use std::sync::Arc;

/// How many orders one generation holds: about 16 MB.
const GENERATION: usize = 16_384;

/// What was committed lately, in two generations: the older one is forgotten as a whole. Others may
/// have moved an order since: whatever is decided on what is found here must be checked by its commit.
#[derive(Default)]
pub struct Recent {
    young: HashMap<String, Arc<Order>>,
    old: HashMap<String, Arc<Order>>,
}

impl Recent {
    /// The order as it was committed last, if that is remembered.
    pub fn get(&self, order_id: &str) -> Option<&Arc<Order>> {
        self.young.get(order_id).or_else(|| self.old.get(order_id))
    }

    /// Remembers an order, or forgets it when it has come to rest: little will be asked of it.
    pub fn committed(&mut self, order: &Arc<Order>) {
        if order.status.is_at_rest() {
            return self.forget(&order.order_id);
        }
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(order.order_id.clone(), Arc::clone(order));
    }

    /// Forgets an order of which is no longer known how it stands.
    pub fn forget(&mut self, order_id: &str) {
        self.young.remove(order_id);
        self.old.remove(order_id);
    }
}
