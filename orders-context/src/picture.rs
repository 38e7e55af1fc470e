//! The flow as a picture, drawn from the table that the flow is: for people (Mermaid, SVG), for
//! programs (JSON) and for those who know it from elsewhere (Amazon States Language).

mod asl;
mod json;
mod mermaid;
mod svg;

pub use asl::asl;
pub use json::json;
pub use mermaid::mermaid;
pub use svg::svg;
