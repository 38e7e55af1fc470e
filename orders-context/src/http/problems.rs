//! The pages of the problems that only orders has: what each code means and what to do about it.

use chassis::http::ProblemPage;

/// A page for each code that `problem.rs` and the rejections of the domain use, and chassis has none
/// for.
pub const PAGES: &[ProblemPage] = &[
    ProblemPage::new(
        "bulk_action_ended",
        409,
        "The bulk action is done, or was cancelled: it cannot be paused, resumed or cancelled.",
        "Start another one for what is left to do.",
    ),
    ProblemPage::new(
        "bulk_action_not_found",
        404,
        "There is no bulk action with this id.",
        "GET /v1/bulk-actions lists them.",
    ),
    ProblemPage::new(
        "contended",
        409,
        "Others keep changing the same order.",
        "Ask again after the seconds in Retry-After.",
    ),
    ProblemPage::new(
        "customer_not_found",
        404,
        "There is no such customer, or none that the caller may know of.",
        "Compare the id; customers see their own orders in any case.",
    ),
    ProblemPage::new(
        "deadline_passed",
        409,
        "The moment until which this could be decided has passed, even if the order has not been \
         moved on yet.",
        "Nothing more to decide here: the member deadline says until when it was possible. An \
         operator can extend a deadline beforehand, or redrive an order that expired or timed out.",
    ),
    ProblemPage::new(
        "decided_otherwise",
        409,
        "Another decision was made, or the order has moved on.",
        "Look at current_status, and decided_at if a person decided. The same decision again would \
         have been answered 200.",
    ),
    ProblemPage::new(
        "delivery_not_found",
        404,
        "The endpoint has no delivery with this id, or its event is more than a week old.",
        "GET …/deliveries lists those there are.",
    ),
    ProblemPage::new(
        "endpoint_not_found",
        404,
        "The restaurant has no webhook endpoint with this id.",
        "GET /v1/restaurants/{id}/webhook-endpoints lists them.",
    ),
    ProblemPage::new(
        "erasure_not_found",
        404,
        "There is no request to erase somebody with this id.",
        "Use the Location that the request was answered with.",
    ),
    ProblemPage::new(
        "fenced",
        503,
        "Another instance does this work by now.",
        "Ask again after the seconds in Retry-After.",
    ),
    ProblemPage::new(
        "idempotency_key_required",
        400,
        "What creates something needs a key, so that a repeated request creates it once.",
        "Send one Idempotency-Key: a new value for each new thing, the same value when the request \
         is repeated.",
    ),
    ProblemPage::new(
        "idempotency_key_reused",
        422,
        "The Idempotency-Key was used for a different request.",
        "Use a new key for a new request. To repeat a request, send its body as it was, byte for \
         byte.",
    ),
    ProblemPage::new(
        "invalid_idempotency_key",
        400,
        "The Idempotency-Key is not a string of 1 to 255 printable ASCII characters.",
        "Write it in double quotes, as a random value such as a UUID.",
    ),
    ProblemPage::new(
        "invalid_ticket",
        401,
        "The ticket was taken already, has expired, or is none.",
        "Ask for a new one at POST /v1/restaurants/{id}/feed-tickets: one for each connection.",
    ),
    ProblemPage::new(
        "item_not_ordered",
        422,
        "An item that is said to have run out is not part of the order.",
        "Name items of the order, as its lines do.",
    ),
    ProblemPage::new(
        "no_items",
        422,
        "There is nothing in the order.",
        "Order at least one item of the restaurant's menu.",
    ),
    ProblemPage::new(
        "no_open_task",
        409,
        "Nothing of this order waits for its next attempt.",
        "Look at its tasks: what is done needs no retry, what was given up can be redriven.",
    ),
    ProblemPage::new(
        "no_place_in_flow",
        409,
        "The order stands where the other flow has no place for it.",
        "Look at orders plan, which lists such orders; let them come to their end under their own flow.",
    ),
    ProblemPage::new(
        "not_later",
        409,
        "A deadline is only ever moved to a later moment.",
        "Name a moment after the one in the member deadline.",
    ),
    ProblemPage::new(
        "not_yet",
        409,
        "It is too early for this: a step of the order's flow has to come first.",
        "Look at current_status. An order is accepted before it is completed.",
    ),
    ProblemPage::new(
        "order_already_placed",
        409,
        "There is an order with this id already.",
        "Look at that order.",
    ),
    ProblemPage::new(
        "order_not_found",
        404,
        "There is no such order, or none that the caller may know of.",
        "Compare the id; a customer sees their own orders, a restaurant those placed with it.",
    ),
    ProblemPage::new(
        "overloaded",
        503,
        "More requests are waiting than can be answered in time. Nothing was done.",
        "Send the same request again after the seconds in Retry-After, with growing pauses.",
    ),
    ProblemPage::new(
        "ready_in_the_past",
        422,
        "The moment at which the food is said to be ready has passed.",
        "Name a later one as ready_by, or leave it out.",
    ),
    ProblemPage::new(
        "ready_too_late",
        422,
        "The food would be ready only after the order's whole time is over.",
        "Name a moment before the one in the member limit, or reject the order.",
    ),
    ProblemPage::new(
        "restaurant_closed",
        409,
        "The restaurant is closed, and takes no orders for a while.",
        "Order elsewhere, or again after Retry-After.",
    ),
    ProblemPage::new(
        "restaurant_full",
        409,
        "The restaurant has as many orders in work as it can take.",
        "Order elsewhere, or again after Retry-After.",
    ),
    ProblemPage::new(
        "restaurant_not_found",
        404,
        "There is no restaurant with this id, or none that the caller may know of. In a new order \
         the status is 422.",
        "Compare the id.",
    ),
    ProblemPage::new(
        "restaurant_paused",
        409,
        "The restaurant takes no orders for a while.",
        "Order elsewhere, or again after Retry-After.",
    ),
    ProblemPage::new(
        "restaurant_required",
        400,
        "The token is for several restaurants, and the request names none.",
        "Name one of them as restaurant_id.",
    ),
    ProblemPage::new(
        "still_rotating",
        409,
        "The endpoint has two older keys that sign still: a third might leave a receiver behind.",
        "Wait until the first of older_keys_until has passed, or rotate with overlap_seconds 0, which \
         ends every older key at once.",
    ),
    ProblemPage::new(
        "task_not_given_up",
        409,
        "Of what would help the order where it stands, nothing was given up.",
        "Look at its tasks: what is still tried needs no redrive.",
    ),
    ProblemPage::new(
        "too_far",
        409,
        "The deadline may not be moved that far.",
        "Name a moment up to the one in the member limit.",
    ),
    ProblemPage::new(
        "too_many_bulk_actions",
        409,
        "As many bulk actions as may run are running.",
        "Wait until one has ended, or cancel one.",
    ),
    ProblemPage::new(
        "too_many_endpoints",
        409,
        "A restaurant has five webhook endpoints at most.",
        "Remove one that is not needed.",
    ),
    ProblemPage::new(
        "too_many_open_orders",
        409,
        "The customer has as many orders under way as one may have.",
        "Wait until one of them has come to its end, or cancel one.",
    ),
    ProblemPage::new(
        "too_many_streams",
        429,
        "The caller holds as many streams as one may.",
        "End a stream that is not needed any more, or come back after the seconds in Retry-After. One stream \
         of a restaurant tells everything about it.",
    ),
    ProblemPage::new(
        "total_too_large",
        422,
        "Quantities and prices add up to more than can be counted.",
        "Order less.",
    ),
    ProblemPage::new(
        "unknown_item",
        422,
        "An item is not on the restaurant's menu.",
        "Fetch the menu again; errors says which item it is.",
    ),
];
