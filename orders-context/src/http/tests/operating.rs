//! What operators do about one order: each names who acts and why, and is an entry of the history.

use super::restaurants::pointers;
use super::*;
use crate::app::TaskReport;
use crate::domain::TaskKind;

const MINUTE_US: i64 = 60_000_000;

/// Operator 7, with what else a request has.
fn by_operator(more: Value) -> Value {
    let mut body = json!({ "reason": "Nobody answers the telephone" });
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    body
}

impl Takeaway {
    /// The last entry of an order's history.
    async fn last_entry(&self, id: &str) -> Value {
        let history = self.get(&format!("/v1/orders/{id}/history")).await.ok();
        history["entries"].as_array().expect("entries").last().expect("one").clone()
    }

    /// The announcement of an order came to this.
    async fn report(&self, id: &str, report: TaskReport) {
        let found = self.app.order(id).await.expect("an order");
        let task = found.tasks.last().expect("a task");
        assert_eq!(task.kind, TaskKind::NotifyRestaurant);
        let lease = crate::store::Lease { name: "tasks".into(), token: 1 };
        self.app.report_task(task, task.attempts + 1, report, &lease).await.expect("a report");
    }
}

#[tokio::test]
async fn an_operator_redrives_what_expired() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("expired").await;
    let path = format!("/v1/orders/{id}");
    let early = takeaway.post(&format!("{path}/redrive"), by_operator(json!({}))).await;
    assert_eq!(early.refused(409)["current_status"], "placed");
    takeaway.clock.advance_us(10 * MINUTE_US);
    takeaway.app.wake_order(id.clone()).await.unwrap();
    assert_eq!(takeaway.get(&path).await.ok()["status"], "expired");
    let redriven = takeaway.post(&format!("{path}/redrive"), by_operator(json!({}))).await;
    assert_eq!(redriven.ok()["status"], "placed");
    assert_eq!(redriven.ok()["accept_by"], "2026-09-21T18:20:00.000000Z");
    let again = takeaway.post(&format!("{path}/redrive"), by_operator(json!({}))).await;
    assert_eq!((again.status, again.body), (200, redriven.body), "again: the same answer");
    let entry = takeaway.last_entry(&id).await;
    assert_eq!(
        (&entry["event_type"], &entry["actor"]),
        (&json!("order_redriven"), &json!("operator"))
    );
    let intervention = json!({ "actor": "operator-7", "reason": "Nobody answers the telephone" });
    assert_eq!(entry["data"]["intervention"], intervention);
    let order = takeaway.app.order(&id).await.expect("an order").order;
    for (role, subject) in [
        (Role::Customer, &*order.customer_id),
        (Role::Restaurant, &*order.restaurant_id),
        (Role::Service, "billing"),
    ] {
        let token = takeaway.token(role, subject);
        let history = takeaway.call_as(&token, Method::GET, &format!("{path}/history"), None).await;
        let history = history.ok();
        let entry = history["entries"].as_array().expect("entries").last().expect("one");
        assert_eq!(entry["actor"], "operator");
        let shown = entry["data"].get("intervention").is_some();
        assert_eq!(shown, matches!(role, Role::Service), "{subject}");
    }
}

#[tokio::test]
async fn an_operator_gives_an_order_more_time() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("slow").await;
    let path = format!("/v1/orders/{id}/extend");
    let to = |deadline: &str, to: &str| by_operator(json!({ "deadline": deadline, "to": to }));
    let more = to("accept_by", "2026-09-21T20:30:00+02:00");
    let extended = takeaway.post(&path, more.clone()).await;
    assert_eq!(extended.ok()["accept_by"], "2026-09-21T18:30:00.000000Z");
    assert_eq!(takeaway.post(&path, more).await.body, extended.body, "again: the same answer");
    let entry = takeaway.last_entry(&id).await;
    assert_eq!(entry["sequence"], 2, "once");
    assert_eq!(entry["data"]["from"], "2026-09-21T18:10:00.000000Z");
    assert_eq!(entry["data"]["to"], "2026-09-21T18:30:00.000000Z");

    let sooner = takeaway.post(&path, to("accept_by", "2026-09-21T18:10:00Z")).await.refused(409);
    assert_eq!(
        (&sooner["code"], &sooner["current_status"]),
        (&json!("not_later"), &json!("placed"))
    );
    assert_eq!(sooner["deadline"], "2026-09-21T18:30:00.000000Z");
    let further =
        takeaway.post(&path, to("complete_by", "2026-09-23T18:00:00Z")).await.refused(409);
    assert_eq!(further["code"], "too_far");
    assert_eq!(further["limit"], "2026-09-22T18:00:00.000000Z");
    takeaway.clock.advance_us(30 * MINUTE_US);
    let late = takeaway.post(&path, to("accept_by", "2026-09-21T19:00:00Z")).await.refused(409);
    assert_eq!(late["code"], "deadline_passed");
}

