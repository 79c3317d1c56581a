//! The client against real listeners on this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::resolver::Lookup;
use crate::{Egress, Error, Request};

/// Answers every connection with `answer`, or not at all when it is empty; counts them.
async fn serve(address: Ipv4Addr, answer: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    #[expect(clippy::disallowed_methods, reason = "a test's listener")]
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut head = vec![0; 4096];
            let _ = socket.read(&mut head).await;
            let _ = socket.write_all(answer.as_bytes()).await;
            open.push(socket);
        }
    });
    (port, calls)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn get(url: &str) -> Request {
    Request::new(Method::GET, url).unwrap()
}

/// Answers every name with these addresses, and counts how often it was asked.
fn lookup(addresses: &'static [[u8; 4]]) -> (Lookup, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let answer = move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        let found = addresses.iter().map(|address| SocketAddr::from((*address, 0))).collect();
        let answer: std::pin::Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>> =
            Box::pin(async move { Ok(found) });
        answer
    };
    (Arc::new(answer), asked)
}

#[tokio::test]
async fn nothing_on_this_machine_is_reached_however_it_is_spelt() {
    let (port, calls) = serve(Ipv4Addr::LOCALHOST, ok("secret")).await;
    let egress = Egress::new(&[] as &[&str]).unwrap();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0"] {
        let url = format!("http://{host}:{port}/");
        assert!(matches!(egress.check(&url).unwrap_err(), Error::Refused(_)), "{url}");
        assert!(matches!(egress.send(get(&url)).await.unwrap_err(), Error::Refused(_)), "{url}");
    }
    let by_name = format!("http://localhost:{port}/");
    assert_eq!(egress.send(get(&by_name)).await.unwrap_err(), Error::Refused("localhost".to_owned()));
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_allowed_host_or_range_is_reached() {
    let (port, _) = serve(Ipv4Addr::LOCALHOST, ok("hello")).await;
    for (allow, host) in [("localhost", "localhost"), ("127.0.0.0/8", "127.0.0.1"), ("127.0.0.1", "localhost")] {
        let egress = Egress::new(&[allow]).unwrap();
        let answer = egress.send(get(&format!("http://{host}:{port}/"))).await.unwrap();
        assert_eq!((answer.status(), answer.is_success()), (200, true));
        assert_eq!(answer.bytes(5).await.unwrap(), b"hello");
    }
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let (port, calls) = serve(Ipv4Addr::new(127, 0, 0, 2), ok("")).await;
    let url = format!("http://rebinding.example:{port}/");
    let (answers, asked) = lookup(&[[10, 0, 0, 1], [169, 254, 169, 254], [127, 0, 0, 2]]);
    let egress = Egress::with_lookup(&["127.0.0.2"], answers).unwrap();
    egress.send(get(&url)).await.unwrap();
    assert_eq!((asked.load(Ordering::SeqCst), calls.load(Ordering::SeqCst)), (1, 1), "looked up once, and never again");

    let (answers, _) = lookup(&[[10, 0, 0, 1], [169, 254, 169, 254]]);
    let egress = Egress::with_lookup(&["127.0.0.2"], answers).unwrap();
    assert_eq!(egress.send(get(&url)).await.unwrap_err(), Error::Refused("rebinding.example".to_owned()));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let (inside, calls) = serve(Ipv4Addr::LOCALHOST, ok("secret")).await;
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{inside}/\r\ncontent-length: 0\r\n\r\n");
    let (port, _) = serve(Ipv4Addr::new(127, 0, 0, 2), answer).await;
    let egress = Egress::new(&["127.0.0.2"]).unwrap();
    let answer = egress.send(get(&format!("http://127.0.0.2:{port}/"))).await.unwrap();
    assert_eq!((answer.status(), answer.is_success()), (302, false));
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn answers_end_at_their_limits() {
    let egress = Egress::new(&["127.0.0.1"]).unwrap();
    let endless = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(1000));
    for answer in [ok(&"x".repeat(1000)), endless] {
        let (port, _) = serve(Ipv4Addr::LOCALHOST, answer).await;
        let answer = egress.send(get(&format!("http://127.0.0.1:{port}/"))).await.unwrap();
        assert_eq!(answer.bytes(100).await.unwrap_err(), Error::TooLarge(100));
    }
    let (port, _) = serve(Ipv4Addr::LOCALHOST, String::new()).await;
    let request = get(&format!("http://127.0.0.1:{port}/")).timeout(Duration::from_millis(50));
    assert_eq!(egress.send(request).await.unwrap_err(), Error::TimedOut);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = egress.send(get(&format!("http://{closed}/"))).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_at_once() {
    let egress = Egress::new(&[] as &[&str]).unwrap();
    for url in
        ["", "x", "ftp://a.example/", "file:///etc/passwd", "https://u:p@a.example/", "https://u@a.example/", "http://"]
    {
        assert!(matches!(egress.check(url).unwrap_err(), Error::Malformed(_)), "{url}");
    }
    assert_eq!(egress.check("https://a.example/x?y").unwrap().as_str(), "https://a.example/x?y");
    for (name, value) in [("host", "a"), ("Content-Length", "1"), ("a b", "x"), ("a", "x\r\nb: c")] {
        assert!(get("https://a.example/").header(name, value).is_err(), "{name}");
    }
}
