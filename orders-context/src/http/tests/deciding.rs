//! Deciding about an order: once, again, and otherwise.

use super::*;

#[tokio::test]
async fn an_order_goes_all_the_way() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("story").await;
    let path = format!("/v1/orders/{id}");
    let accepted = takeaway.call(Method::POST, &format!("{path}/accept"), None).await.ok();
    assert_eq!((&accepted["status"], &accepted["version"]), (&json!("accepted"), &json!(2)));
    assert_eq!(accepted.get("tasks"), None, "a decision is answered without asking the store");
    let completed = takeaway.post(&format!("{path}/complete"), json!({})).await.ok();
    assert_eq!(completed["status"], "completed");
    let shown = takeaway.get(&path).await.ok();
    let tasks: Vec<_> = shown["tasks"].as_array().unwrap().iter().collect();
    assert_eq!(tasks.len(), 2);
    assert_eq!(
        (&tasks[0]["state"], &tasks[1]["kind"]),
        (&json!("withdrawn"), &json!("notify_user"))
    );
    assert_eq!(tasks[0]["next_attempt_at"], Value::Null, "it is not open any more");
}

#[tokio::test]
async fn a_decision_repeated_is_the_same_answer() {
    let takeaway = Takeaway::open().await;
    for (at, (decision, body)) in [
        ("accept", json!({})),
        ("reject", json!({ "reason": "too_busy" })),
        ("cancel", json!({ "reason": "changed_mind" })),
    ]
    .into_iter()
    .enumerate()
    {
        let id = takeaway.dinner(&format!("again-{at}")).await;
        let path = format!("/v1/orders/{id}/{decision}");
        let first = takeaway.post(&path, body.clone()).await;
        first.ok();
        let again = takeaway.post(&path, body).await;
        assert_eq!((again.status, again.body), (200, first.body), "{decision}");
    }
}

#[tokio::test]
async fn another_decision_is_told_what_stands() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("otherwise").await;
    let path = format!("/v1/orders/{id}");
    takeaway.clock.advance_us(5_000_000);
    takeaway.post(&format!("{path}/reject"), json!({ "reason": "closing" })).await.ok();
    let problem = takeaway.post(&format!("{path}/accept"), json!({})).await.refused(409);
    assert_eq!(problem["code"], "decided_otherwise");
    assert_eq!(problem["current_status"], "rejected");
    assert_eq!(problem["decided_at"], "2026-09-21T18:00:05.000000Z");
}

#[tokio::test]
async fn too_early_and_too_late_are_told_apart() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("late").await;
    let path = format!("/v1/orders/{id}");
    let early = takeaway.post(&format!("{path}/complete"), json!({})).await.refused(409);
    assert_eq!((&early["code"], &early["current_status"]), (&json!("not_yet"), &json!("placed")));

    takeaway.clock.advance_us(10 * 60_000_000);
    let late = takeaway.post(&format!("{path}/accept"), json!({})).await.refused(409);
    assert_eq!(late["code"], "deadline_passed");
    assert_eq!(late["deadline"], "2026-09-21T18:10:00.000000Z");
}

