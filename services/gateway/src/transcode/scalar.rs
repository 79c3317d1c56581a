//! Single values: from numbers and words to the wire and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike, SecondsFormat, Utc};

use super::fault::Reason;
use super::schema::{Kind, Schema};
use super::wire::{self, Records, Value, WireType};
use super::write::BadWire;

/// A fault without its place.
pub type Wrong = (Reason, String);

/// What a value of this kind looks like, for messages.
#[must_use]
pub fn expectation(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a 32-bit integer",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a 64-bit integer",
        Kind::Uint32 | Kind::Fixed32 => "an unsigned 32-bit integer",
        Kind::Uint64 | Kind::Fixed64 => "an unsigned 64-bit integer",
        Kind::Float | Kind::Double => "a number",
        Kind::String => "a string",
        Kind::Bytes => "a string in base64",
        Kind::Enum(_) => "a word",
        Kind::Timestamp => "an RFC 3339 time such as 2026-01-31T12:00:00Z",
        Kind::Json => "JSON",
        Kind::Message(_) => "an object",
    }
}

/// The wire value of an integer.
pub fn from_integer(kind: Kind, number: i128) -> Result<Value<'static>, Wrong> {
    let out_of_range = || (Reason::OutOfRange, format!("must be {}", expectation(kind)));
    let signed32 = || i32::try_from(number).map_err(|_| out_of_range());
    let signed64 = || i64::try_from(number).map_err(|_| out_of_range());
    let unsigned32 = || u32::try_from(number).map_err(|_| out_of_range());
    let unsigned64 = || u64::try_from(number).map_err(|_| out_of_range());
    Ok(match kind {
        Kind::Int32 => Value::Varint(i64::from(signed32()?) as u64),
        Kind::Int64 => Value::Varint(signed64()? as u64),
        Kind::Uint32 => Value::Varint(unsigned32()?.into()),
        Kind::Uint64 => Value::Varint(unsigned64()?),
        Kind::Sint32 => Value::Varint(zigzag(signed32()?.into())),
        Kind::Sint64 => Value::Varint(zigzag(signed64()?)),
        Kind::Fixed32 => Value::Fixed32(unsigned32()?),
        Kind::Fixed64 => Value::Fixed64(unsigned64()?),
        Kind::Sfixed32 => Value::Fixed32(signed32()? as u32),
        Kind::Sfixed64 => Value::Fixed64(signed64()? as u64),
        Kind::Float | Kind::Double => return from_float(kind, number as f64),
        _ => return Err(wrong_type(kind)),
    })
}

/// The wire value of a number with a fraction or an exponent.
pub fn from_float(kind: Kind, number: f64) -> Result<Value<'static>, Wrong> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53: above it, a double is not one integer.
    match kind {
        Kind::Double => Ok(Value::Fixed64(number.to_bits())),
        Kind::Float if number.is_finite() && (number as f32).is_infinite() => {
            Err((Reason::OutOfRange, "must fit a 32-bit float".into()))
        }
        Kind::Float => Ok(Value::Fixed32((number as f32).to_bits())),
        _ if number.fract() != 0.0 => Err(wrong_type(kind)),
        _ if number.abs() > EXACT => Err((Reason::OutOfRange, format!("must be {}", expectation(kind)))),
        _ => from_integer(kind, number as i128),
    }
}

/// The wire value of a truth value.
pub fn from_bool(kind: Kind, value: bool) -> Result<Value<'static>, Wrong> {
    if kind == Kind::Bool { Ok(Value::Varint(value.into())) } else { Err(wrong_type(kind)) }
}

/// The wire value of a JSON string; `scratch` holds what must be built.
pub fn from_str<'a>(schema: &Schema, kind: Kind, text: &'a str, scratch: &'a mut Vec<u8>) -> Result<Value<'a>, Wrong> {
    match kind {
        Kind::String => Ok(Value::Bytes(text.as_bytes())),
        Kind::Bytes => {
            scratch.clear();
            STANDARD
                .decode_vec(text, scratch)
                .map_err(|_| (Reason::BadBase64, "must be base64 with padding".into()))?;
            Ok(Value::Bytes(scratch))
        }
        Kind::Enum(id) => {
            let words = schema.words(id);
            let number = words
                .number(text)
                .ok_or_else(|| (Reason::UnknownWord, format!("must be one of {}", words.all.join(", "))))?;
            Ok(Value::Varint(i64::from(number) as u64))
        }
        Kind::Timestamp => {
            scratch.clear();
            put_timestamp(scratch, text)?;
            Ok(Value::Bytes(scratch))
        }
        _ => Err(wrong_type(kind)),
    }
}

