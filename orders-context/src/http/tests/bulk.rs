//! One action on many orders, over the API: tried, started, looked at, interrupted.

use super::restaurants::pointers;
use super::*;
use crate::store::Lease;

fn bulk(action: &Value, filter: &Value) -> Value {
    json!({ "reason": "No power at the harbour", "action": action, "filter": filter })
}

fn cancelling() -> Value {
    let action = json!({ "type": "cancel", "reason": "restaurant_closed" });
    bulk(&action, &json!({ "restaurant_id": "nino", "status": ["placed"] }))
}

impl Takeaway {
    async fn start_bulk(&self, key: &str, body: &Value) -> Answer {
        let token = self.token(Role::Operator, "operator-7");
        let request = Request::post("/v1/bulk-actions")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(Body::from(body.to_string()));
        self.send(request.expect("a request")).await
    }

    /// Takes every bulk action to its end.
    async fn finish_bulks(&self) {
        let lease = Lease { name: "bulk-actions".into(), token: 1 };
        loop {
            let open = self.app.open_bulks().await.expect("bulk actions");
            if open.is_empty() {
                return;
            }
            for bulk in open {
                self.app.advance_bulk(bulk, &lease).await.expect("a portion");
            }
        }
    }
}

#[tokio::test]
async fn orders_are_moved_to_other_terms_as_a_policy_file_has_them() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("one").await;
    takeaway.clock.advance_us(1);
    let policy = json!({ "version": 2, "accept_within_ms": 900_000, "complete_within_ms": 7_200_000,
        "remind_after_ms": [90_000], "tell_user_within_ms": 86_400_000 });
    let filter = json!({ "status": ["placed", "notified", "accepted", "confirmed"] });
    let moving = |policy: &Value| bulk(&json!({ "type": "migrate", "policy": policy }), &filter);
    let started = takeaway.start_bulk("evening", &moving(&policy)).await;
    assert_eq!(started.status, 202);
    let mut shown = policy.clone();
    shown["flow"] = json!(1);
    assert_eq!(started.json()["action"], json!({ "type": "migrate", "policy": shown }));
    takeaway.finish_bulks().await;
    let location = started.header("location").to_owned();
    assert_eq!(takeaway.get(&location).await.ok()["acted"], 1);
    let history = takeaway.get(&format!("/v1/orders/{id}/history")).await.ok();
    let moved = &history["entries"][1];
    assert_eq!(moved["event_type"], "flow_migrated");
    let data = &moved["data"];
    assert_eq!((&data["from_policy"], &data["policy_version"]), (&json!(1), &json!(2)));
    assert_eq!((&data["from_flow"], &data["flow_version"]), (&json!(1), &json!(1)));
    assert_eq!(data["intervention"]["actor"], "operator-7");

    let mut wrong = policy;
    wrong["accept_within_ms"] = json!(0);
    wrong["flow"] = json!(9);
    let refused = takeaway.start_bulk("wrong", &moving(&wrong)).await.refused(422);
    assert_eq!(pointers(&refused), ["/action/policy", "/action/policy/flow"]);
}

#[tokio::test]
async fn a_bulk_action_is_tried_started_and_looked_at() {
    let takeaway = Takeaway::open().await;
    let ids = [takeaway.dinner("one").await, takeaway.dinner("two").await];
    takeaway.clock.advance_us(1);
    let mut dry = cancelling();
    dry["dry_run"] = json!(true);
    let tried = takeaway.post("/v1/bulk-actions", dry).await.ok();
    assert_eq!(
        tried,
        json!({ "matched": 2, "sampled": 2, "acted": 2, "unchanged": 0, "refused": [] })
    );

    let started = takeaway.start_bulk("harbour", &cancelling()).await;
    assert_eq!(started.status, 202);
    let view = started.json();
    let location = started.header("location").to_owned();
    assert_eq!(location, format!("/v1/bulk-actions/{}", view["id"].as_str().unwrap()));
    assert_eq!((&view["state"], &view["matched"]), (&json!("running"), &json!(2)));
    assert_eq!(view["action"], json!({ "type": "cancel", "reason": "restaurant_closed" }));
    assert_eq!(view["filter"]["status"], json!(["placed"]));
    let again = takeaway.start_bulk("harbour", &cancelling()).await;
    assert_eq!((again.status, again.json()["id"].clone()), (202, view["id"].clone()));
    let other = bulk(&json!({ "type": "redrive" }), &json!({ "restaurant_id": "nino" }));
    let reused = takeaway.start_bulk("harbour", &other).await.refused(422);
    assert_eq!(reused["code"], "idempotency_key_reused");

    takeaway.finish_bulks().await;
    let done = takeaway.get(&location).await.ok();
    assert_eq!(
        (&done["state"], &done["taken"], &done["acted"]),
        (&json!("done"), &json!(2), &json!(2))
    );
    assert_eq!(
        (&done["actor"], &done["reason"]),
        (&json!("operator-7"), &json!("No power at the harbour"))
    );
    for id in ids {
        assert_eq!(takeaway.get(&format!("/v1/orders/{id}")).await.ok()["status"], "cancelled");
    }
    let ended = json!({ "reason": "Power again" });
    let ended = takeaway.post(&format!("{location}/pause"), ended).await.refused(409);
    assert_eq!(
        (&ended["code"], &ended["current_status"]),
        (&json!("bulk_action_ended"), &json!("done"))
    );
}

