//! orders-context.
