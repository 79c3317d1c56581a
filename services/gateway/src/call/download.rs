//! A server stream as a file: the header message becomes HTTP headers, the chunks become the body.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tonic::{Status, Streaming};

use super::codec::{Raw, Wire};
use super::{Call, request, within};
use crate::config::Config;
use crate::envelope::Refusal;
use crate::routes::{DEFAULT_DEADLINE, StreamFields};
use crate::transcode::{BadWire, wire};

/// Marks a response whose body is passed through as it comes.
#[derive(Debug, Clone, Copy)]
pub struct Streamed;

/// What RFC 5987 allows unescaped in an extended value.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Calls the RPC and passes its bytes on.
///
/// # Errors
/// What the request or the service has against it, up to the first chunk.
pub async fn call(
    call: &Call<'_>,
    config: &Config,
    body: Body,
    fields: StreamFields,
) -> Result<Response<Body>, Refusal> {
    let deadline = call.facts.deadline(call.endpoint.deadline)?;
    let bytes = request::read_body(call, config, body).await?;
    let message = request::assemble(call, &bytes, &[])?;
    let until_first = Some(deadline.unwrap_or(DEFAULT_DEADLINE));
    let (header, first, messages) = within(until_first, call.facts, open(call, deadline, message, fields)).await?;
    let mut response = Response::new(file_body(first, messages, fields.chunk));
    describe(&mut response, &header, fields).map_err(|error| call.bad_answer(error))?;
    response.extensions_mut().insert(Streamed);
    Ok(response)
}

/// Reads up to the first chunk, so that whatever fails before it is still an error answer.
async fn open(
    call: &Call<'_>,
    deadline: Option<Duration>,
    message: Vec<u8>,
    fields: StreamFields,
) -> Result<(Bytes, Bytes, Streaming<Bytes>), Refusal> {
    let mut client = call.client();
    client.ready().await.map_err(|error| call.refusal(&Status::unavailable(error.to_string())))?;
    let request = call.request(Wire::from(message), deadline);
    let answer = client.server_streaming(request, call.endpoint.grpc_path.clone(), Raw).await;
    let mut messages = answer.map_err(|status| call.refusal(&status))?.into_inner();
    let mut header = Bytes::new();
    loop {
        let Some(message) = messages.message().await.map_err(|status| call.refusal(&status))? else {
            return Ok((header, Bytes::new(), messages));
        };
        if let Some(found) = part(&message, fields.header).map_err(|error| call.bad_answer(error))? {
            header = found;
        }
        match part(&message, fields.chunk).map_err(|error| call.bad_answer(error))? {
            Some(chunk) if !chunk.is_empty() => return Ok((header, chunk, messages)),
            _ => {}
        }
    }
}

/// The rest of the stream; a fault in it breaks the connection off, so that no half file looks whole.
fn file_body(first: Bytes, messages: Streaming<Bytes>, chunk: u32) -> Body {
    let rest = stream::unfold(Some((Some(first), messages)), move |state| async move {
        let (first, mut messages) = state?;
        if let Some(first) = first {
            return Some((Ok(first), Some((None, messages))));
        }
        let next = match messages.message().await {
            Ok(None) => return None,
            Ok(Some(message)) => part(&message, chunk).map_err(|error| Status::internal(error.to_string())),
            Err(status) => Err(status),
        };
        match next {
            Ok(bytes) => Some((Ok(bytes.unwrap_or_default()), Some((None, messages)))),
            Err(status) => {
                tracing::warn!(%status, "a download broke off");
                Some((Err(std::io::Error::other(status)), None))
            }
        }
    });
    Body::from_stream(rest)
}

fn describe(response: &mut Response<Body>, header: &Bytes, fields: StreamFields) -> Result<(), BadWire> {
    let text =
        |number| Ok::<_, BadWire>(wire::find_bytes(header, number)?.and_then(|bytes| std::str::from_utf8(bytes).ok()));
    let content_type = text(fields.content_type)?.and_then(|text| HeaderValue::from_str(text).ok());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    if let Some(filename) = text(fields.filename)?.filter(|name| !name.is_empty()) {
        headers.insert(CONTENT_DISPOSITION, disposition(filename));
    }
    if let Some(size) = wire::find_varint(header, fields.size_bytes)? {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
    }
    Ok(())
}

/// A field of bytes, sharing the message's memory.
fn part(message: &Bytes, number: u32) -> Result<Option<Bytes>, BadWire> {
    Ok(wire::find_bytes(message, number)?.map(|bytes| message.slice_ref(bytes)))
}

/// Source: RFC 6266, with a plain name for clients that know no other.
fn disposition(filename: &str) -> HeaderValue {
    let plain: String = filename
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '/' | '%') || c == ' ' { c } else { '_' })
        .collect();
    let extended = utf8_percent_encode(filename, ATTR_CHAR);
    HeaderValue::try_from(format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}"))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn odd_file_names_cannot_break_the_header() {
        let header = disposition("a\"b\\c\r\nSet-Cookie: x/é.csv");
        assert_eq!(
            header,
            "attachment; filename=\"a_b_c__Set-Cookie: x__.csv\"; \
             filename*=UTF-8''a%22b%5Cc%0D%0ASet-Cookie%3A%20x%2F%C3%A9.csv"
        );
        assert_eq!(disposition("seattle.csv"), "attachment; filename=\"seattle.csv\"; filename*=UTF-8''seattle.csv");
    }
}