/// The wire value of a parameter's text.
pub fn from_parameter<'a>(
    schema: &Schema,
    kind: Kind,
    text: &'a str,
    scratch: &'a mut Vec<u8>,
) -> Result<Value<'a>, Wrong> {
    match kind {
        Kind::Bool => text.parse().map_err(|_| wrong_type(kind)).and_then(|value| from_bool(kind, value)),
        Kind::Float | Kind::Double => {
            let number: f64 = text.parse().map_err(|_| wrong_type(kind))?;
            if number.is_finite() { from_float(kind, number) } else { Err(wrong_type(kind)) }
        }
        Kind::String | Kind::Bytes | Kind::Enum(_) | Kind::Timestamp => from_str(schema, kind, text, scratch),
        Kind::Json => {
            let raw: &serde_json::value::RawValue = serde_json::from_str(text).map_err(|_| wrong_type(kind))?;
            scratch.clear();
            wire::put_bytes(scratch, 1, raw.get().as_bytes());
            Ok(Value::Bytes(scratch))
        }
        Kind::Message(_) => Err(wrong_type(kind)),
        _ => {
            let number = text.parse().map_err(|_| wrong_type(kind))?;
            from_integer(kind, number)
        }
    }
}

/// Appends a value without its tag.
pub fn put_value(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Varint(value) => wire::put_varint(out, value),
        Value::Fixed64(value) => out.extend_from_slice(&value.to_le_bytes()),
        Value::Fixed32(value) => out.extend_from_slice(&value.to_le_bytes()),
        Value::Bytes(bytes) => {
            wire::put_varint(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
    }
}

/// Whether a value is what an absent field means.
#[must_use]
pub fn is_default(value: Value<'_>) -> bool {
    matches!(value, Value::Varint(0) | Value::Fixed32(0) | Value::Fixed64(0) | Value::Bytes(&[]))
}

/// Whether brackets nest deeper than allowed. The text must be valid JSON.
#[must_use]
pub fn is_too_deep(text: &str) -> bool {
    if text.len() <= 2 * super::MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > super::MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    false
}

/// Writes the time of an encoded `google.protobuf.Timestamp` as a JSON string.
pub fn write_timestamp(out: &mut Vec<u8>, encoded: &[u8]) -> Result<(), BadWire> {
    let seconds = wire::find_varint(encoded, 1)?.unwrap_or_default() as i64;
    let nanos = wire::find_varint(encoded, 2)?.unwrap_or_default() as i64;
    let time = u32::try_from(nanos)
        .ok()
        .and_then(|nanos| DateTime::<Utc>::from_timestamp(seconds, nanos))
        .filter(|time| (1..=9999).contains(&time.year()))
        .ok_or(BadWire("a time out of range"))?;
    out.push(b'"');
    out.extend_from_slice(time.to_rfc3339_opts(SecondsFormat::AutoSi, true).as_bytes());
    out.push(b'"');
    Ok(())
}

/// Undoes [`zigzag`].
#[must_use]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn put_timestamp(out: &mut Vec<u8>, text: &str) -> Result<(), Wrong> {
    let bad = || (Reason::BadTimestamp, format!("must be {}", expectation(Kind::Timestamp)));
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| bad())?.to_utc();
    let nanos = time.timestamp_subsec_nanos();
    if !(1..=9999).contains(&time.year()) || nanos > 999_999_999 {
        return Err(bad());
    }
    if time.timestamp() != 0 {
        wire::put_tag(out, 1, WireType::Varint);
        wire::put_varint(out, time.timestamp() as u64);
    }
    if nanos != 0 {
        wire::put_tag(out, 2, WireType::Varint);
        wire::put_varint(out, nanos.into());
    }
    Ok(())
}

fn wrong_type(kind: Kind) -> Wrong {
    (Reason::WrongType, format!("must be {}", expectation(kind)))
}

/// The text of an encoded `trinity.common.v1.Json`, checked to be JSON; `None` when it is empty.
pub fn json_text(encoded: &[u8]) -> Result<Option<&[u8]>, BadWire> {
    let mut text: &[u8] = &[];
    let mut records = Records::new(encoded, 0);
    while !records.is_done() {
        if let (1, Value::Bytes(bytes)) = records.next_record()? {
            text = bytes;
        }
    }
    if text.is_empty() {
        return Ok(None);
    }
    let raw: &serde_json::value::RawValue =
        serde_json::from_slice(text).map_err(|_| BadWire("a document that is not JSON"))?;
    Ok(Some(raw.get().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_too_deep(&deep(128)));
        assert!(is_too_deep(&deep(129)));
        assert!(!is_too_deep(&format!("\"{}\\\"{}\"", "[".repeat(200), "{".repeat(200))));
        assert!(is_too_deep(&format!("[\"\\\\\",{}]", deep(128))));
    }

    #[test]
    fn zigzag_round_trips() {
        for value in [0, 1, -1, 2, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }
}