#[tokio::test]
async fn bulk_actions_are_paused_resumed_cancelled_and_listed() {
    let takeaway = Takeaway::open().await;
    takeaway.dinner("one").await;
    takeaway.clock.advance_us(1);
    let why = json!({ "reason": "Wait for the kitchen" });
    let operator = takeaway.token(Role::Operator, "operator-8");
    let interrupt =
        async |path: &str| takeaway.call_as(&operator, Method::POST, path, Some(why.clone())).await;
    let first = takeaway.start_bulk("first", &cancelling()).await.ok();
    let path = format!("/v1/bulk-actions/{}", first["id"].as_str().unwrap());
    for (what, state) in [("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")] {
        let done = interrupt(&format!("{path}/{what}")).await;
        assert_eq!(done.ok()["state"], state);
        let again = interrupt(&format!("{path}/{what}")).await;
        assert_eq!((again.status, again.body), (200, done.body), "{what} again: the same answer");
    }
    let shown = takeaway.get(&path).await.ok();
    assert_eq!(shown["interruptions"][2]["actor"], "operator-8");
    let second = takeaway.start_bulk("second", &cancelling()).await.ok();
    let page = takeaway.get("/v1/bulk-actions?limit=1").await.ok();
    assert_eq!(page["bulk_actions"][0]["id"], second["id"]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = takeaway.get(&format!("/v1/bulk-actions?limit=1&cursor={cursor}")).await.ok();
    assert_eq!(
        (&next["bulk_actions"][0]["id"], &next["next_cursor"]),
        (&first["id"], &Value::Null)
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_bulk_action_is_told_at_once() {
    let takeaway = Takeaway::open().await;
    let nino = json!({ "restaurant_id": "nino" });
    let extend = |more: Value| {
        let mut action = json!({ "type": "extend", "deadline": "accept_by" });
        action.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        action
    };
    let redrive = json!({ "type": "redrive" });
    for (action, filter, wrong) in [
        (redrive.clone(), json!({}), &["/filter"][..]),
        (redrive.clone(), json!({ "age_ms": -1 }), &["/filter/age_ms"]),
        (redrive.clone(), json!({ "placed_from": "noon" }), &["/filter/placed_from", "/filter"]),
        (json!({ "type": "cancel", "reason": "No!" }), nino.clone(), &["/action/reason"]),
        (extend(json!({})), nino.clone(), &["/action"]),
        (extend(json!({ "by_ms": 0 })), nino.clone(), &["/action/by_ms"]),
        (extend(json!({ "to": "soon" })), nino.clone(), &["/action/to"]),
        (extend(json!({ "by_ms": 1, "to": "soon" })), nino.clone(), &["/action"]),
    ] {
        let problem = takeaway.start_bulk("wrong", &bulk(&action, &filter)).await.refused(422);
        assert_eq!(pointers(&problem), wrong, "{action} {filter}");
    }
    let mut fast = cancelling();
    fast["per_second"] = json!(1_001);
    fast["reason"] = json!("");
    let problem = takeaway.start_bulk("fast", &fast).await.refused(422);
    assert_eq!(pointers(&problem), ["/reason", "/per_second"]);
    let mut forged = cancelling();
    forged["actor"] = json!("operator-8");
    let problem = takeaway.start_bulk("forged", &forged).await.refused(422);
    assert_eq!(pointers(&problem), ["/actor"], "who acts stands in the token");
    let keyless = takeaway.post("/v1/bulk-actions", cancelling()).await.refused(400);
    assert_eq!(keyless["code"], "idempotency_key_required");
    let unknown = takeaway.get("/v1/bulk-actions/none").await.refused(404);
    assert_eq!(unknown["code"], "bulk_action_not_found");
}
