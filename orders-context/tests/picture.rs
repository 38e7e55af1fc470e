//! The pictures of the flow are the flow: the committed one, and those that are printed.

use orders_context::domain::flow::{FLOW, Status};
use orders_context::picture::{json, mermaid, svg};
use serde_json::Value;

#[test]
fn the_committed_picture_is_drawn_from_the_table() {
    let page = include_str!("../../ARCHITECTURE.md");
    let (_, rest) = page.split_once("<!-- flow -->").expect("a mark where the picture begins");
    let (picture, _) = rest.split_once("<!-- /flow -->").expect("a mark where it ends");
    let drawn = format!("```mermaid\n{}```", mermaid());
    assert_eq!(
        picture.trim(),
        drawn,
        "ARCHITECTURE.md shows another flow than orders-context/src/domain/flow.rs: replace what is \
         between <!-- flow --> and <!-- /flow --> by the output of `orders flow --format mermaid`, \
         fenced as mermaid"
    );
}

#[test]
fn the_table_is_printed_whole() {
    let printed: Value = serde_json::from_str(&json()).expect("it is JSON");
    let arrows = printed["transitions"].as_array().expect("a list");
    assert_eq!(arrows.len(), FLOW.len());
    for (arrow, printed) in FLOW.iter().zip(arrows) {
        assert_eq!(printed["from"], arrow.from.as_str());
        assert_eq!(printed["on"], arrow.on.as_str());
        assert_eq!(printed["to"], arrow.to.as_str());
        let by: Vec<&str> = arrow.by.iter().map(|role| role.as_str()).collect();
        assert_eq!(printed["by"], Value::from(by));
    }
}

#[test]
fn the_drawing_shows_every_status_and_every_arrow() {
    let drawing = svg();
    for &status in Status::ALL {
        assert!(drawing.contains(&format!(">{status}</text>")), "{status}");
    }
    for arrow in FLOW {
        let title = format!("<title>{} to {}: {}, by ", arrow.from, arrow.to, arrow.on);
        assert_eq!(drawing.matches(&title).count(), 1, "{title}");
        assert!(drawing.contains(&format!(">{}</text>", arrow.on)), "{title}");
    }
    assert_eq!(drawing, svg());
}
