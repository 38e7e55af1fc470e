//! The picture of the flow in ARCHITECTURE.md is the flow.

use orders_context::picture::mermaid;

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
