//! The Confluent wire format: a zero byte, the schema's id in four bytes, the Avro body.

/// The bytes before the body.
pub const PREFIX: usize = 5;

/// The id of the schema a record was written with, or why it has none.
///
/// # Errors
/// A sentence for `_error`, when the record is not framed.
pub fn schema_id(payload: Option<&[u8]>) -> Result<u32, String> {
    let Some(payload) = payload else {
        return Err("The record has no value (a tombstone).".to_owned());
    };
    match payload {
        // Registries count in signed integers from 1; asking one for anything else may fail in
        // ways that look like an outage.
        [0, a, b, c, d, ..] => match i32::from_be_bytes([*a, *b, *c, *d]) {
            id @ 1.. => Ok(id.unsigned_abs()),
            id => Err(format!("The frame names schema {id}; no registry gives such an id.")),
        },
        [0, ..] | [] => {
            Err(format!("The value has {} bytes; the framing alone needs {PREFIX}.", payload.len()))
        }
        [first, ..] => Err(format!(
            "The value begins with byte {first:#04x}; a framed Avro record begins with 0x00."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::schema_id;

    #[test]
    fn the_id_is_read_from_the_frame() {
        assert_eq!(schema_id(Some(&[0, 0, 0, 1, 2, 9])), Ok(258));
        assert_eq!(schema_id(Some(&[0, 0, 0, 0, 7])), Ok(7));
    }

    #[test]
    fn what_is_not_framed_says_why() {
        for (payload, cause) in [
            (None, "tombstone"),
            (Some(&b""[..]), "0 bytes"),
            (Some(&[0, 0, 0, 1][..]), "4 bytes"),
            (Some(&[0, 0, 0, 0, 0, 9][..]), "schema 0"),
            (Some(&[0, 0xff, 0xff, 0xff, 0xff][..]), "schema -1"),
            (Some(&b"{\"order\": 1}"[..]), "0x7b"),
        ] {
            let error = schema_id(payload).unwrap_err();
            assert!(error.contains(cause), "{error}");
        }
    }
}
