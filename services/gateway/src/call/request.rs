//! The request message of a call: body, query, path and `If-Match` in one.

use std::borrow::Cow;

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH};
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;

use super::Call;
use crate::config::Config;
use crate::envelope::Refusal;
use crate::routes::BodyRule;
use crate::transcode::{Fault, PASSED_OVER, Reader, Reason};

/// Reads the body of a call that is no stream; empty when there is none.
///
/// # Errors
/// Too large, not JSON by its type, or broken off.
pub async fn read_body(call: &Call<'_>, config: &Config, body: Body) -> Result<Bytes, Refusal> {
    let limit = config.json_limit_bytes;
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let headers = &call.parts.headers;
    if content_length(headers).is_some_and(|length| length > limit as u64) {
        return Err(Refusal::too_large(limit as u64));
    }
    let rule = call.endpoint.request.body;
    let takes_body = rule != BodyRule::None;
    if takes_body && !matches!(rule, BodyRule::Raw(_)) && !is_json(headers) {
        return Err(Refusal::unsupported_media_type("the body must be application/json"));
    }
    refuse_encoding(headers)?;
    let collected = tokio::time::timeout(config.body_timeout(), Limited::new(body, limit).collect()).await;
    let bytes = match collected {
        Err(_) => return Err(Refusal::silent_body()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Refusal::too_large(limit as u64)),
        Ok(Err(_)) => return Err(Refusal::broken_body()),
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    if !takes_body && !bytes.is_empty() {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "UNEXPECTED_BODY", "this route takes no body"));
    }
    Ok(bytes)
}

/// Puts the request message together; `extra` are form fields sent beside an upload.
///
/// # Errors
/// Every fault of the parameters, or the first of the body.
pub fn assemble(call: &Call<'_>, body: &[u8], extra: &[(String, String)]) -> Result<Vec<u8>, Refusal> {
    let inbound = &call.endpoint.request;
    let mut reader = Reader::new(call.schema, inbound.message, body.len() + 128);
    match inbound.body {
        BodyRule::Whole if !body.is_empty() => reader.body(body)?,
        BodyRule::Field(index) if !body.is_empty() => reader.body_field(index, body)?,
        BodyRule::Raw(index) => reader.raw_field(index, body),
        _ => {}
    }
    let mut faults = Vec::new();
    let query = form_urlencoded::parse(call.parts.uri.query().unwrap_or_default().as_bytes());
    let extra = extra.iter().map(|(name, value)| (Cow::from(name), Cow::from(value)));
    read_parameters(call, &mut reader, query.chain(extra), &mut faults);
    read_path(call, &mut reader, &mut faults);
    read_headers(call, &mut reader, &mut faults);
    read_if_match(call, &mut reader, &mut faults);
    if !faults.is_empty() {
        return Err(faults.into());
    }
    Ok(reader.finish()?)
}

/// Says no to compressed bodies: their true size is unknown until it is too late.
///
/// # Errors
/// The body is compressed.
pub fn refuse_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get(CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            Err(Refusal::unsupported_media_type("the body must not be compressed"))
        }
        _ => Ok(()),
    }
}

/// The length that the client announces.
#[must_use]
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn read_parameters<'p>(
    call: &Call<'_>,
    reader: &mut Reader<'_>,
    parameters: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>,
    faults: &mut Vec<Fault>,
) {
    let message = call.schema.message(call.endpoint.request.message);
    let mut named = 0_u128;
    for (name, value) in parameters {
        let index = message.find(&name).filter(|index| call.endpoint.request.query_fields & (1 << index) != 0);
        let Some(index) = index else {
            if name == PASSED_OVER && message.find(&name).is_none() {
                continue;
            }
            let name: String = name.chars().take(100).collect();
            faults.push(Fault::new(name, Reason::UnknownField, "is not a parameter here"));
            continue;
        };
        let field = &message.fields[index];
        if named & (1 << index) != 0 && !field.label.is_many() {
            faults.push(Fault::new(&*field.name, Reason::DuplicateField, "is given twice"));
            continue;
        }
        named |= 1 << index;
        faults.extend(reader.parameter(index, &value).err());
    }
}

fn read_path(call: &Call<'_>, reader: &mut Reader<'_>, faults: &mut Vec<Fault>) {
    let message = call.schema.message(call.endpoint.request.message);
    for (&index, value) in call.endpoint.request.path_fields.iter().zip(&call.path_values) {
        match percent_decode_str(value).decode_utf8() {
            Ok(value) => faults.extend(reader.parameter(index, &value).err()),
            Err(_) => faults.push(Fault::new(&*message.fields[index].name, Reason::WrongType, "must be UTF-8")),
        }
    }
}

fn read_headers(call: &Call<'_>, reader: &mut Reader<'_>, faults: &mut Vec<Fault>) {
    for (index, name) in &call.endpoint.request.header_fields {
        let mut values = call.parts.headers.get_all(name).iter();
        let Some(value) = values.next() else { continue };
        let read = value.to_str().ok().filter(|_| values.next().is_none());
        match read.map(|text| reader.parameter(*index, text)) {
            Some(outcome) => faults.extend(outcome.err()),
            None => faults.push(Fault::new(name.as_str(), Reason::WrongType, "must stand once, as plain text")),
        }
    }
}

fn read_if_match(call: &Call<'_>, reader: &mut Reader<'_>, faults: &mut Vec<Fault>) {
    let (Some(index), Some(header)) = (call.endpoint.request.version, call.parts.headers.get(IF_MATCH)) else { return };
    if header == "*" {
        return;
    }
    let version = header.to_str().ok().and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
    let outcome = version.and_then(|version| reader.parameter(index, version).ok());
    if outcome.is_none() {
        faults.push(Fault::new("If-Match", Reason::WrongType, "must be a version in quotes, such as \"7\""));
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    // A body without a type is taken at its word.
    let Some(content_type) = headers.get(CONTENT_TYPE) else { return true };
    let Ok(text) = content_type.to_str() else { return false };
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.to_ascii_lowercase().starts_with("application/") && essence.to_ascii_lowercase().ends_with("+json"))
}