#[tokio::test]
async fn every_reason_of_the_list_is_accepted_and_no_other() {
    let takeaway = Takeaway::open().await;
    for reason in [
        "item_unavailable",
        "too_busy",
        "closing",
        "closed",
        "cannot_meet_instructions",
        "price_mismatch",
        "address_unreachable",
        "technical",
        "other",
    ] {
        let id = takeaway.dinner(reason).await;
        let path = format!("/v1/orders/{id}/reject");
        let note = (reason == "other").then_some("The oven is out");
        let body = match note {
            Some(note) => json!({ "reason": reason, "note": note }),
            None => json!({ "reason": reason }),
        };
        takeaway.post(&path, body).await.ok();
        let history = takeaway.get(&format!("/v1/orders/{id}/history")).await.ok();
        assert_eq!(history["entries"][1]["data"]["reason"], reason);
    }
    let id = takeaway.dinner("wrong").await;
    for (decision, body, pointer) in [
        ("reject", json!({ "reason": "lazy" }), "/reason"),
        ("reject", json!({}), ""),
        ("reject", json!({ "reason": "closed", "words": "sorry" }), "/words"),
        ("reject", json!({ "reason": "closed", "note": " " }), "/note"),
        ("reject", json!({ "reason": "closed", "note": "two\nlines" }), "/note"),
        ("reject", json!({ "reason": "closed", "note": "x".repeat(501) }), "/note"),
        ("reject", json!({ "reason": "other" }), "/note"),
        ("reject", json!({ "reason": "closed", "items": ["margherita"] }), "/items"),
        ("reject", json!({ "reason": "item_unavailable", "items": [] }), "/items"),
        ("reject", json!({ "reason": "item_unavailable", "items": ["x y"] }), "/items/0"),
        ("reject", json!({ "reason": "item_unavailable", "items": ["a", "a"] }), "/items/1"),
        ("reject", json!({ "reason": "item_unavailable", "items": ["water"] }), "/items/0"),
        ("accept", json!({ "ready_by": "soon" }), "/ready_by"),
        ("accept", json!({ "ready_by": "2026-09-21T18:00:00Z" }), "/ready_by"),
        ("accept", json!({ "ready_by": "2026-09-21T20:00:00Z" }), "/ready_by"),
        ("cancel", json!({ "reason": "Changed my mind" }), "/reason"),
        ("cancel", json!({ "reason": "x" }), "/reason"),
        ("cancel", json!({ "reason": "x".repeat(41) }), "/reason"),
        ("cancel", json!({ "reason": "_x" }), "/reason"),
        ("accept", json!({ "by": "operator" }), "/by"),
        ("accept", json!({ "reason": "hungry" }), "/reason"),
    ] {
        let path = format!("/v1/orders/{id}/{decision}");
        let problem = takeaway.post(&path, body.clone()).await.refused(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{decision} {body}");
    }
    for reason in ["xy".to_owned(), "x".repeat(40)] {
        let id = takeaway.dinner(&format!("cancel-{reason}")).await;
        let path = format!("/v1/orders/{id}/cancel");
        takeaway.post(&path, json!({ "reason": reason })).await.ok();
    }
}

#[tokio::test]
async fn what_a_customer_could_call_off_before_is_not_for_them_any_more() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("changed-my-mind").await;
    let path = format!("/v1/orders/{id}");
    takeaway.post(&format!("{path}/accept"), json!({})).await.ok();
    let reason = json!({ "reason": "changed_mind" });
    let refused = takeaway.post(&format!("{path}/cancel"), reason.clone()).await.refused(409);
    assert_eq!(refused["code"], "not_for_role");
    let operator = takeaway.token(Role::Operator, "olga");
    let path = format!("{path}/cancel");
    let reason = json!({ "reason": "changed_mind", "explanation": "The customer called" });
    let cancelled = takeaway.call_as(&operator, Method::POST, &path, Some(reason)).await.ok();
    assert_eq!(cancelled["status"], "cancelled");
}

#[tokio::test]
async fn an_operator_who_decides_says_why_and_nobody_else_does() {
    let takeaway = Takeaway::open().await;
    let (olga, chef) =
        (takeaway.token(Role::Operator, "olga"), takeaway.token(Role::Restaurant, "chef"));
    let (yes, no) = (takeaway.dinner("yes").await, takeaway.dinner("no").await);
    for (id, decision, mut body) in [
        (&yes, "accept", json!({})),
        (&yes, "complete", json!({})),
        (&no, "reject", json!({ "reason": "closed" })),
    ] {
        let path = format!("/v1/orders/{id}/{decision}");
        let call = async |token: &str, body: &Value| {
            takeaway.call_as(token, Method::POST, &path, Some(body.clone())).await
        };
        let pointer = |answer: Answer| answer.refused(422)["errors"][0]["pointer"].clone();
        assert_eq!(pointer(call(&olga, &body).await), "/explanation", "{decision}");
        body["explanation"] = json!("They called us");
        assert_eq!(pointer(call(&chef, &body).await), "/explanation", "{decision}");
        call(&olga, &body).await.ok();
        let path = format!("/v1/orders/{id}/history");
        let history = takeaway.get(&path).await.ok();
        let data = &history["entries"].as_array().expect("entries").last().expect("one")["data"];
        let expected = json!({ "actor": "olga", "reason": "They called us" });
        assert_eq!((&data["decided_by"], &data["intervention"]), (&json!("operator"), &expected));
        let shown = takeaway.call_as(&chef, Method::GET, &path, None).await.ok().to_string();
        assert!(!shown.contains("olga") && !shown.contains("They called us"), "{shown}");
    }
}

