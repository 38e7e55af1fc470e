//! Restaurants: registered whole, shown without their secret.

use super::*;

#[tokio::test]
async fn a_restaurant_is_shown_without_its_secret() {
    let takeaway = Takeaway::open().await;
    let put = takeaway.call(Method::PUT, "/v1/restaurants/nino", Some(trattoria())).await;
    let mut expected = trattoria();
    expected["id"] = json!("nino");
    expected["webhook"] = json!({ "url": "https://nino.example/orders" });
    assert_eq!((put.status, put.json()), (200, expected));
    let shown = takeaway.get("/v1/restaurants/nino").await;
    assert_eq!((shown.status, shown.body), (200, put.body));
}

#[tokio::test]
async fn where_a_restaurant_is_told_is_for_itself_to_know() {
    let takeaway = Takeaway::open().await;
    for (role, restaurants, is_shown) in [
        (Role::Customer, &[][..], false),
        (Role::Restaurant, &["bombay"], false),
        (Role::Restaurant, &["bombay", "nino"], true),
        (Role::Operator, &[], true),
        (Role::Service, &[], true),
    ] {
        let token = takeaway.token_for(role, "somebody", restaurants);
        let shown = takeaway.call_as(&token, Method::GET, "/v1/restaurants/nino", None).await.ok();
        assert_eq!(shown["webhook"].is_object(), is_shown, "{role}");
        assert_eq!(shown["mail"].is_string(), is_shown, "{role}");
        assert_eq!(shown["menu"].as_array().unwrap().len(), 2, "the menu is for everybody");
    }
}

/// A tag of what is hidden would tell who guesses it right.
#[tokio::test]
async fn a_tag_says_nothing_of_what_is_not_shown() {
    let takeaway = Takeaway::open().await;
    let path = "/v1/restaurants/nino";
    let callers = [
        (takeaway.token(Role::Customer, "c-1815"), false),
        (takeaway.token_for(Role::Restaurant, "spice", &["bombay"]), false),
        (takeaway.token(Role::Restaurant, "chef"), true),
        (takeaway.token(Role::Operator, "operator-7"), true),
        (takeaway.token(Role::Service, "lake"), true),
    ];
    let tags = async || {
        let mut tags = Vec::new();
        for (token, _) in &callers {
            let shown = takeaway.call_as(token, Method::GET, path, None).await;
            tags.push(shown.header("etag").to_owned());
        }
        tags
    };
    for (member, hidden) in [
        ("mail", json!("nino@nino.example")),
        ("mail", Value::Null),
        (
            "webhook",
            json!({ "url": "https://other.example/", "secret": "whsec_Rm9yIHRlc3RzIG9ubHksIG5vIHNlY3JldCE=" }),
        ),
    ] {
        let before = tags().await;
        let mut changed = trattoria();
        changed[member] = hidden;
        takeaway.call(Method::PUT, path, Some(changed)).await.ok();
        let after = tags().await;
        for (at, (_, is_shown)) in callers.iter().enumerate() {
            assert_eq!(before[at] != after[at], *is_shown, "{member}, {at}");
        }
    }
    let before = tags().await;
    let mut renamed = trattoria();
    renamed["name"] = json!("Da Nino");
    takeaway.call(Method::PUT, path, Some(renamed)).await.ok();
    assert!(before.iter().zip(tags().await).all(|(before, after)| *before != after));
}

#[tokio::test]
async fn a_new_menu_counts_from_the_next_order_on() {
    let takeaway = Takeaway::open().await;
    let before = takeaway.dinner("before").await;
    let mut dearer = trattoria();
    dearer["menu"][0]["price_minor"] = json!(1_000);
    dearer["menu"][1]["price_minor"] = json!(0);
    takeaway.call(Method::PUT, "/v1/restaurants/nino", Some(dearer)).await.ok();
    let after = takeaway.dinner("after").await;
    for (id, total_minor) in [(before, 2_450), (after, 2_000)] {
        let order = takeaway.get(&format!("/v1/orders/{id}")).await.ok();
        assert_eq!(order["total_minor"], total_minor);
    }
}

