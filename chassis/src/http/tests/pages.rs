//! The pages of problems.

use super::*;
use crate::http::auth::Denied;
use crate::http::problem_pages::GENERAL;
use crate::http::{ProblemPage, problem_pages};

const OWN: &[ProblemPage] = &[
    ProblemPage::new("burnt", 409, "The dish is burnt.", "Order another one."),
    ProblemPage::new("conflict", 409, "Two cooks want one pan.", "Wait for it."),
];

async fn page(path: &str) -> Answer {
    let router = with_limits(
        problem_pages(OWN),
        Health::new(),
        crate::metrics::install(),
        BODY_LIMIT_BYTES,
        Duration::from_secs(1),
    );
    ask_at(router, get_request(path)).await
}

#[tokio::test]
async fn every_code_has_a_page_that_people_can_read() {
    let list = page("/problems").await.text();
    for ProblemPage { code, remedy, .. } in GENERAL.iter().chain(OWN) {
        let shown = page(&format!("/problems/{code}")).await;
        assert_eq!(shown.status, StatusCode::OK, "{code}");
        assert_eq!(shown.headers["content-type"], "text/html; charset=utf-8");
        let own = OWN.iter().find(|page| page.code == *code);
        assert!(shown.text().contains(own.map_or(*remedy, |own| own.remedy)), "{code}");
        assert_eq!(list.matches(&format!("\"/problems/{code}\"")).count(), 1, "{code}");
    }
    let unknown = page("/problems/raw").await;
    assert_eq!(
        (unknown.status, &unknown.json()["code"]),
        (StatusCode::NOT_FOUND, &"not_found".into())
    );
}

#[test]
fn every_page_is_plain_text_and_told_once() {
    for (at, page) in GENERAL.iter().enumerate() {
        let text = format!("{}{}{}", page.code, page.meaning, page.remedy);
        assert!(!text.contains(['<', '>', '&']), "{text}");
        assert!(GENERAL[..at].iter().all(|other| other.code < page.code), "sorted: {}", page.code);
        assert!((400..600).contains(&page.status), "{}", page.code);
    }
}

#[tokio::test]
async fn whoever_is_not_let_in_is_led_to_a_page() {
    for denied in [Denied::Missing, Denied::Invalid("it is old"), Denied::Unavailable] {
        let Problem { code, status, .. } = Problem::from(denied);
        let shown = page(&format!("/problems/{code}")).await;
        assert_eq!(shown.status, StatusCode::OK, "{code}");
        assert!(shown.text().contains(&format!("status {}", status.as_u16())), "{code}");
    }
}
