//! A restaurant answers by the link in its mail, in any browser and without an account.

use super::*;
use crate::store::contract::erasing::change_row;
use chassis::http::Problem;

const MINUTE_US: i64 = 60_000_000;

impl Takeaway {
    /// The path of the link to an order.
    async fn link(&self, id: &str) -> String {
        let order = self.app.order(id).await.expect("an order").order;
        let url = self.app.answer_link(&order).expect("it awaits an answer");
        url.strip_prefix("https://orders.example").expect("our address").to_owned()
    }

    async fn open_link(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    async fn fill_in(&self, path: &str, form: &str) -> Answer {
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()));
        self.send(request.expect("a request")).await
    }
}

impl Answer {
    #[track_caller]
    fn page(&self, status: u16) -> &str {
        let page = std::str::from_utf8(&self.body).expect("text");
        assert_eq!(self.status, status, "{page}");
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        assert!(self.header("content-security-policy").contains("form-action 'self'"));
        page
    }
}

#[tokio::test]
async fn opening_a_link_changes_nothing_and_its_form_answers_once() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("one").await;
    let path = takeaway.link(&id).await;
    let answer = takeaway.open_link(&path).await;
    let page = answer.page(200);
    assert!(page.contains("Margherita") && page.contains("value=\"accept\""), "{page}");
    assert!(!page.contains("Ada") && !page.contains("example.org"), "nothing of the customer");
    assert_eq!(takeaway.get(&format!("/v1/orders/{id}")).await.ok()["status"], "placed");

    let accepted = takeaway.fill_in(&path, "ready_in=30&decision=accept").await;
    let itself = path.strip_prefix("/answer/").expect("a link");
    assert_eq!((accepted.status, accepted.header("location")), (303, itself), "behind any path");
    let order = takeaway.get(&format!("/v1/orders/{id}")).await.ok();
    assert_eq!(
        (&order["status"], &order["ready_by"]),
        (&json!("accepted"), &json!("2026-09-21T18:30:00.000000Z"))
    );
    let after = takeaway.open_link(&path).await;
    let page = after.page(200);
    assert!(page.contains("accepted") && page.contains("18:30:00 UTC"), "{page}");
    assert!(page.contains("this link is used up") && !page.contains("<form"), "{page}");
    assert_eq!(takeaway.fill_in(&path, "decision=accept").await.status, 303, "the same again");
    let other = takeaway.fill_in(&path, "decision=reject&reason=closed").await;
    assert!(other.page(409).contains("The order is accepted"));
}

#[tokio::test]
async fn a_no_has_a_reason_and_may_have_words() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("one").await;
    let path = takeaway.link(&id).await;
    for nonsense in ["", "decision=perhaps", "decision=reject", "decision=reject&reason=x"] {
        takeaway.fill_in(&path, nonsense).await.page(422);
    }
    takeaway.fill_in(&path, "decision=reject&reason=other&note=+").await.page(422);
    let long = format!("decision=reject&reason=other&note={}", "x".repeat(501));
    takeaway.fill_in(&path, &long).await.page(422);
    let no = takeaway.fill_in(&path, "decision=reject&reason=other&note=The+oven+%26+I").await;
    assert_eq!(no.status, 303);
    let history = takeaway.get(&format!("/v1/orders/{id}/history")).await.ok().to_string();
    assert!(history.contains("\"reason\":\"other\""), "{history}");
    let contact = takeaway.app.contact(&id).await.expect("the database answers");
    assert_eq!(contact.expect("a contact").remark.as_deref(), Some("The oven & I"));
}