#[tokio::test]
async fn a_yes_says_when_and_a_no_says_what_and_why() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("when").await;
    let path = format!("/v1/orders/{id}");
    let body = json!({ "ready_by": "2026-09-21T20:35:00+02:00" });
    let accepted = takeaway.post(&format!("{path}/accept"), body).await.ok();
    assert_eq!(accepted["ready_by"], "2026-09-21T18:35:00.000000Z");
    let body = json!({ "ready_by": "2026-09-21T19:00:00Z" });
    let again = takeaway.post(&format!("{path}/accept"), body).await.ok();
    assert_eq!(again, accepted, "the first promise stands");
    let history = takeaway.get(&format!("{path}/history")).await.ok();
    assert_eq!(history["entries"][1]["data"]["ready_by"], accepted["ready_by"]);

    let id = takeaway.dinner("what").await;
    let path = format!("/v1/orders/{id}");
    let body = json!({
        "reason": "item_unavailable", "items": ["margherita"], "note": "Rosa, come back tomorrow"
    });
    let rejected = takeaway.post(&format!("{path}/reject"), body).await.ok();
    assert_eq!(rejected["run_out"], json!(["margherita"]));
    let history = takeaway.get(&format!("{path}/history")).await.ok();
    assert_eq!(history["entries"][1]["data"]["items"], json!(["margherita"]));
    let everything = format!("{history} {}", takeaway.get(&path).await.ok());
    assert!(!everything.contains("tomorrow"), "the note is for the customer alone");
}

#[tokio::test]
async fn a_promise_nobody_could_keep_is_told_its_limit() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("promise").await;
    let path = format!("/v1/orders/{id}/accept");
    let body = json!({ "ready_by": "2026-09-21T20:00:00Z" });
    let late = takeaway.post(&path, body).await.refused(422);
    assert_eq!(late["code"], "ready_too_late");
    assert_eq!(late["limit"], "2026-09-21T20:00:00.000000Z");
    let body = json!({ "ready_by": "2026-09-21T18:00:00Z" });
    let past = takeaway.post(&path, body).await.refused(422);
    assert_eq!(
        (&past["code"], &past["current_status"]),
        (&json!("ready_in_the_past"), &json!("placed"))
    );
    let body = json!({ "ready_by": "2026-09-21T19:59:59.999999Z" });
    takeaway.post(&path, body).await.ok();
}

/// As a chef, on the state that `tag` names.
async fn accept_if(takeaway: &Takeaway, path: &str, tag: &str) -> Answer {
    let token = takeaway.token(Role::Restaurant, "chef");
    let request = Request::post(format!("{path}/accept"))
        .header("authorization", format!("Bearer {token}"))
        .header("if-match", tag);
    takeaway.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_decision_can_be_made_on_one_state_only() {
    let takeaway = Takeaway::open().await;
    let path = format!("/v1/orders/{}", takeaway.dinner("if-match").await);
    let seen = takeaway.get(&path).await.header("etag").to_owned();
    for stale in ["\"1-0\"", "\"\"", "nonsense", &format!("W/{seen}"), "\"2-1\", \"3-1\""] {
        let refused = accept_if(&takeaway, &path, stale).await.refused(412);
        assert_eq!(refused["code"], "precondition_failed", "{stale}");
    }
    assert_eq!(takeaway.get(&path).await.header("etag"), seen, "nothing was decided");
    let listed = format!("\"1-0\", {seen}");
    assert_eq!(accept_if(&takeaway, &path, &listed).await.ok()["status"], "accepted");
    assert_eq!(accept_if(&takeaway, &path, &seen).await.ok()["status"], "accepted", "repeated");

    let path = format!("/v1/orders/{}", takeaway.dinner("any-state").await);
    accept_if(&takeaway, &path, "*").await.ok();
    accept_if(&takeaway, "/v1/orders/none", "\"1-0\"").await.refused(404);
}

#[tokio::test]
async fn a_state_that_is_not_known_to_the_caller_is_not_told_by_a_precondition() {
    let takeaway = Takeaway::open().await;
    let path = format!("/v1/orders/{}/accept", takeaway.dinner("stranger").await);
    let stranger = takeaway.token_for(Role::Restaurant, "chef", &["gold"]);
    let request = Request::post(&path)
        .header("authorization", format!("Bearer {stranger}"))
        .header("if-match", "\"1-0\"");
    takeaway.send(request.body(Body::empty()).unwrap()).await.refused(404);
}