#[tokio::test]
async fn everything_wrong_is_told_at_once() {
    let takeaway = Takeaway::open().await;
    let wrong = json!({
        "name": " ",
        "currency": "eur",
        "menu": [
            { "item_id": "soup", "name": "Soup", "price_minor": -1 },
            { "item_id": "soup", "name": "Soup\nof the day", "price_minor": 400 },
            { "item_id": "sou p", "name": "x".repeat(201), "price_minor": 400 },
        ],
        "webhook": { "url": "ftp://nino.example", "secret": "whsec_c2hvcnQ=" },
    });
    let answer = takeaway.call(Method::PUT, "/v1/restaurants/ni%20no", Some(wrong)).await;
    let problem = answer.refused(422);
    assert_eq!(
        pointers(&problem),
        [
            "",
            "/name",
            "/currency",
            "/menu/0/price_minor",
            "/menu/1/item_id",
            "/menu/1/name",
            "/menu/2/item_id",
            "/menu/2/name",
            "/webhook/url",
            "/webhook/secret",
        ]
    );
}

#[tokio::test]
async fn limits_are_exact() {
    let takeaway = Takeaway::open().await;
    let menu = |dishes: usize| {
        let dish = |n| json!({ "item_id": format!("dish-{n}"), "name": "Dal", "price_minor": 0 });
        Value::from_iter((0..dishes).map(dish))
    };
    let secret = |zeros: usize| {
        use base64::Engine;
        let key = base64::engine::general_purpose::STANDARD.encode(vec![0; zeros]);
        json!({ "url": "http://127.0.0.1:9/orders", "secret": format!("whsec_{key}") })
    };
    let with = |member: &str, value| {
        let mut restaurant = trattoria();
        restaurant[member] = value;
        restaurant
    };
    for (restaurant, status) in [
        (with("menu", menu(0)), 200),
        (with("menu", menu(500)), 200),
        (with("menu", menu(501)), 422),
        (with("name", json!("ñ".repeat(200))), 200),
        (with("name", json!("ñ".repeat(201))), 422),
        (with("mail", json!("kitchen at nino.example")), 422),
        (with("mail", json!("")), 422),
        (with("mail", Value::Null), 200),
        (with("webhook", secret(23)), 422),
        (with("webhook", secret(24)), 200),
        (with("webhook", secret(64)), 200),
        (with("webhook", secret(65)), 422),
        (with("webhook", json!({ "url": "https://a:b@nino.example", "secret": "" })), 422),
    ] {
        let answer = takeaway.call(Method::PUT, "/v1/restaurants/limits", Some(restaurant)).await;
        assert_eq!(answer.status, status, "{}", answer.json());
    }
}

/// Where a problem's errors are.
pub fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().unwrap();
    errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn only_the_menu_that_was_looked_at_is_changed() {
    let takeaway = Takeaway::open().await;
    let path = "/v1/restaurants/nino";
    let seen = takeaway.get(path).await.header("etag").to_owned();
    let chef = format!("Bearer {}", takeaway.token(Role::Restaurant, "chef"));
    let put = async |tag: &str, price: i64| {
        let mut menu = trattoria();
        menu["menu"][0]["price_minor"] = json!(price);
        let request = Request::put(path).header("content-type", "application/json");
        let request = request.header("authorization", &chef);
        let request = request.header("if-match", tag).body(Body::from(menu.to_string()));
        takeaway.send(request.expect("a request")).await
    };
    let changed = put(&seen, 1_000).await;
    changed.ok();
    let newest = changed.header("etag").to_owned();
    assert_ne!(newest, seen);
    let refused = put(&seen, 1_100).await.refused(412);
    assert_eq!(refused["code"], "precondition_failed");
    let shown = takeaway.get(path).await;
    assert_eq!(shown.ok()["menu"][0]["price_minor"], 1_000);
    assert_eq!(shown.header("etag"), newest);
    put(&format!("{seen}, {newest}"), 1_200).await.ok();
    put("*", 1_300).await.ok();
    put(&format!("W/{newest}"), 1_400).await.refused(412);
    let known = takeaway.get(path).await.header("etag").to_owned();
    let request = Request::get(path).header("authorization", &chef);
    let request = request.header("if-none-match", known).body(Body::empty());
    assert_eq!(takeaway.send(request.expect("a request")).await.status, 304);
    let olga = format!("Bearer {}", takeaway.token(Role::Operator, "olga"));
    let request = Request::put("/v1/restaurants/rosa").header("authorization", olga);
    let request = request.header("if-match", "*").header("content-type", "application/json");
    let request = request.body(Body::from(trattoria().to_string())).expect("a request");
    takeaway.send(request).await.refused(412);
}
