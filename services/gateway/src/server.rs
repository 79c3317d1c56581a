//! Listening, and stopping without a failed request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Body;
use futures::FutureExt as _;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tower::Service as _;
use trinity_rpc::{CancellationToken, Runtime, Service};
use trinity_telemetry::PrometheusHandle;

use crate::config::Config;
use crate::facts::PeerAddress;
use crate::pipeline::Edge;
use crate::usage::Meter;
use crate::wiring;

/// HTTP/2 windows that let a document of 100 KB pass without waiting, in bytes.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long to wait when no connection can be taken, for want of file descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A gateway that has its address and does not serve yet.
pub struct Server {
    edge: Arc<Edge>,
    meter: Meter,
    listener: TcpListener,
    shutdown: CancellationToken,
}

impl Server {
    /// Builds the edge and takes the address. `local` are the services of this process.
    ///
    /// # Errors
    /// A contract that cannot be served, a setting that is wrong, or an address that is taken.
    pub async fn bind(
        config: Config,
        runtime: &Runtime,
        local: Vec<Service>,
        metrics: Option<PrometheusHandle>,
    ) -> Result<Self> {
        let listen = config.listen;
        let edge = wiring::edge(config, runtime, local, metrics)?;
        let meter = Meter::new(Arc::clone(&edge.usage), &runtime.peers)?;
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        Ok(Self { edge, meter, listener, shutdown: runtime.shutdown.clone() })
    }

    /// The address that was taken.
    ///
    /// # Errors
    /// When the socket is gone.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until shutdown, then drains: not ready but still taking requests for a while, then finishing what is
    /// under way, then telling the tenant service what was counted.
    ///
    /// # Errors
    /// An origin setting that is wrong.
    pub async fn serve(self) -> Result<()> {
        let Self { edge, meter, listener, shutdown } = self;
        let service = wiring::service(Arc::clone(&edge))?;
        let served = CancellationToken::new();
        // Why: the jobs end with this future, even when it is dropped half-way.
        let end_of_service = served.clone().drop_guard();
        let interval = Duration::from_millis(edge.config.usage_interval_ms);
        let metering = trinity_telemetry::spawn("usage", meter.run(interval, served.clone()));
        let limits = Arc::clone(&edge.limits);
        trinity_telemetry::spawn("limits", async move {
            served.run_until_cancelled(limits.keep_small()).await;
        });
        let graceful = GracefulShutdown::new();
        let serve = |stream: TcpStream, peer: SocketAddr| {
            let service = service.clone();
            let handler = hyper::service::service_fn(move |request: Request<Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(PeerAddress(peer));
                service.clone().call(request)
            });
            let _ = stream.set_nodelay(true);
            let connection = builder().serve_connection(TokioIo::new(stream), handler).into_owned();
            let watched = graceful.watch(connection);
            trinity_telemetry::spawn_bare("connection", async move {
                if let Err(error) = watched.await {
                    tracing::debug!(%error, "a connection ended");
                }
            });
        };
        tracing::info!(address = %listener.local_addr()?, "serving HTTP");
        let drained = async {
            shutdown.cancelled().await;
            edge.is_draining.store(true, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(edge.config.drain_delay_ms)).await;
        };
        tokio::select! {
            () = accept(&listener, &serve) => {}
            () = drained => {}
        }
        // Whoever has connected by now is still served.
        while let Some(Ok((stream, peer))) = listener.accept().now_or_never() {
            serve(stream, peer);
        }
        drop(listener);
        let limit = Duration::from_millis(edge.config.drain_timeout_ms);
        if tokio::time::timeout(limit, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still under way at the end of the drain");
        }
        drop(end_of_service);
        metering.await?;
        Ok(())
    }
}

async fn accept(listener: &TcpListener, serve: impl Fn(TcpStream, SocketAddr)) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => serve(stream, peer),
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(KEEP_ALIVE_INTERVAL);
    builder
}
