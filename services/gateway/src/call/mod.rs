//! From an HTTP request to a gRPC call and back: unary calls, uploads and downloads.

mod codec;
pub mod download;
mod files;
pub mod probe;
mod request;
pub mod unary;
pub mod upload;

use std::future::Future;
use std::time::Duration;

use http::request::Parts;
use tonic::{Code, Status};
use trinity_rpc::Channel;

use crate::envelope::Refusal;
use crate::facts::Facts;
use crate::routes::Endpoint;
use crate::transcode::Schema;

/// The largest answer that is taken from a service.
const ANSWER_LIMIT: usize = 64 << 20;

/// One request on its way to its RPC.
pub struct Call<'e> {
    pub schema: &'e Schema,
    pub endpoint: &'e Endpoint,
    pub channel: Channel,
    pub facts: &'e Facts,
    pub parts: &'e Parts,
    /// The values of the path's parameters, still percent-encoded.
    pub path_values: Vec<&'e str>,
}

impl Call<'_> {
    fn client(&self) -> tonic::client::Grpc<Channel> {
        tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(ANSWER_LIMIT)
    }

    fn request<T>(&self, message: T, deadline: Option<Duration>) -> tonic::Request<T> {
        let mut request = tonic::Request::from_parts(self.facts.metadata(), tonic::Extensions::default(), message);
        if let Some(deadline) = deadline {
            request.set_timeout(deadline.saturating_sub(self.facts.started.elapsed()));
        }
        request
    }

    fn refusal(&self, status: &Status) -> Refusal {
        if matches!(status.code(), Code::Internal | Code::Unknown | Code::Unavailable | Code::DataLoss) {
            tracing::warn!(rpc = self.endpoint.name, %status, "the service failed");
        }
        let has_if_match = self.facts.has_if_match && self.endpoint.request.version.is_some();
        Refusal::from_status(status, has_if_match)
    }

    fn bad_answer(&self, error: crate::transcode::BadWire) -> Refusal {
        tracing::error!(rpc = self.endpoint.name, %error, "a service broke its contract");
        Refusal::internal()
    }
}

/// Runs a call for as long as it may take, counted from the request's first byte. Dropping the call cancels it upstream.
async fn within<T>(
    deadline: Option<Duration>,
    facts: &Facts,
    call: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let Some(deadline) = deadline else { return call.await };
    let left = deadline.saturating_sub(facts.started.elapsed());
    tokio::time::timeout(left, call).await.unwrap_or_else(|_| Err(Refusal::deadline_exceeded()))
}
