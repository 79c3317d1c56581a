//! A wire to a server that a test can cut and mend.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards TCP while it is mended; cut, it refuses and breaks every connection.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it leads; nowhere while it is cut.
    target: Arc<watch::Sender<Option<String>>>,
    mended: String,
}

impl Proxy {
    /// Starts mended, in front of `target`.
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let leads = Arc::new(watch::Sender::new(Some(target.clone())));
        let state = Arc::clone(&leads);
        spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut state = state.subscribe();
                spawn(async move {
                    let target = state.borrow_and_update().clone();
                    if let Some(target) = target {
                        tokio::select! {
                            () = forward(client, &target) => {}
                            _ = state.changed() => {}
                        }
                    }
                });
            }
        });
        Self { address, target: leads, mended: target }
    }

    /// Cuts the wire.
    pub fn cut(&self) {
        self.target.send_replace(None);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.target.send_replace(Some(self.mended.clone()));
    }

    /// Leads elsewhere from now on, breaking every connection.
    pub fn turn(&mut self, target: String) {
        self.mended = target;
        self.mend();
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
