//! The question of `grpc.health.v1`, over the same raw codec as everything else.

use http::uri::PathAndQuery;
use trinity_rpc::Channel;

use super::codec::{Raw, Wire};
use crate::transcode::wire;

/// `HealthCheckResponse.ServingStatus.SERVING`.
const SERVING: u64 = 1;

/// Whether `service` says that it is serving.
pub async fn is_serving(channel: Channel, path: PathAndQuery, service: &str) -> bool {
    let mut question = Vec::new();
    wire::put_bytes(&mut question, 1, service.as_bytes());
    let mut client = tonic::client::Grpc::new(channel);
    if client.ready().await.is_err() {
        return false;
    }
    let answer = client.unary(tonic::Request::new(Wire::from(question)), path, Raw).await;
    answer.is_ok_and(|answer| wire::find_varint(answer.get_ref(), 1).ok().flatten() == Some(SERVING))
}
