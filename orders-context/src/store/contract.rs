//! What every store must do, whatever database is behind it. [`store_contract`] makes one test of each
//! law for a place to store in, which opens the same store again each time it is asked.

pub mod archive;
pub mod availability;
pub mod bulk;
pub mod checks;
pub mod commits;
pub mod counters;
pub mod customers;
pub mod damage;
pub mod deliveries;
pub mod earlier;
pub mod endpoints;
pub mod erasing;
pub mod feed;
pub mod listing;
pub mod moments;
pub mod presence;
pub mod questions;
pub mod reading;
pub mod tasks;
pub mod tickets;
pub mod tombstones;

use super::{
    Commit, Contact, Counted, Entry, JournalRow, Outcome, Remembered, Store, TaskChange, Wake,
};
use crate::domain::tests::mother::{EVENING, Life, order_placed};
use crate::domain::{Event, Order, Timestamp, wake_at};
use std::sync::Arc;

/// Makes tests of all laws. The expression is a new empty place: a function that opens its store.
macro_rules! store_contract {
    ($new_place:expr) => {
        store_contract! { $new_place;
            commits: [
                what_was_committed_is_found_also_after_opening_again,
                a_stale_commit_leaves_nothing_behind_and_the_others_whole,
                an_order_exists_once,
                an_order_moves_twice_in_one_group,
                a_move_decided_on_an_uncommitted_move_falls_with_it,
                a_key_is_remembered_with_its_order,
                a_key_is_used_once,
                a_key_guards_a_move_too,
                old_keys_are_forgotten_in_portions_the_oldest_first,
                of_many_at_once_one_moves_the_order,
                a_group_of_nothing_is_nothing,
            ]
            reading: [
                the_journal_is_read_in_commit_order_by_any_steps,
                a_reader_sees_what_is_committed_while_it_reads,
                the_history_of_an_order_comes_in_pages,
                what_was_never_stored_is_not_found,
                a_restaurant_is_replaced_whole,
                a_restaurant_that_has_changed_is_not_replaced,
                a_contact_belongs_to_its_order_alone,
            ]
            availability: [
                how_a_restaurant_stands_is_replaced_by_the_next_version_alone,
                an_order_that_is_refused_leaves_nothing_behind,
                a_restaurant_has_as_many_orders_in_work_as_it_takes,
                of_many_at_once_as_many_are_taken_as_there_is_room,
                silence_in_a_row_pauses_and_an_answer_ends_the_row,
            ]
            customers: [
                a_customer_has_as_many_orders_under_way_as_one_may,
            ]
            archive: [
                an_order_at_rest_moves_and_is_found_all_the_same,
                only_what_rests_is_done_and_published_moves,
                portions_reach_every_order_once,
                a_clock_that_was_ahead_ends_no_portion,
                an_order_that_moves_comes_back_first,
                what_was_redriven_is_in_no_trouble_when_it_comes_back,
                of_those_who_move_an_archived_order_one_succeeds,
            ]
            checks: [
                everything_kept_of_an_order_is_read_together,
                ids_are_known_page_by_page,
            ]
            erasing: [
                a_customers_contacts_and_keys_are_erased_and_nobody_elses,
                a_mail_address_is_erased_however_it_is_written,
                an_address_is_the_same_in_capitals_of_every_alphabet,
                erasures_come_in_turn,
                an_order_in_compact_history_is_erased_too,
                an_erasure_is_asked_for_once_and_forgets_whom_it_was_about,
            ]
            feed: [
                the_settled_end_rises_and_nothing_comes_before_it,
                a_stretch_tells_of_one_restaurant_what_lies_within,
                what_went_to_compact_history_is_missed_aloud,
            ]
            presence: [
                a_connection_is_prolonged_ended_and_begun_again,
                instances_know_of_their_own_connections,
                connections_of_long_ago_are_forgotten,
            ]
            tickets: [
                a_ticket_is_taken_once,
                of_many_who_take_a_ticket_one_gets_it,
                old_tickets_are_forgotten_and_good_ones_are_not,
            ]
            counters: [
                every_step_is_counted,
                spans_of_every_length_are_counted_alike,
                what_does_not_stand_is_not_counted,
                tasks_in_trouble_are_counted,
                tasks_of_compact_history_are_in_no_trouble,
                the_flow_shows_the_oldest_and_what_is_due,
                counting_again_ends_when_its_time_is_over,
            ]
            listing: [
                orders_are_listed_the_newest_first,
                every_sort_lists_each_order_once_in_its_order,
                orders_are_found_by_how_their_tasks_stand,
                a_listing_keeps_to_what_is_asked_for,
                a_cursor_stays_put_while_orders_come_in,
                orders_of_one_moment_are_listed_once_each,
            ]
            questions: [
                every_question_finds_what_it_asks_for,
            ]
            bulk: [
                a_bulk_action_is_kept_whole,
                a_bulk_action_is_started_once_for_each_key,
                only_so_many_bulk_actions_are_open,
                a_bulk_action_is_changed_by_one_at_a_time,
                bulk_actions_are_listed_the_newest_first,
                orders_are_counted_as_they_are_listed,
            ]
            endpoints: [
                an_endpoint_is_made_once_for_each_key,
                a_restaurant_has_no_more_endpoints_than_it_may,
                an_endpoint_is_changed_by_one_at_a_time,
                an_endpoint_is_removed_by_its_restaurant,
            ]
            deliveries: [
                what_concerns_endpoints_is_of_restaurants_that_have_one,
                deliveries_come_with_the_position_they_were_made_up_to,
                deliveries_of_before_are_replaced_with_the_position_or_nothing_is,
                of_many_who_read_the_same_page_one_makes_deliveries,
                of_each_endpoint_the_most_overdue_are_due,
                endpoints_that_fail_do_not_stand_before_others,
                a_null_character_stops_no_delivery,
                a_delivery_is_changed_by_one_at_a_time,
                deliveries_are_listed_the_newest_first,
                what_is_pointless_behind_a_pause_is_found,
                pauses_for_failing_are_found_until_their_owner_knows,
                deliveries_are_forgotten_by_age_and_with_their_endpoint,
            ]
            moments: [
                an_order_is_due_from_its_moment_on,
                the_most_overdue_come_first,
                what_is_due_is_walked_through_once_each,
                a_moment_moves_without_an_event,
                a_moment_set_on_an_older_version_is_refused,
            ]
            tombstones: [
                a_tombstone_stands_once_where_it_was_set,
                so_many_rows_and_tombstones_follow_an_earlier_position,
                the_journal_itself_shows_no_tombstone,
                what_is_known_of_an_order_ends_at_a_position,
                of_many_who_bury_an_order_one_does,
            ]
            tasks: [
                a_task_is_due_from_its_moment_on_and_the_most_overdue_first,
                tasks_that_tell_a_customer_do_not_hide_those_that_tell_a_restaurant,
                a_failed_attempt_puts_the_next_one_off,
                a_task_comes_to_its_end_once,
                withdrawing_takes_all_that_is_open_and_nothing_else,
                a_withdrawn_task_may_turn_out_done_but_is_not_tried_again,
                tasks_are_opened_after_those_before_are_withdrawn,
                a_report_does_not_touch_its_order,
                what_is_open_is_hurried_or_prolonged_and_nothing_else,
            ]
        }
    };
    ($new_place:expr; $($chapter:ident: [$($law:ident,)*])*) => {
        $($(
            #[tokio::test]
            async fn $law() {
                $crate::store::contract::$chapter::$law($new_place).await;
            }
        )*)*
    };
}
pub(crate) use store_contract;

