//! Erasing a person, down to the bytes of the files.

use super::*;
use crate::store::contract::erasing::change_row;
use std::fs;

/// Words that stand in what Ada sent and nowhere else.
const CANARIES: [&str; 3] = ["Lovelace", "ada@example.org", "the bell says Byron"];

/// Which canaries are in the files of the database, the log of changes included.
fn found_in_files(takeaway: &Takeaway) -> Vec<&'static str> {
    let mut bytes = Vec::new();
    for file in fs::read_dir(takeaway.folder.path()).unwrap() {
        bytes.extend(fs::read(file.unwrap().path()).unwrap());
    }
    let is_there = |word: &&str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    CANARIES.into_iter().filter(is_there).collect()
}

async fn ask_as(takeaway: &Takeaway, role: Role, key: Option<&str>, body: &Value) -> Answer {
    let mut request = Request::post("/v1/erasure-requests")
        .header("authorization", format!("Bearer {}", takeaway.token(role, "olga")))
        .header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    takeaway.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn of_an_erased_person_not_a_byte_is_left() {
    let takeaway = Takeaway::open().await;
    let luca = takeaway.token(Role::Customer, "c-2");
    let mut others = dinner();
    others["customer"] = json!({ "name": "Luca", "email": "luca@example.org" });
    others["note"] = Value::Null;
    for number in 0..40 {
        takeaway.dinner(&format!("ada-{number}")).await;
        let mut request = takeaway.placing_request(&format!("luca-{number}"), &others);
        request.headers_mut().insert("authorization", format!("Bearer {luca}").parse().unwrap());
        takeaway.send(request).await.ok();
    }
    assert_eq!(found_in_files(&takeaway), CANARIES, "they can be found");

    let who = json!({ "customer_id": "c-1815" });
    let asked = ask_as(&takeaway, Role::Service, Some("erase-1"), &who).await;
    assert_eq!((asked.status, &asked.json()["state"]), (202, &json!("open")));
    let path = asked.header("location").to_owned();
    assert_eq!(takeaway.app.erase_open().await.unwrap(), 1);
    assert_eq!(takeaway.app.erase_open().await.unwrap(), 0);
    let receipt = takeaway.get(&path).await.ok();
    assert_eq!(
        (&receipt["state"], &receipt["done_at"]),
        (&json!("done"), &receipt["requested_at"])
    );
    let places = receipt["places"].as_array().unwrap();
    let erased = |place: &str| {
        let place = places.iter().find(|each| each["place"] == place).expect(place);
        (place["scanned"].clone(), place["erased"].clone())
    };
    assert_eq!(erased("orders: contacts"), (json!(80), json!(40)));
    assert_eq!(erased("orders: idempotency keys"), (Value::Null, json!(40)));
    assert_eq!(erased("topic orders.order.state.v1"), (Value::Null, json!(40)));
    assert_eq!(erased("promotions: vouchers"), (Value::Null, json!(0)));
    assert!(!receipt.to_string().contains("c-1815"), "it does not say whom");
    assert_eq!(found_in_files(&takeaway), [""; 0]);

    let orders = takeaway.get("/v1/orders?customer_id=c-1815&limit=100").await.ok();
    assert_eq!(orders["orders"].as_array().unwrap().len(), 40, "the orders stay");
}

#[tokio::test]
async fn somebody_is_named_once_and_rightly() {
    let takeaway = Takeaway::open().await;
    let by_mail = json!({ "email": "ada@example.org" });
    let first = ask_as(&takeaway, Role::Operator, Some("one"), &by_mail).await;
    let again = ask_as(&takeaway, Role::Operator, Some("\"one\""), &by_mail).await;
    assert_eq!(first.header("location"), again.header("location"), "the same request");
    let other = ask_as(&takeaway, Role::Operator, Some("two"), &by_mail).await;
    assert_ne!(first.header("location"), other.header("location"));
    let of_service = ask_as(&takeaway, Role::Service, Some("one"), &by_mail).await;
    assert_ne!(first.header("location"), of_service.header("location"), "a key is of one role");
    let luca =
        ask_as(&takeaway, Role::Operator, Some("one"), &json!({ "customer_id": "c-2" })).await;
    assert_eq!(luca.status, 202, "another person is another erasure under a used key too");
    assert_ne!(first.header("location"), luca.header("location"));
    for (key, body, status) in [
        (None, by_mail, 400),
        (Some("k"), json!({}), 422),
        (Some("k"), json!({ "email": "ada@example.org", "customer_id": "c-1815" }), 422),
        (Some("k"), json!({ "email": "ada" }), 422),
        (Some("k"), json!({ "customer_id": "" }), 422),
        (Some("k"), json!({ "name": "Ada" }), 422),
    ] {
        ask_as(&takeaway, Role::Operator, key, &body).await.refused(status);
    }
    let none = takeaway.get("/v1/erasure-requests/none").await.refused(404);
    assert_eq!(none["code"], "erasure_not_found");
}

/// Ten customers, who have one order each, and a damaged one that may be anybody's.
#[tokio::test]
async fn one_damaged_order_keeps_no_erasure_from_being_done() {
    let takeaway = Takeaway::open().await;
    takeaway.dinner("ada").await;
    let spoiled = takeaway.dinner("damaged").await;
    let file = takeaway.folder.path().join("orders.db");
    let change = |sql: &str| change_row(&file, &sql.replace("ID", &format!("'{spoiled}'")));
    change("INSERT INTO archive (order_id, status, data) VALUES (ID, 'completed', x'01ff')");
    change("DELETE FROM orders WHERE order_id = ID");
    let mut asked = Vec::new();
    for number in 0..10 {
        let customer = format!("c-{number}");
        let mut dinner = dinner();
        dinner["customer"] = json!({ "name": "Luca", "email": format!("{customer}@example.org") });
        let mut request = takeaway.placing_request(&customer, &dinner);
        let token = takeaway.token(Role::Customer, &customer);
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        takeaway.send(request).await.ok();
        let who = json!({ "customer_id": customer });
        asked.push(ask_as(&takeaway, Role::Service, Some(&customer), &who).await);
    }
    takeaway.clock.advance_us(1_000);
    let by_mail = json!({ "email": "c-3@EXAMPLE.org" });
    let last = ask_as(&takeaway, Role::Service, Some("mail"), &by_mail).await;

    assert_eq!(takeaway.app.erase_open().await.unwrap(), 0, "ten that cannot be done");
    assert_eq!(takeaway.app.erase_open().await.unwrap(), 1, "the eleventh has its turn");
    let receipt = takeaway.get(last.header("location")).await.ok();
    assert_eq!((&receipt["state"], &receipt["unreadable"]), (&json!("done"), &json!(0)));
    for asked in &asked {
        let receipt = takeaway.get(asked.header("location")).await.ok();
        assert_eq!((&receipt["state"], &receipt["unreadable"]), (&json!("open"), &json!(1)));
        assert_eq!(receipt["places"][0]["erased"], 1);
    }

    takeaway.clock.advance_us(2_000_000);
    assert_eq!(takeaway.app.erase_open().await.unwrap(), 0, "tried again, in vain");
    for asked in &asked {
        let receipt = takeaway.get(asked.header("location")).await.ok();
        assert_eq!(receipt["places"][0]["scanned"], 2, "Ada's, and the damaged one");
    }
    change("DELETE FROM contacts WHERE order_id = ID");
    assert_eq!(takeaway.app.erase_open().await.unwrap(), 0, "none has its turn yet");
    takeaway.clock.advance_us(3_000_000);
    assert_eq!(takeaway.app.erase_open().await.unwrap(), 10, "what could not be read is gone");
}
