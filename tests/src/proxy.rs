//! A wire to a server that a test can cut and mend.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards TCP while it is mended; cut, it refuses and breaks every connection.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    mended: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// Starts mended, in front of `target`.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mended = Arc::new(watch::Sender::new(true));
        let state = Arc::clone(&mended);
        spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, mut state) = (target.clone(), state.subscribe());
                spawn(async move {
                    if *state.borrow() {
                        tokio::select! {
                            () = forward(client, &target) => {}
                            _ = state.wait_for(|mended| !mended) => {}
                        }
                    }
                });
            }
        });
        Self { address, mended }
    }

    /// Cuts the wire.
    pub fn cut(&self) {
        self.mended.send_replace(false);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.mended.send_replace(true);
    }
}

async fn forward(mut client: TcpStream, target: &str) {
    if let Ok(mut server) = TcpStream::connect(target).await {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}

fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    #[expect(clippy::disallowed_methods, reason = "a test's helper; a panic in it shows as a cut wire")]
    tokio::spawn(future);
}
