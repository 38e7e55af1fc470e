//! The headers of a record that was read.
//!
//! Brokers do not check the names of headers, and rdkafka panics at one that is not UTF-8: a single
//! record would end every reader of its topic, at each start anew. So librdkafka is asked itself.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use rdkafka::bindings::{
    rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_message_headers, rd_kafka_resp_err_t,
};
use rdkafka::message::BorrowedMessage;

const FOUND: rd_kafka_resp_err_t = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

/// All headers in their order; one without a value is shown empty. What is not UTF-8 in a name is
/// shown as U+FFFD: so it is never taken for a name that somebody looks for. A name with a zero byte ends there, for
/// librdkafka tells no length.
#[allow(unsafe_code, reason = "the safe way panics at names that are not UTF-8")]
pub fn received(message: &BorrowedMessage<'_>) -> Vec<(String, Vec<u8>)> {
    let mut headers = ptr::null_mut();
    // SAFETY: the message is borrowed, so it and its headers are there until this returns.
    let found = unsafe { rd_kafka_message_headers(message.ptr(), &raw mut headers) };
    if found != FOUND || headers.is_null() {
        return Vec::new();
    }
    // SAFETY: as above.
    (0..).map_while(|index| unsafe { header(headers, index) }).collect()
}

/// The header at `index`, unless there are fewer.
///
/// # Safety
///
/// The headers must be those of a record that is still there.
#[allow(unsafe_code, reason = "it reads what librdkafka points to")]
unsafe fn header(headers: *const rd_kafka_headers_t, index: usize) -> Option<(String, Vec<u8>)> {
    let mut name: *const c_char = ptr::null();
    let mut value: *const c_void = ptr::null();
    let mut length = 0;
    // SAFETY: what is written to lives longer than the call.
    let found = unsafe {
        let (name, value) = (&raw mut name, &raw mut value);
        rd_kafka_header_get_all(headers, index, name, value, &raw mut length)
    };
    if found != FOUND || name.is_null() {
        return None;
    }
    // SAFETY: librdkafka ends every name with a zero byte.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    let value = if value.is_null() {
        Vec::new()
    } else {
        // SAFETY: so many bytes are there.
        unsafe { std::slice::from_raw_parts(value.cast::<u8>(), length) }.to_vec()
    };
    Some((name, value))
}
