//! Lists of orders: everything once, whatever comes in between.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The ids of all pages, and what `between` does after each.
async fn walk(takeaway: &Takeaway, query: &str, between: impl AsyncFn()) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = takeaway.get(&format!("/v1/orders?limit=3{query}{cursor}")).await.ok();
        let orders = page["orders"].as_array().unwrap();
        assert!(orders.len() <= 3);
        ids.extend(orders.iter().map(|order| order["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
        between().await;
    }
}

#[tokio::test]
async fn pages_show_every_order_once_while_new_ones_come_in() {
    let takeaway = Takeaway::open().await;
    let mut placed = Vec::new();
    for number in 0..10 {
        // Some at the same moment, some later.
        takeaway.clock.advance_us(number % 2);
        placed.push(takeaway.dinner(&format!("before-{number}")).await);
    }
    placed.reverse();
    let counter = std::cell::Cell::new(0);
    let shown = walk(&takeaway, "", async || {
        counter.set(counter.get() + 1);
        takeaway.dinner(&format!("between-{}", counter.get())).await;
    })
    .await;
    assert_eq!(shown, placed, "the newest first");
    assert!(counter.get() > 1);
}

#[tokio::test]
async fn the_last_page_is_the_last_even_when_it_is_full() {
    let takeaway = Takeaway::open().await;
    for number in 0..3 {
        takeaway.dinner(&format!("full-{number}")).await;
    }
    let page = takeaway.get("/v1/orders?limit=3").await.ok();
    assert_eq!(page["orders"].as_array().unwrap().len(), 3);
    assert_eq!(page["next_cursor"], Value::Null);
    assert_eq!(page["orders"][0].get("tasks"), None);
}

#[tokio::test]
async fn when_too_many_list_at_once_the_others_are_asked_to_come_back() {
    let takeaway = Arc::new(Takeaway::open().await);
    takeaway.dinner("listed").await;
    let ask = || {
        let takeaway = Arc::clone(&takeaway);
        tokio::spawn(async move { takeaway.get("/v1/orders").await })
    };
    let asking: Vec<_> = (0..1_000).map(|_| ask()).collect();
    let (mut listed, mut refused) = (0, 0);
    for answer in asking {
        let answer = answer.await.expect("an answer");
        if answer.status == 200 {
            listed += 1;
            continue;
        }
        refused += 1;
        assert_eq!(answer.refused(503)["code"], "overloaded");
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert!(listed >= 64 && refused > 0, "{listed} were listed, {refused} refused");
    takeaway.get("/v1/orders").await.ok();
}

#[tokio::test]
async fn lists_are_filtered_and_sorted() {
    let takeaway = Takeaway::open().await;
    takeaway.call(Method::PUT, "/v1/restaurants/bombay", Some(trattoria())).await.ok();
    let mut order = dinner();
    order["restaurant_id"] = json!("bombay");
    let curry = takeaway.place("curry", &order).await.ok()["id"].as_str().unwrap().to_owned();
    let pizza = takeaway.dinner("pizza").await;
    let accepted = takeaway.dinner("accepted").await;
    takeaway.post(&format!("/v1/orders/{accepted}/accept"), json!({})).await.ok();
    for (query, ids) in [
        ("&restaurant_id=bombay", vec![&curry]),
        ("&status=accepted", vec![&accepted]),
        ("&status=placed&restaurant_id=nino", vec![&pizza]),
        ("&status=timed_out", vec![]),
        ("&status=placed,accepted&restaurant_id=nino&sort=placed", vec![&pizza, &accepted]),
        ("&status=placed&restaurant_id=nino&customer_id=c-1815&task=open", vec![&pizza]),
        ("&customer_id=c-1816", vec![]),
        ("&task=given_up", vec![]),
        ("&last_error=http_503", vec![]),
        ("&flow_version=1&status=accepted", vec![&accepted]),
        ("&stuck=false&restaurant_id=bombay", vec![&curry]),
        ("&stuck=true", vec![]),
        ("&deadline_within_ms=600000&restaurant_id=nino", vec![&pizza]),
        ("&age_ms=1000&restaurant_id=nino", vec![]),
        ("&placed_from=2026-09-22T00:00:00Z", vec![]),
        (
            "&placed_before=2026-09-22T00:00:00%2B02:00&sort=-deadline",
            vec![&accepted, &pizza, &curry],
        ),
    ] {
        let shown = walk(&takeaway, query, async || {}).await;
        assert_eq!(shown.iter().collect::<Vec<_>>(), ids, "{query}");
    }
}

#[tokio::test]
async fn who_stands_longer_than_almost_all_others_is_stuck() {
    let takeaway = Takeaway::open().await;
    let first = takeaway.dinner("first").await;
    let second = takeaway.dinner("second").await;
    let stuck = async || walk(&takeaway, "&stuck=true", async || {}).await;
    takeaway.clock.advance_us(60_000_000);
    assert_eq!(stuck().await, [""; 0], "nobody has left yet");
    takeaway.post(&format!("/v1/orders/{first}/accept"), json!({})).await.ok();
    let flow = takeaway.get("/v1/flow").await.ok();
    let statuses = flow["statuses"].as_array().unwrap();
    let placed = statuses.iter().find(|status| status["status"] == "placed").unwrap();
    let usual_ms = placed["spent_p99_ms"].as_i64().unwrap();
    takeaway.clock.advance_us((usual_ms - 60_000) * 1_000);
    assert_eq!(stuck().await, [""; 0], "as long as usual");
    takeaway.clock.advance_us(1);
    assert_eq!(stuck().await, [second], "longer");
}

#[tokio::test]
async fn wrong_questions_are_problems() {
    let takeaway = Takeaway::open().await;
    let another_version = URL_SAFE_NO_PAD.encode("1.1790013600000000.x");
    for (query, code) in [
        ("limit=0", "invalid_query"),
        ("limit=101", "invalid_query"),
        ("limit=-1", "invalid_query"),
        ("limit=many", "invalid_query"),
        ("status=hungry", "invalid_query"),
        ("status=placed,,notified", "invalid_query"),
        ("sort=price", "invalid_query"),
        ("task=done", "invalid_query"),
        ("age_ms=-1", "invalid_query"),
        ("deadline_within_ms=soon", "invalid_query"),
        ("placed_from=yesterday", "invalid_query"),
        ("flow_version=9", "invalid_query"),
        ("stuck=maybe", "invalid_query"),
        ("dish=pizza", "invalid_query"),
        ("cursor=", "invalid_cursor"),
        ("cursor=%21", "invalid_cursor"),
        ("cursor=bm8", "invalid_cursor"),
        (&*format!("cursor={another_version}"), "invalid_cursor"),
    ] {
        let problem = takeaway.get(&format!("/v1/orders?{query}")).await.refused(400);
        assert_eq!(problem["code"], code, "{query}");
    }
    takeaway.get("/v1/orders?limit=100").await.ok();
}

#[tokio::test]
async fn a_cursor_leads_on_in_its_own_listing_alone() {
    let takeaway = Takeaway::open().await;
    for number in 0..3 {
        takeaway.dinner(&format!("one-of-{number}")).await;
    }
    let page = takeaway.get("/v1/orders?limit=2&restaurant_id=nino&sort=placed").await.ok();
    let cursor = page["next_cursor"].as_str().expect("one more is there");
    for (query, status) in [
        ("restaurant_id=nino&sort=placed", 200),
        ("sort=placed&restaurant_id=nino&limit=1", 200),
        ("restaurant_id=nino", 400),
        ("restaurant_id=nino&sort=-placed", 400),
        ("sort=placed", 400),
        ("restaurant_id=nino&sort=placed&status=placed", 400),
    ] {
        let answer = takeaway.get(&format!("/v1/orders?{query}&cursor={cursor}")).await;
        assert_eq!(answer.status, status, "{query}");
        if status == 400 {
            assert_eq!(answer.refused(400)["code"], "invalid_cursor");
        }
    }
}
