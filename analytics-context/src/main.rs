//! The `analytics` program.

fn main() {}
