//! An RPC's answer as an HTTP response, written straight into one buffer.

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderValue, Response};

use crate::routes::{Endpoint, Outbound, Shape};
use crate::transcode::{BadWire, Schema, Writer, wire};

use super::open_meta;

/// How many headers an answer has in the end, about.
const HEADERS: usize = 12;

/// Writes the answer of an RPC.
///
/// # Errors
/// The bytes do not fit the contract.
pub fn success(schema: &Schema, endpoint: &Endpoint, wire: &[u8], request_id: &str) -> Result<Response<Body>, BadWire> {
    let outbound = &endpoint.response;
    let mut out = Vec::with_capacity(256 + wire.len() + wire.len() / 2);
    if outbound.bare {
        Writer::new(schema, &mut out).message(outbound.message, wire)?;
    } else {
        out.extend_from_slice(b"{\"success\":true,\"data\":");
        write_data(schema, outbound, wire, &mut out)?;
        out.push(b',');
        open_meta(&mut out, request_id);
        if let Shape::Page { page, .. } = outbound.shape {
            out.extend_from_slice(b",\"pagination\":");
            Writer::new(schema, &mut out).field(&schema.message(outbound.message).fields[page], wire)?;
        }
        out.extend_from_slice(b"}}");
    }
    let mut response = Response::new(Body::from(out));
    *response.status_mut() = endpoint.success;
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let caching = if outbound.bare { "public, max-age=60" } else { "no-store" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Some(version) = version(schema, outbound, wire)? {
        headers.insert(ETAG, HeaderValue::try_from(format!("\"{version}\"")).map_err(|_| BadWire("bad version"))?);
    }
    Ok(response)
}

fn write_data(schema: &Schema, outbound: &Outbound, wire: &[u8], out: &mut Vec<u8>) -> Result<(), BadWire> {
    let mut writer = Writer::new(schema, out);
    let fields = &schema.message(outbound.message).fields;
    match outbound.shape {
        Shape::Whole | Shape::Stream(_) => writer.message(outbound.message, wire),
        Shape::Field(index) => writer.field(&fields[index], wire),
        Shape::Page { items, .. } => writer.field(&fields[items], wire),
    }
}

/// The version of the object that was answered.
fn version(schema: &Schema, outbound: &Outbound, wire: &[u8]) -> Result<Option<u64>, BadWire> {
    let Some(number) = outbound.version else { return Ok(None) };
    let data = match outbound.shape {
        Shape::Field(index) => wire::find_bytes(wire, schema.message(outbound.message).fields[index].number)?,
        _ => Some(wire),
    };
    data.map_or(Ok(None), |data| wire::find_varint(data, number))
}
