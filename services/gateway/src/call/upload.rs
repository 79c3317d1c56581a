//! A file as a client stream: the parameters in the first message, then the bytes, no faster than the service takes them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::Stream;
use http::Response;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::codec::{Raw, Wire};
use super::files::File;
use super::{Call, request, within};
use crate::config::Config;
use crate::envelope::{Refusal, success};
use crate::transcode::wire::{self, WireType};

/// How many bytes a message carries at the most.
const CHUNK_LIMIT: usize = 256 << 10;
/// How many messages wait between the reader and the service.
const IN_FLIGHT: usize = 2;
/// How much of a refused upload is still read, so that the client gets to see the refusal instead of a broken pipe.
const LINGER_BYTES: usize = 1 << 30;
const LINGER: Duration = Duration::from_secs(10);

/// Sends the body of a request, in messages that carry it in the field `chunk`.
///
/// # Errors
/// What the request or the service has against it.
pub async fn call(call: &Call<'_>, config: &Config, body: Body, chunk: u32) -> Result<Response<Body>, Refusal> {
    let deadline = call.facts.deadline(call.endpoint.deadline)?;
    let limit = config.upload_limit_bytes;
    let mut file = File::open(&call.parts.headers, body, limit, config.body_timeout()).await?;
    let first = first_message(call, &mut file)?;
    let outcome = within(deadline, call.facts, send(call, deadline, &mut file, first, chunk)).await;
    if outcome.is_err() {
        linger(file);
    }
    let answer = outcome?;
    success(call.schema, call.endpoint, &answer, call.facts.id()).map_err(|error| call.bad_answer(error))
}

async fn send(
    call: &Call<'_>,
    deadline: Option<Duration>,
    file: &mut File,
    first: Vec<u8>,
    chunk: u32,
) -> Result<Bytes, Refusal> {
    let mut client = call.client();
    client.ready().await.map_err(|error| call.refusal(&Status::unavailable(error.to_string())))?;
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    let messages = Messages { first: Some(first.into()), receiver, is_over: false };
    let request = call.request(messages, deadline);
    let path = call.endpoint.grpc_path.clone();
    let (answered, mut answer) = oneshot::channel();
    // Why: were the call dropped with this request, it would be reset as "cancelled", which tonic's server shows to the
    // service as an orderly end of the stream. On its own it lives until `Messages` has broken it off with an error.
    trinity_telemetry::spawn("upload", async move {
        let _ = answered.send(client.client_streaming(request, path, Raw).await);
    });
    let answer = tokio::select! {
        // Why: a service may refuse, or be gone, long before the last byte.
        answer = &mut answer => answer,
        fed = feed(file, sender, chunk) => {
            fed?;
            answer.await
        }
    };
    let answer = answer.map_err(|_| Refusal::internal())?;
    Ok(answer.map_err(|status| call.refusal(&status))?.into_inner())
}

/// Passes the file on until its end.
async fn feed(file: &mut File, sender: mpsc::Sender<Piece>, chunk: u32) -> Result<(), Refusal> {
    while let Some(mut bytes) = file.next().await? {
        while !bytes.is_empty() {
            let tail = bytes.split_to(bytes.len().min(CHUNK_LIMIT));
            let mut head = Vec::with_capacity(8);
            wire::put_tag(&mut head, chunk, WireType::Bytes);
            wire::put_varint(&mut head, tail.len() as u64);
            if sender.send(Piece::Message(Wire::Message { head, tail })).await.is_err() {
                // The call has ended: its answer is what counts.
                return std::future::pending().await;
            }
        }
    }
    let _ = sender.send(Piece::End).await;
    Ok(())
}

fn first_message(call: &Call<'_>, file: &mut File) -> Result<Vec<u8>, Refusal> {
    let mut fields = std::mem::take(&mut file.fields);
    let inbound = &call.endpoint.request;
    if let (Some(index), Some(filename)) = (inbound.filename, file.filename.take()) {
        let name = &call.schema.message(inbound.message).fields[index].name;
        let query = call.parts.uri.query().unwrap_or_default();
        let is_given = form_urlencoded::parse(query.as_bytes()).any(|(key, _)| *key == **name);
        if !is_given {
            fields.push((name.to_string(), filename));
        }
    }
    request::assemble(call, &[], &fields)
}

/// Reads on for a while in the background, to the end or the limit.
fn linger(mut file: File) {
    trinity_telemetry::spawn("linger", async move {
        let _ = tokio::time::timeout(LINGER, async {
            let mut read = 0;
            while let Ok(Some(bytes)) = file.next().await {
                read += bytes.len();
                if read > LINGER_BYTES {
                    return;
                }
            }
        })
        .await;
    });
}

enum Piece {
    Message(Wire),
    End,
}

/// The messages of an upload.
///
/// Invariant: the stream ends only after [`Piece::End`]. When the sender is dropped without it, the file is not whole,
/// and the stream breaks off with an error: an end would make the service keep half of it.
struct Messages {
    first: Option<Wire>,
    receiver: mpsc::Receiver<Piece>,
    is_over: bool,
}

impl Stream for Messages {
    type Item = Wire;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Wire>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        if self.is_over {
            return Poll::Ready(None);
        }
        let piece = ready!(self.receiver.poll_recv(cx));
        self.is_over = !matches!(piece, Some(Piece::Message(_)));
        Poll::Ready(match piece {
            Some(Piece::Message(wire)) => Some(wire),
            Some(Piece::End) => None,
            None => Some(Wire::Broken),
        })
    }
}
