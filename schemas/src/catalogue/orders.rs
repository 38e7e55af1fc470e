//! The pages of the events of orders.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page {
        event_type: "order_placed",
        title: "a customer placed an order",
        when: "When the order is stored, before anybody answers the customer: it is the first event \
               of every order, with `sequence` 1, and there is one.",
        why: "From here on the order exists. It carries what was ordered at the prices of that \
              moment, and the two moments by which somebody has to act.",
        who: "The customer, through `POST /v1/orders`.",
        follows: "The restaurant is told (`restaurant_notified`, or `notification_failed`). Then \
                  `order_accepted`, `order_rejected`, `order_cancelled` or, at `accept_by`, \
                  `order_expired`.",
    },
    Page {
        event_type: "restaurant_notified",
        title: "a channel delivered the order to the restaurant",
        when: "When a channel of the restaurant answered that it has the order.",
        why: "Whoever measures how fast restaurants answer begins to count here.",
        who: "The orders context, which calls the restaurant until it answers or `accept_by` comes.",
        follows: "Reminders (`restaurant_reminded`) until the restaurant answers. It may come after \
                  `order_accepted`: then it moves nothing.",
    },
    Page {
        event_type: "restaurant_reminded",
        title: "the restaurant had not answered and is reminded",
        when: "When a reminder time of the order passes and the restaurant was told and has not answered; `reminder` \
               says which. Of several that passed meanwhile, only the last is given.",
        why: "Support sees restaurants that are slow before orders expire.",
        who: "The orders context, by the clock.",
        follows: "The restaurant is called again. The order stays where it is.",
    },
    Page {
        event_type: "order_accepted",
        title: "the restaurant said yes",
        when: "When the restaurant accepts before `accept_by`.",
        why: "The order will be cooked: whoever plans deliveries begins here.",
        who: "The restaurant, or an operator for it: `decided_by`.",
        follows: "The customer is told (`user_notified`). Then `order_completed`, `order_cancelled` \
                  or, at `complete_by`, `order_timed_out`.",
    },
    Page {
        event_type: "order_rejected",
        title: "the restaurant said no",
        when: "When the restaurant rejects before `accept_by`, with a reason code.",
        why: "The order is at its end. Refunds and offers of another restaurant begin here.",
        who: "The restaurant, or an operator for it: `decided_by`.",
        follows: "The customer is told (`user_notified`). The status stays `rejected`.",
    },
    Page {
        event_type: "user_notified",
        title: "the customer was told",
        when: "When a letter was handed over, or a push gateway has taken it, that told the customer of the fact in \
               `notification`; `channel` says which.",
        why: "Support knows what the customer knows.",
        who: "The orders context.",
        follows: "After news of acceptance an `accepted` order is `confirmed`. In every other case it \
                  is recorded and moves nothing, and it may come after the order's end.",
    },
    Page {
        event_type: "order_completed",
        title: "the order was delivered",
        when: "When the restaurant says so, after it has accepted and before `complete_by`.",
        why: "It is the good end: revenue, ratings and rewards begin here. Promotions issues vouchers \
              for it.",
        who: "The restaurant, or an operator for it: `decided_by`.",
        follows: "Nothing that moves the order. A `user_notified` may still come.",
    },
    Page {
        event_type: "order_cancelled",
        title: "the order was called off",
        when: "When the customer calls it off before it is accepted, or the restaurant or an operator \
               before it is completed, with a reason code.",
        why: "The order is at its end, and `decided_by` says on whose word.",
        who: "The customer, the restaurant or an operator: `decided_by`.",
        follows: "The customer is told (`user_notified`). The status stays `cancelled`.",
    },
    Page {
        event_type: "order_expired",
        title: "nobody answered in time",
        when: "When `accept_by` passes without an answer; never before it.",
        why: "The order is at its end unless an operator sets it going again.",
        who: "The orders context, by the clock.",
        follows: "The customer is told (`user_notified`). An operator may redrive it \
                  (`order_redriven`).",
    },
    Page {
        event_type: "order_timed_out",
        title: "accepted, but not completed in time",
        when: "When `complete_by` passes and the accepted order is not completed.",
        why: "Somebody has to look: food may have been cooked and not delivered.",
        who: "The orders context, by the clock.",
        follows: "The customer is told (`user_notified`). An operator may redrive it \
                  (`order_redriven`).",
    },
    Page {
        event_type: "notification_failed",
        title: "somebody could not be told",
        when: "When a call to the restaurant or a letter to the customer is given up: it was refused \
               for good, or its time was over.",
        why: "An operator sees that a person does not know what they ought to know.",
        who: "The orders context, after `attempts` attempts; `cause_code` says why.",
        follows: "Nothing by itself: the order goes on with its deadlines.",
    },
    Page {
        event_type: "order_redriven",
        title: "an operator set the order going again",
        when: "When an operator redrives an `expired` or `timed_out` order.",
        why: "The end that was published no longer holds: take back what followed from it.",
        who: "An operator: `redriven_by`.",
        follows: "The order is `placed` again (it had expired) or `accepted` again (it had timed \
                  out), with new deadlines, and all that follows from there.",
    },
    Page {
        event_type: "deadline_extended",
        title: "an operator gave the order more time",
        when: "When an operator moves one of the order's two deadlines to a later moment.",
        why: "Whoever waits for the order, or counts how late it is, has to know the new moment.",
        who: "An operator: `extended_by`.",
        follows: "The status stays. The deadline named in `deadline` fires at `to` instead of `from`.",
    },
    Page {
        event_type: "task_redriven",
        title: "an operator had a task tried again",
        when: "When an operator sets a call or a letter going that was given up or that waits for its \
               next attempt.",
        why: "A `notification_failed` before it no longer stands.",
        who: "An operator: `redriven_by`.",
        follows: "The status stays. `restaurant_notified`, `user_notified` or once more \
                  `notification_failed`.",
    },
    Page {
        event_type: "flow_migrated",
        title: "the order was moved to another version of the flow, or to other times",
        when: "When an operator moves a running order to the rules of another version of the flow, to another policy, \
               or both; where only the times are others, `from_flow` and `to_flow` are the same.",
        why: "Who explains to people what may still happen with the order, and until when, has to go by the new rules.",
        who: "An operator: `migrated_by`.",
        follows: "All that the new version provides for, with the deadlines given here.",
    },
];
