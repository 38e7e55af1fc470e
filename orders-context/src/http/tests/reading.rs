//! An order and its history, as they are shown.

use super::*;
use crate::app::TaskReport;
use crate::domain::{Receiver, Timestamp};
use crate::store::Lease;

async fn if_none_match(takeaway: &Takeaway, path: &str, known: &str) -> Answer {
    let token = takeaway.token(Role::Customer, "c-1815");
    let request = Request::get(path)
        .header("authorization", format!("Bearer {token}"))
        .header("if-none-match", known);
    takeaway.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn what_is_known_already_is_not_sent_again() {
    let takeaway = Takeaway::open().await;
    let path = format!("/v1/orders/{}", takeaway.dinner("known").await);
    let etag = takeaway.get(&path).await.header("etag").to_owned();
    assert!(etag.starts_with("\"1-") && etag.ends_with('"'), "{etag}");
    takeaway.clock.advance_us(1_000_000);
    for known in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let answer = if_none_match(&takeaway, &path, &known).await;
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
        assert_eq!(answer.header("etag"), etag);
    }
    assert_eq!(if_none_match(&takeaway, &path, "\"1-0\"").await.status, 200);
    takeaway.post(&format!("{path}/accept"), json!({})).await.ok();
    let changed = if_none_match(&takeaway, &path, &etag).await;
    assert_eq!(changed.ok()["status"], "accepted");
}

#[tokio::test]
async fn an_attempt_at_a_task_changes_the_tag_although_the_version_stays() {
    let takeaway = Takeaway::open().await;
    let path = format!("/v1/orders/{}", takeaway.dinner("attempt").await);
    let before = takeaway.get(&path).await;
    let task = takeaway.app.open_tasks(Receiver::Restaurant, None, 10).await.unwrap().remove(0).1;
    let at = Timestamp(EVENING_US + 1_000_000);
    let report = TaskReport::TryAgain { at, error: "connection_refused".to_owned() };
    let lease = Lease { name: "tasks".into(), token: 1 };
    takeaway.app.report_task(&task, 1, report, &lease).await.unwrap();
    let after = if_none_match(&takeaway, &path, before.header("etag")).await;
    let order = after.ok();
    assert_eq!(order["version"], before.json()["version"]);
    assert_eq!(
        order["tasks"],
        json!([{
            "kind": "notify_restaurant",
            "state": "open",
            "attempts": 1,
            "next_attempt_at": "2026-09-21T18:00:01.000000Z",
            "last_error": "connection_refused",
        }])
    );
}

#[tokio::test]
async fn the_history_shows_what_happened_in_pages() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("history").await;
    let path = format!("/v1/orders/{id}");
    takeaway.clock.advance_us(30_000_000);
    takeaway.post(&format!("{path}/accept"), json!({})).await.ok();
    takeaway.post(&format!("{path}/complete"), json!({})).await.ok();

    let history = takeaway.get(&format!("{path}/history")).await.ok();
    assert_eq!(history["next_after"], Value::Null);
    let entries = history["entries"].as_array().unwrap();
    let told: Vec<_> = entries.iter().map(|e| e["event_type"].as_str().unwrap()).collect();
    assert_eq!(told, ["order_placed", "order_accepted", "order_completed"]);
    let accepted = &entries[1];
    assert_eq!(
        accepted,
        &json!({
            "sequence": 2,
            "event_id": accepted["event_id"],
            "event_type": "order_accepted",
            "occurred_at": "2026-09-21T18:00:30.000000Z",
            "actor": "restaurant",
            "status": "accepted",
            "data": { "decided_by": "restaurant" },
        })
    );
    let placed = &entries[0]["data"];
    assert_eq!(placed["accept_by"], "2026-09-21T18:10:00.000000Z");
    assert_eq!(placed["items"][0]["name"], "Pizza Margherita");
    let told = history.to_string();
    assert!(!told.contains("Ada") && !told.contains("Byron"), "no personal data: {told}");

    let first = takeaway.get(&format!("{path}/history?limit=2")).await.ok();
    assert_eq!(first["next_after"], 2);
    let rest = takeaway.get(&format!("{path}/history?limit=2&after=2")).await.ok();
    assert_eq!((&rest["entries"][0], &rest["next_after"]), (&entries[2], &Value::Null));
    let none = takeaway.get(&format!("{path}/history?after=3")).await.ok();
    assert_eq!(none["entries"], json!([]));
}