#[tokio::test]
async fn a_link_ends_with_the_time_to_answer_and_nobody_makes_one_up() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("one").await;
    let path = takeaway.link(&id).await;
    let other = takeaway.dinner("two").await;
    takeaway.open_link(&path.replace(&id, &other)).await.page(404);
    takeaway.open_link("/answer/x").await.page(404);
    takeaway.fill_in(&path.replace(&id, &other), "decision=accept").await.page(404);
    // Good in the last second, in which an answer is too late already.
    takeaway.clock.advance_us(10 * MINUTE_US + 999_999);
    takeaway.open_link(&path).await.page(200);
    takeaway.clock.advance_us(1);
    takeaway.open_link(&path).await.page(410);
    takeaway.fill_in(&path, "decision=accept").await.page(410);
}

#[tokio::test]
async fn a_link_is_good_for_as_long_as_its_order_was_given_more_time() {
    let takeaway = Takeaway::open().await;
    let (id, slow) = (takeaway.dinner("one").await, takeaway.dinner("two").await);
    let (path, slow_path) = (takeaway.link(&id).await, takeaway.link(&slow).await);
    let more =
        json!({ "reason": "No power", "deadline": "accept_by", "to": "2026-09-21T18:25:00Z" });
    for id in [&id, &slow] {
        takeaway.post(&format!("/v1/orders/{id}/extend"), more.clone()).await.ok();
    }
    takeaway.clock.advance_us(11 * MINUTE_US);
    assert!(takeaway.open_link(&path).await.page(200).contains("value=\"accept\""));
    assert_eq!(takeaway.fill_in(&path, "decision=accept").await.status, 303);
    assert_eq!(takeaway.get(&format!("/v1/orders/{id}")).await.ok()["status"], "accepted");
    assert!(takeaway.open_link(&path).await.page(200).contains("this link is used up"));
    takeaway.fill_in(&path, "decision=reject&reason=closed").await.page(409);
    takeaway.clock.advance_us(14 * MINUTE_US + 1_000_000);
    takeaway.open_link(&slow_path).await.page(410);
    takeaway.fill_in(&slow_path, "decision=accept").await.page(410);
}

#[tokio::test]
async fn who_has_answered_is_told_so_when_the_time_to_answer_is_over() {
    let takeaway = Takeaway::open().await;
    let (id, silent) = (takeaway.dinner("one").await, takeaway.dinner("two").await);
    let (path, silent_path) = (takeaway.link(&id).await, takeaway.link(&silent).await);
    takeaway.clock.advance_us(9 * MINUTE_US);
    assert_eq!(takeaway.fill_in(&path, "decision=accept").await.status, 303);
    takeaway.clock.advance_us(MINUTE_US + 1_000_000);
    assert!(takeaway.open_link(&path).await.page(200).contains("The order is accepted"));
    assert_eq!(takeaway.fill_in(&path, "decision=accept").await.status, 303, "the same again");
    let other = takeaway.fill_in(&path, "decision=reject&reason=closed").await;
    assert!(other.page(409).contains("The order is accepted"));
    takeaway.app.wake_order(silent.clone()).await.unwrap();
    assert_eq!(takeaway.get(&format!("/v1/orders/{silent}")).await.ok()["status"], "expired");
    takeaway.open_link(&silent_path).await.page(410);
}

#[tokio::test]
async fn what_fails_behind_a_link_has_its_status_and_its_cause_for_the_log() {
    let takeaway = Takeaway::open().await;
    let id = takeaway.dinner("one").await;
    let path = takeaway.link(&id).await;
    let file = takeaway.folder.path().join("orders.db");
    change_row(&file, &format!("UPDATE orders SET state = '{{' WHERE order_id = '{id}'"));
    takeaway.open_link(&path).await.page(500);
    takeaway.fill_in(&path, "decision=accept").await.page(500);
    // As the layer sees it that writes the log.
    let pages = crate::http::answer_pages(takeaway.app.clone());
    let request = Request::get(&path).body(Body::empty()).expect("a request");
    let response = pages.oneshot(request).await.expect("an answer");
    let problem = response.extensions().get::<Problem>().expect("a problem");
    assert_eq!((problem.status.as_u16(), problem.code), (500, "internal"));
}
