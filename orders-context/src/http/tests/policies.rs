//! Every route, every wrong principal, another's object: what the policy table says is what happens.
//! A route that somebody adds is walked too, by what its `x-policy` says.

use super::*;

/// A route as the document describes it.
struct Route {
    name: String,
    method: Method,
    path: String,
    roles: Vec<Role>,
    objects: String,
    is_deprecated: bool,
}

fn routes() -> Vec<Route> {
    let document: Value = serde_json::from_str(&crate::http::openapi_json().unwrap()).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            let policy = &operation["x-policy"];
            let roles = policy["roles"].as_array().expect("each route has a policy");
            let role = |role: &Value| Role::from_word(role.as_str().unwrap()).unwrap();
            let opened_by = match name.as_str() {
                "follow_restaurant" => json!([{ "token": [] }, { "ticket": [] }]),
                _ => json!([{ "token": [] }]),
            };
            assert_eq!(operation["security"], opened_by, "{name}");
            routes.push(Route {
                name,
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                roles: roles.iter().map(role).collect(),
                objects: policy["objects"].as_str().unwrap().to_owned(),
                is_deprecated: operation["deprecated"] == true,
            });
        }
    }
    routes
}

impl Route {
    /// A path to something of Ada's at Nino's.
    fn path_to(&self, order_id: &str) -> String {
        let id = if self.path.starts_with("/v1/restaurants/") { "nino" } else { order_id };
        self.path
            .replace("{id}", id)
            .replace("{endpoint_id}", "none")
            .replace("{delivery_id}", "none")
    }

    /// A body that makes sense.
    fn body(&self) -> Option<Value> {
        match self.name.as_str() {
            "register_restaurant" => Some(trattoria()),
            "set_availability" => Some(json!({ "opening": "open" })),
            "add_webhook_endpoint" => Some(json!({ "url": "https://nino.example/hooks" })),
            "place_order" => Some(dinner()),
            "reject_order" => Some(json!({ "reason": "too_busy" })),
            "cancel_order" => Some(json!({ "reason": "changed_mind" })),
            "extend_deadline" => Some(json!({
                "reason": "rain", "deadline": "accept_by", "to": "2026-09-21T18:30:00Z",
            })),
            "redrive_order" | "redrive_task" | "retry_now" => Some(json!({ "reason": "rain" })),
            "start_bulk_action" => Some(json!({
                "reason": "rain", "action": { "type": "redrive" },
                "filter": { "restaurant_id": "nino" },
            })),
            "request_erasure" => Some(json!({ "customer_id": "c-1815" })),
            _ if self.name.ends_with("_bulk_action") && self.method == Method::POST => {
                Some(json!({ "reason": "rain" }))
            }
            _ if self.method == Method::POST => Some(json!({})),
            _ => None,
        }
    }
}

async fn ask(takeaway: &Takeaway, route: &Route, order_id: &str, token: Option<&str>) -> Answer {
    let mut request = Request::builder()
        .method(route.method.clone())
        .uri(route.path_to(order_id))
        .header("idempotency-key", &route.name);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = match route.body() {
        Some(body) => {
            request.header("content-type", "application/json").body(Body::from(body.to_string()))
        }
        None => request.body(Body::empty()),
    };
    takeaway.send(request.unwrap()).await
}

#[tokio::test]
async fn nobody_without_a_good_token_gets_anywhere() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("nobody").await;
    let elsewhere = {
        let issuer = LocalIssuer::open(&tempfile::tempdir().unwrap().path().join("key")).unwrap();
        let claims = Map::from_iter([("role".to_owned(), "operator".into())]);
        issuer.mint("takeaway", "mallory", claims, EVENING_US, Duration::from_secs(60)).unwrap()
    };
    for route in routes() {
        for (token, code) in [
            (None, "token_required"),
            (Some("nonsense"), "invalid_token"),
            (Some(&*elsewhere), "invalid_token"),
            (Some(&*takeaway.token_for(Role::Customer, "no id", &[])), "invalid_token"),
        ] {
            let answer = ask(&takeaway, &route, &id, token).await;
            assert_eq!(answer.refused(401)["code"], code, "{}", route.name);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{}", route.name);
        }
    }
}

#[tokio::test]
async fn deprecated_routes_say_so_and_no_others() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("deprecated").await;
    for route in routes() {
        // A refusal says it like every answer, and a stream would not end.
        let answer = ask(&takeaway, &route, &id, None).await;
        for name in ["deprecation", "sunset"] {
            assert_eq!(
                answer.headers.contains_key(name),
                route.is_deprecated,
                "{} of {}",
                name,
                route.name
            );
        }
    }
}

