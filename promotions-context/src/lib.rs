//! promotions-context.
