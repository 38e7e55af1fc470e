//! analytics-context.