#[tokio::test]
async fn a_wrong_role_is_told_so_whether_the_object_exists_or_not() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("roles").await;
    for route in routes() {
        for role in Role::ALL.iter().filter(|role| !route.roles.contains(role)) {
            let token = takeaway.token(*role, "c-1815");
            for id in [&*id, "none"] {
                let answer = ask(&takeaway, &route, id, Some(&token)).await;
                assert_eq!(answer.refused(403)["code"], "not_for_role", "{} {role}", route.name);
            }
        }
    }
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("strangers").await;
    let eve = takeaway.token(Role::Customer, "c-666");
    let elsewhere = takeaway.token_for(Role::Restaurant, "chef", &["bombay", "NINO"]);
    let nowhere = takeaway.token_for(Role::Restaurant, "chef", &[]);
    let strangers =
        [(Role::Customer, eve), (Role::Restaurant, elsewhere), (Role::Restaurant, nowhere)];
    let mut walked = 0;
    for route in routes() {
        let everybodys = route.objects.starts_with("every");
        if everybodys || !route.path.contains("{id}") {
            continue;
        }
        for (role, token) in strangers.iter().filter(|(role, _)| route.roles.contains(role)) {
            let theirs = ask(&takeaway, &route, &id, Some(token)).await;
            theirs.refused(404);
            walked += 1;
            if !route.path.starts_with("/v1/orders/") {
                continue;
            }
            let none = ask(&takeaway, &route, "none", Some(token)).await;
            let told = |answer: &Answer| {
                let problem = answer.json();
                (problem["code"].clone(), problem["detail"].clone())
            };
            assert_eq!(told(&theirs), told(&none), "{} {role}: no difference is seen", route.name);
        }
    }
    assert!(walked >= 13, "only {walked} were walked");
    let untouched = takeaway.get(&format!("/v1/orders/{id}")).await.ok();
    assert_eq!((&untouched["status"], &untouched["version"]), (&json!("placed"), &json!(1)));
}

#[tokio::test]
async fn lists_show_restaurants_and_customers_their_own() {
    let takeaway = Takeaway::open().await;
    takeaway.call(Method::PUT, "/v1/restaurants/bombay", Some(trattoria())).await.ok();
    let pizza = takeaway.dinner("pizza").await;
    let mut order = dinner();
    order["restaurant_id"] = json!("bombay");
    let curry = takeaway.place("curry", &order).await.ok()["id"].as_str().unwrap().to_owned();
    let list = async |restaurants: &[&str], query: &str| {
        let token = takeaway.token_for(Role::Restaurant, "chef", restaurants);
        takeaway.call_as(&token, Method::GET, &format!("/v1/orders{query}"), None).await
    };
    let ids = |answer: Answer| {
        let page = answer.ok();
        let orders = page["orders"].as_array().unwrap().iter();
        orders.map(|order| order["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(list(&["nino"], "").await), [pizza]);
    assert_eq!(ids(list(&["nino", "bombay"], "?restaurant_id=bombay").await), [curry]);
    assert_eq!(list(&["nino", "bombay"], "").await.refused(400)["code"], "restaurant_required");
    assert_eq!(list(&[], "").await.refused(400)["code"], "restaurant_required");
    let foreign = list(&["nino"], "?restaurant_id=bombay").await.refused(404);
    assert_eq!(foreign["code"], "restaurant_not_found");

    let asked_by = async |customer: &str, query: &str| {
        let token = takeaway.token(Role::Customer, customer);
        takeaway.call_as(&token, Method::GET, &format!("/v1/orders{query}"), None).await
    };
    assert_eq!(ids(asked_by("c-1815", "").await).len(), 2);
    assert_eq!(ids(asked_by("c-1815", "?customer_id=c-1815&restaurant_id=bombay").await).len(), 1);
    assert_eq!(ids(asked_by("c-666", "").await).len(), 0);
    let foreign = asked_by("c-666", "?customer_id=c-1815").await.refused(404);
    assert_eq!(foreign["code"], "customer_not_found");
}

#[tokio::test]
async fn the_customer_is_who_the_token_says() {
    let takeaway = Takeaway::open().await;
    let placed = takeaway.place("\"mine\"", &dinner()).await.ok();
    assert_eq!(placed["customer_id"], "c-1815");
    let mut forged = dinner();
    forged["customer"]["id"] = json!("c-666");
    let problem = takeaway.place("forged", &forged).await.refused(422);
    assert_eq!(problem["errors"][0]["pointer"], "/customer/id");

    let eve = takeaway.token(Role::Customer, "c-666");
    let mut request = takeaway.placing_request("\"mine\"", &dinner());
    request.headers_mut().insert("authorization", format!("Bearer {eve}").parse().unwrap());
    let hers = takeaway.send(request).await.ok();
    assert_ne!(hers["id"], placed["id"], "another's idempotency key leads to another's order");
    assert_eq!(hers["customer_id"], "c-666");
}

#[tokio::test]
async fn whose_decision_it_is_stands_in_the_token() {
    let takeaway = Takeaway::open().await;
    for (role, decided_by) in [(Role::Restaurant, "restaurant"), (Role::Operator, "operator")] {
        let id = takeaway.dinner(role.as_str()).await;
        let token = takeaway.token(role, "somebody");
        let path = format!("/v1/orders/{id}/accept");
        let explanation = json!({ "explanation": "They called" });
        let body = (role == Role::Operator).then_some(explanation);
        takeaway.call_as(&token, Method::POST, &path, body).await.ok();
        let history = takeaway.get(&format!("/v1/orders/{id}/history")).await.ok();
        assert_eq!(history["entries"][1]["data"]["decided_by"], decided_by);
    }
}
