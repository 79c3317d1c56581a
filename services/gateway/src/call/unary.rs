//! One message there, one message back.

use axum::body::Body;
use http::Response;

use super::codec::{Raw, Wire};
use super::{Call, request, within};
use crate::config::Config;
use crate::envelope::{Refusal, success};

/// Calls the RPC and writes its answer.
///
/// # Errors
/// What the request or the service has against it.
pub async fn call(call: &Call<'_>, config: &Config, body: Body) -> Result<Response<Body>, Refusal> {
    let deadline = call.facts.deadline(call.endpoint.deadline)?;
    let bytes = request::read_body(call, config, body).await?;
    let message = request::assemble(call, &bytes, &[])?;
    drop(bytes);
    let answer = within(deadline, call.facts, async {
        let mut client = call.client();
        client.ready().await.map_err(|error| call.refusal(&tonic::Status::unavailable(error.to_string())))?;
        let request = call.request(Wire::from(message), deadline);
        client.unary(request, call.endpoint.grpc_path.clone(), Raw).await.map_err(|status| {
            // Why: a deadline that passes inside the client comes back as "cancelled".
            match status.code() {
                tonic::Code::Cancelled => Refusal::deadline_exceeded(),
                _ => call.refusal(&status),
            }
        })
    })
    .await?;
    success(call.schema, call.endpoint, answer.get_ref(), call.facts.id()).map_err(|error| call.bad_answer(error))
}