#[tokio::test]
async fn an_operator_does_not_wait_for_the_next_attempt() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("waiting").await;
    let path = format!("/v1/orders/{id}");
    let at = crate::domain::Timestamp(EVENING_US + 5 * MINUTE_US);
    takeaway.report(&id, TaskReport::TryAgain { at, error: "http_503".to_owned() }).await;
    takeaway.clock.advance_us(MINUTE_US);
    let retried = takeaway.post(&format!("{path}/retry"), by_operator(json!({}))).await;
    assert_eq!(retried.ok()["version"], 2);
    let shown = takeaway.get(&path).await.ok();
    assert_eq!(shown["tasks"][0]["next_attempt_at"], "2026-09-21T18:01:00.000000Z");
    let again = takeaway.post(&format!("{path}/retry"), by_operator(json!({}))).await.ok();
    assert_eq!(again["version"], 2, "it is due already");
    let entry = takeaway.last_entry(&id).await;
    assert_eq!(
        (&entry["event_type"], &entry["data"]["was"]),
        (&json!("task_redriven"), &json!("waiting"))
    );

    let refused = takeaway.post(&format!("{path}/redrive-task"), by_operator(json!({}))).await;
    assert_eq!(refused.refused(409)["code"], "task_not_given_up");
}

#[tokio::test]
async fn an_operator_has_what_was_given_up_tried_again() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("stuck").await;
    let path = format!("/v1/orders/{id}");
    takeaway.report(&id, TaskReport::GaveUp { error: "connect".to_owned(), too_late: None }).await;
    let refused = takeaway.post(&format!("{path}/retry"), by_operator(json!({}))).await;
    assert_eq!(refused.refused(409)["code"], "no_open_task");
    let in_trouble = async || takeaway.get("/v1/flow").await.ok()["tasks"]["given_up"].clone();
    assert_eq!(in_trouble().await, 1);
    let redriven = takeaway.post(&format!("{path}/redrive-task"), by_operator(json!({}))).await;
    assert_eq!(redriven.ok()["version"], 3);
    assert_eq!(in_trouble().await, 0);
    let listed = takeaway.get("/v1/orders?task=given_up").await.ok();
    assert_eq!(listed["orders"], json!([]));
    let again = takeaway.post(&format!("{path}/redrive-task"), by_operator(json!({}))).await;
    assert_eq!(again.ok()["version"], 3, "again: the same answer");
    let tasks = takeaway.get(&path).await.ok()["tasks"].clone();
    let states: Vec<_> = tasks.as_array().unwrap().iter().map(|task| &task["state"]).collect();
    assert_eq!(states, ["withdrawn", "open"]);
    assert_eq!(tasks[1]["kind"], "notify_restaurant");
    let entry = takeaway.last_entry(&id).await;
    assert_eq!(
        (&entry["event_type"], &entry["data"]["was"]),
        (&json!("task_redriven"), &json!("given_up"))
    );
}

#[tokio::test]
async fn an_operator_calls_an_order_off() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("called-off").await;
    let path = format!("/v1/orders/{id}/cancel");
    let cancel = json!({ "reason": "restaurant_closed", "explanation": "The restaurant called" });
    let operator = takeaway.token(Role::Operator, "operator-7");
    let call_off =
        async || takeaway.call_as(&operator, Method::POST, &path, Some(cancel.clone())).await;
    let cancelled = call_off().await;
    assert_eq!(cancelled.ok()["status"], "cancelled");
    assert_eq!(call_off().await.body, cancelled.body, "again: the same answer");
    let entry = takeaway.last_entry(&id).await;
    assert_eq!(entry["data"]["reason"], "restaurant_closed");
    assert_eq!(entry["data"]["intervention"]["reason"], "The restaurant called");
}

#[tokio::test]
async fn who_acts_and_why_must_be_said() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("unsaid").await;
    let long = "x".repeat(501);
    let said = |reason: &str| json!({ "reason": reason });
    let operator = takeaway.token(Role::Operator, "operator-7");
    let path = format!("/v1/orders/{id}/cancel");
    let mute = json!({ "reason": "closed" });
    let mute = takeaway.call_as(&operator, Method::POST, &path, Some(mute)).await;
    assert_eq!(pointers(&mute.refused(422)), ["/explanation"]);
    for (path, body, wrong) in [
        ("redrive", said(""), &["/reason"][..]),
        ("redrive", by_operator(json!({ "actor": "operator-8" })), &["/actor"]),
        ("redrive", said("two\nlines"), &["/reason"]),
        ("redrive-task", said("  "), &["/reason"]),
        ("retry", said(&long), &["/reason"]),
        ("extend", by_operator(json!({ "deadline": "accept_by", "to": "soon" })), &["/to"]),
        ("extend", by_operator(json!({ "deadline": "dinner", "to": "soon" })), &["/deadline"]),
        ("cancel", json!({ "reason": "closed", "by": "operator" }), &["/by"]),
        ("cancel", json!({ "reason": "closed", "explanation": "Hungry" }), &["/explanation"]),
    ] {
        let problem = takeaway.post(&format!("/v1/orders/{id}/{path}"), body).await.refused(422);
        assert_eq!(pointers(&problem), wrong, "{path}");
    }
    for path in ["redrive", "redrive-task", "retry", "extend"] {
        let more = match path {
            "extend" => json!({ "deadline": "accept_by", "to": "2026-09-21T18:30:00Z" }),
            _ => json!({}),
        };
        let path = format!("/v1/orders/none/{path}");
        let problem = takeaway.post(&path, by_operator(more)).await.refused(404);
        assert_eq!(problem["code"], "order_not_found", "{path}");
    }
}
