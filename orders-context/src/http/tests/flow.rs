//! The picture of the flow.

use super::*;

#[tokio::test]
async fn the_flow_shows_what_stands_where() {
    let takeaway = Takeaway::open().await;
    let first = takeaway.dinner("first").await;
    takeaway.dinner("second").await;
    takeaway.clock.advance_us(90_000_000);
    takeaway.post(&format!("/v1/orders/{first}/accept"), json!({})).await.ok();
    takeaway.clock.advance_us(1_000_000);
    let flow = takeaway.get("/v1/flow").await.ok();
    let status = |word: &str| {
        let statuses = flow["statuses"].as_array().unwrap();
        statuses.iter().find(|status| status["status"] == word).unwrap().clone()
    };
    assert_eq!(status("placed")["orders"], 1);
    assert_eq!(status("placed")["oldest_age_ms"], 91_000);
    for percentile in ["spent_p50_ms", "spent_p99_ms"] {
        let ms = status("placed")[percentile].as_i64().unwrap();
        assert!((90_000..90_000 * 9 / 8).contains(&ms), "{ms}");
    }
    assert_eq!(status("accepted")["orders"], 1);
    assert_eq!(status("accepted")["oldest_age_ms"], 1_000);
    assert_eq!(status("accepted")["spent_p50_ms"], Value::Null);
    assert_eq!(status("completed")["at_rest"], true);
    assert_eq!(flow["tasks"], json!({ "retrying": 0, "given_up": 0 }));
    assert_eq!(flow["due"], 0);
    takeaway.clock.advance_us(600_000_000);
    assert_eq!(takeaway.get("/v1/flow").await.ok()["due"], 1);
    let accept = json!({
        "from": "placed", "on": "accept", "to": "accepted", "by": ["restaurant", "operator"],
    });
    assert!(flow["arrows"].as_array().unwrap().contains(&accept));
}
