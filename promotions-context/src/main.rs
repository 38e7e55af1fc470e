//! The `promotions` program.

fn main() {}
