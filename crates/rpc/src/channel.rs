//! One client type for both deployments: a peer across the network, or a service in this very process.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

type Answer = Result<http::Response<Body>, tonic::transport::Error>;

/// A way to one service. Cheap to clone.
#[derive(Clone)]
pub enum Channel {
    /// Over HTTP/2.
    Remote(tonic::transport::Channel),
    /// In this process; unset until the service is built.
    Local(Arc<OnceLock<Routes>>),
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Remote(_) => "Channel::Remote",
            Self::Local(_) => "Channel::Local",
        })
    }
}

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self {
            Self::Remote(channel) => channel.poll_ready(cx),
            Self::Local(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match self {
            Self::Remote(channel) => Box::pin(channel.call(request)),
            Self::Local(cell) => {
                let Some(mut routes) = cell.get().cloned() else {
                    return Box::pin(async {
                        let error = trinity_error::Error::unavailable("a service");
                        Ok(tonic::Status::from(error).into_http())
                    });
                };
                Box::pin(async move {
                    let answer: Result<_, Infallible> = routes.call(request).await;
                    Ok(answer.unwrap_or_else(|never| match never {}))
                })
            }
        }
    }
}
