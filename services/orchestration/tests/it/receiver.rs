//! A listener that takes what is posted to it, and answers what it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What was posted.
#[derive(Debug, Clone)]
pub struct Post {
    head: String,
    pub body: String,
}

impl Post {
    /// A header's value; empty without it.
    pub fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.split_once(": ").filter(|(known, _)| *known == name));
        line.map(|(_, value)| value).unwrap_or_default()
    }
}

/// The listener.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    posts: Arc<Mutex<Vec<Post>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    /// Answers with these status codes in turn, and with 200 afterwards.
    pub async fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let receiver = Self { url, posts: Arc::default(), answers };
        let taker = receiver.clone();
        #[expect(clippy::disallowed_methods, reason = "a test's listener")]
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                taker.take(socket).await;
            }
        });
        receiver
    }

    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    async fn take(&self, mut socket: TcpStream) {
        let mut text = Vec::new();
        let mut part = [0; 4096];
        let post = loop {
            if let Some(post) = parse(&text) {
                break post;
            }
            match socket.read(&mut part).await {
                Ok(0) | Err(_) => return,
                Ok(read) => text.extend_from_slice(&part[..read]),
            }
        };
        let status = self.answers.lock().unwrap().pop_front().unwrap_or(200);
        self.posts.lock().unwrap().push(post);
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let _ = socket.write_all(answer.as_bytes()).await;
    }
}

/// The post, once it is whole.
fn parse(bytes: &[u8]) -> Option<Post> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let post = Post { head: head.replace("\r\n", "\n"), body: body.to_owned() };
    let length: usize = post.header("content-length").parse().ok()?;
    (post.body.len() >= length).then_some(post)
}
