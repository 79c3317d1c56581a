//! An S3 server for a test: real requests, real signatures, real multipart uploads.

mod bucket;

use std::{collections::BTreeMap, net::SocketAddr, thread::JoinHandle};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};
use trinity_config::StorageSettings;

use self::bucket::Bucket;

const BUCKET: &str = "trinity";
const KEY_ID: &str = "AKIATRINITYTEST";
const SECRET: &str = "the secret of a throw-away bucket";

/// A server with one bucket; both end with this value. It has a thread of its own, so that other processes and other
/// runtimes of the test can use it.
pub struct TestS3 {
    bucket: Bucket,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestS3 {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        let bucket = Bucket::new(BUCKET);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut builder = S3ServiceBuilder::new(bucket.clone());
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = serve(&listener, &service) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { bucket, address, stop: Some(stop), thread: Some(thread) }
    }

    /// The store's URL, with a path inside the bucket.
    pub fn url(&self) -> String {
        format!("s3://{BUCKET}/installation-1")
    }

    /// How the bucket is reached.
    pub fn settings(&self) -> StorageSettings {
        StorageSettings {
            endpoint: Some(format!("http://{}", self.address)),
            access_key_id: Some(KEY_ID.to_owned()),
            secret_access_key: Some(SECRET.to_owned()),
            allow_http: true,
            ..StorageSettings::default()
        }
    }

    /// The same as variables of a process.
    pub fn variables(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("TRINITY_STORAGE_ENDPOINT", format!("http://{}", self.address)),
            ("TRINITY_STORAGE_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("TRINITY_STORAGE_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("TRINITY_STORAGE_ALLOW_HTTP", "true".to_owned()),
        ])
    }

    /// The keys of its objects.
    pub fn keys(&self) -> Vec<String> {
        self.bucket.contents().0
    }

    /// Multipart uploads that are neither complete nor aborted.
    pub fn unfinished_uploads(&self) -> Vec<String> {
        self.bucket.contents().1
    }
}

impl Drop for TestS3 {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: &TcpListener, service: &S3Service) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let service = service.clone();
        connections.spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(socket), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}
