//! The `orders` program.

fn main() {}