/// An order placed in the evening, as a store is first given it.
pub fn placed(order_id: &str) -> Commit {
    placed_at(order_id, EVENING)
}

/// The same at another moment.
pub fn placed_at(order_id: &str, at: Timestamp) -> Commit {
    let order = Order { placed_at: at, since: at, ..Life::born(order_id, order_placed()).order };
    Commit {
        expected_version: 0,
        before: None,
        entries: vec![entry(&order, at, order_placed())],
        wake: wake_at(&order, at).into(),
        order: Arc::new(order),
        tasks: Vec::new(),
        contact: None,
        remark: None,
        bearing: None,
        most_open: None,
        remember: None,
        fence: None,
    }
}

/// What `event` makes of `order` at `at`.
pub fn moved(order: &Arc<Order>, at: Timestamp, event: Event) -> Commit {
    let after = crate::domain::evolve(Some((**order).clone()), &order.order_id, at, &event)
        .expect("an order that exists evolves");
    Commit {
        expected_version: order.version,
        before: Some(Arc::clone(order)),
        entries: vec![entry(&after, at, event)],
        wake: wake_at(&after, at).into(),
        order: Arc::new(after),
        tasks: Vec::new(),
        contact: None,
        remark: None,
        bearing: None,
        most_open: None,
        remember: None,
        fence: None,
    }
}

/// Only `task` changes.
pub fn unmoved(order: &Arc<Order>, task: TaskChange) -> Commit {
    Commit {
        expected_version: order.version,
        before: Some(Arc::clone(order)),
        order: Arc::clone(order),
        entries: Vec::new(),
        tasks: vec![task],
        wake: Wake::Unchanged,
        contact: None,
        remark: None,
        bearing: None,
        most_open: None,
        remember: None,
        fence: None,
    }
}

fn entry(after: &Order, at: Timestamp, event: Event) -> Entry {
    Entry {
        event_id: format!("event-{}-{}", after.order_id, after.version),
        sequence: after.version,
        occurred_at: at,
        event,
        status: after.status,
        actor: "customer".to_owned(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        causation_id: Some("event-before".to_owned()),
    }
}

/// How to reach Rosa.
pub fn rosa() -> Contact {
    Contact {
        name: "Rosa Parodi".to_owned(),
        email: "rosa@example.org".to_owned(),
        note: Some("Second floor, the bell is broken".to_owned()),
        remark: None,
    }
}

/// A key that led to `order_id`.
pub fn remembered(key: &str, order_id: &str) -> Remembered {
    Remembered {
        key: key.to_owned(),
        request_hash: vec![7; 32],
        order_id: order_id.to_owned(),
        at: EVENING,
    }
}

/// Commits, all of which must hold. The counters are right afterwards, whatever it was.
pub async fn commit(store: &dyn Store, commits: Vec<Commit>) {
    let expected = vec![Outcome::Committed; commits.len()];
    assert_eq!(store.commit(commits).await.expect("the store answers"), expected);
    let Counted { kept, found } = store.counted(None).await.expect("the store answers");
    assert_eq!(kept, found, "counters follow each commit");
}

/// The whole journal.
pub fn journal(store: &dyn Store) -> Vec<JournalRow> {
    let mut reader = store.journal_reader().expect("the journal can be read");
    let mut rows = Vec::new();
    reader.read_after(0, 10_000, &mut rows).expect("the journal is read");
    rows
}
