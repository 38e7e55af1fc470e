//! Restaurants that take no orders for a while, and what those are told who order there.

use super::*;

const PATH: &str = "/v1/restaurants/nino/availability";

impl Takeaway {
    async fn say(&self, body: Value) -> Answer {
        let token = self.token(Role::Restaurant, "chef");
        self.call_as(&token, Method::PUT, PATH, Some(body)).await
    }

    /// The same, if it still stands as under that tag.
    pub(super) async fn stand(&self, tag: &str, body: Value) -> Answer {
        let chef = format!("Bearer {}", self.token(Role::Restaurant, "chef"));
        let request = Request::put(PATH).header("content-type", "application/json");
        let request = request.header("if-match", tag).header("authorization", chef);
        self.send(request.body(Body::from(body.to_string())).expect("a request")).await
    }
}

#[tokio::test]
async fn a_paused_restaurant_says_when_to_come_back() {
    let takeaway = Takeaway::open().await;
    let before = takeaway.get(PATH).await.ok();
    assert_eq!((&before["opening"], &before["since"]), (&json!("open"), &Value::Null));
    let body = json!({
        "opening": "paused", "until": "2026-09-21T18:20:00Z", "reason": "oven_broken"
    });
    let said = takeaway.say(body).await.ok();
    assert_eq!(takeaway.get(PATH).await.ok(), said);
    assert_eq!((&said["set_by"], &said["reason"]), (&json!("restaurant"), &json!("oven_broken")));
    takeaway.clock.advance_us(60_500_000);
    let answer = takeaway.place("hungry", &dinner()).await;
    let problem = answer.refused(409);
    assert_eq!(problem["code"], "restaurant_paused");
    assert_eq!(problem["until"], "2026-09-21T18:20:00.000000Z");
    assert_eq!(answer.header("retry-after"), "1140", "18 minutes 59.5 seconds, rounded up");
    takeaway.clock.advance_us(1_139_500_000);
    takeaway.place("hungry", &dinner()).await.ok();
}

#[tokio::test]
async fn a_closed_restaurant_is_opened_again_and_full_is_full() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("before").await;
    takeaway.say(json!({ "opening": "closed" })).await.ok();
    let answer = takeaway.place("closed", &dinner()).await;
    assert_eq!(answer.refused(409)["code"], "restaurant_closed");
    assert_eq!(answer.header("retry-after"), "600");
    let again = takeaway.place("before", &dinner()).await;
    assert_eq!((again.status, &again.ok()["id"]), (201, &json!(id)), "that was placed before");
    takeaway.say(json!({ "opening": "open", "capacity": 2 })).await.ok();
    takeaway.place("closed", &dinner()).await.ok();
    let full = takeaway.place("third", &dinner()).await;
    assert_eq!(
        (&full.refused(409)["code"], &full.json()["capacity"]),
        (&json!("restaurant_full"), &json!(2))
    );
    assert_eq!(full.header("retry-after"), "60");
    takeaway.post(&format!("/v1/orders/{id}/reject"), json!({ "reason": "too_busy" })).await.ok();
    takeaway.place("third", &dinner()).await.ok();
}

#[tokio::test]
async fn only_what_was_looked_at_is_changed() {
    let takeaway = Takeaway::open().await;
    let tag = takeaway.get(PATH).await.header("etag").to_owned();
    let chef = format!("Bearer {}", takeaway.token(Role::Restaurant, "chef"));
    let put = async |tag: &str| takeaway.stand(tag, json!({ "opening": "paused" })).await;
    put(&tag).await.ok();
    let refused = put(&tag).await.refused(412);
    assert_eq!(refused["code"], "precondition_failed");
    for other in [
        "\"availability-\"",
        "\"availability-10-off-0\"",
        "W/\"availability-1-off-0\"",
        "\"availability-1-",
    ] {
        put(other).await.refused(412);
    }
    put("\"other\", *").await.ok();
    let newest = takeaway.get(PATH).await.header("etag").to_owned();
    assert_ne!(newest, tag);
    let request = Request::get(PATH).header("authorization", &chef);
    let request = request.header("if-none-match", newest).body(Body::empty());
    assert_eq!(takeaway.send(request.expect("a request")).await.status, 304);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_place() {
    let takeaway = Takeaway::open().await;
    for (body, pointer) in [
        (json!({}), ""),
        (json!({ "opening": "sleepy" }), "/opening"),
        (json!({ "opening": "open", "until": "2026-09-21T19:00:00Z" }), "/until"),
        (json!({ "opening": "open", "reason": "hungry" }), "/reason"),
        (json!({ "opening": "paused", "until": "2026-09-21T18:00:00Z" }), "/until"),
        (json!({ "opening": "paused", "until": "soon" }), "/until"),
        (json!({ "opening": "closed", "reason": "Gone fishing" }), "/reason"),
        (json!({ "opening": "open", "capacity": 0 }), "/capacity"),
        (json!({ "opening": "open", "capacity": 10_001 }), "/capacity"),
        (json!({ "opening": "open", "version": 3 }), "/version"),
    ] {
        let problem = takeaway.say(body.clone()).await.refused(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let nobody = "/v1/restaurants/nobody/availability";
    assert_eq!(takeaway.get(nobody).await.refused(404)["code"], "restaurant_not_found");
    let body = Some(json!({ "opening": "open" }));
    takeaway.call(Method::PUT, nobody, body).await.refused(404);
    assert_eq!(takeaway.get(PATH).await.ok()["since"], Value::Null, "nothing was said");
}
