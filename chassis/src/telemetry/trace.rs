//! W3C Trace Context: the `traceparent` header (Recommendation of 23 November 2021, section 3.2).

use std::fmt::{self, Display};

/// One step of a trace: the trace it belongs to, and itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

/// The flag `sampled`.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// The first step of a new, sampled trace.
    pub fn new_root() -> Self {
        Self { trace_id: random_not_zero(), span_id: random_not_zero(), flags: SAMPLED }
    }

    /// Reads a header; `None` for what the recommendation says to ignore. Headers of later
    /// versions are read as far as version 00 goes.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version: u8 = lower_hex(parts.next()?, 2)?;
        let trace_id = lower_hex(parts.next()?, 32)?;
        let span_id = lower_hex(parts.next()?, 16)?;
        let flags: u8 = lower_hex(parts.next()?, 2)?;
        let too_long = version == 0 && parts.next().is_some();
        if version == 0xff || too_long || trace_id == 0 || span_id == 0 {
            return None;
        }
        Some(Self { trace_id, span_id, flags: flags & SAMPLED })
    }

    /// The next step of the same trace.
    pub fn child(&self) -> Self {
        Self { span_id: random_not_zero(), ..*self }
    }

    /// The trace this step belongs to.
    pub fn trace_id(&self) -> TraceId {
        TraceId(self.trace_id)
    }
}

/// The header's value, 55 characters.
impl Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

/// What all steps of a trace share; shown as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

fn lower_hex<T: TryFrom<u128>>(text: &str, digits: usize) -> Option<T> {
    let lower = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != digits || !text.bytes().all(lower) {
        return None;
    }
    T::try_from(u128::from_str_radix(text, 16).ok()?).ok()
}

fn random_not_zero<T>() -> T
where
    rand::distr::StandardUniform: rand::distr::Distribution<T>,
    T: Default + PartialEq,
{
    loop {
        let number = rand::random();
        if number != T::default() {
            return number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_comes_out_as_it_went_in() {
        let parent = TraceParent::parse(HEADER).unwrap();
        assert_eq!(parent.to_string(), HEADER);
        assert_eq!(parent.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn a_child_is_another_step_of_the_same_trace() {
        let root = TraceParent::new_root();
        let child = root.child();
        assert_eq!(child.trace_id(), root.trace_id());
        assert_ne!(child, root);
        assert_eq!(TraceParent::parse(&child.to_string()), Some(child));
    }

    #[test]
    fn later_versions_are_read_as_far_as_this_one_goes() {
        let later = HEADER.replacen("00", "cc", 1) + "-what-the-future-brings";
        assert_eq!(TraceParent::parse(&later), TraceParent::parse(HEADER));
    }

    #[test]
    fn what_is_no_traceparent_is_ignored() {
        for wrong in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(wrong), None, "{wrong}");
        }
    }
}
