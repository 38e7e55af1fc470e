//! The rules of promotions, pure: no clock, no id source, no network, no disk. What a rule needs
//! to know comes in with the call, and what it decides comes back as a value.

pub mod campaign;
pub mod code;
pub mod voucher;

pub use campaign::{Campaign, CompletedOrder, Rejection, decide};
pub use code::Code;
pub use voucher::{PageEnd, Voucher, VoucherIssued, VoucherState};
