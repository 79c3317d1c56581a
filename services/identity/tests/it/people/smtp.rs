//! A mail server of a few lines. It takes what it is given, after as many refusals as it is told.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::inbox::Letter;

#[derive(Clone, Default)]
pub struct Server {
    pub letters: Arc<Mutex<Vec<Letter>>>,
    pub message_ids: Arc<Mutex<Vec<String>>>,
    refusals: Arc<Mutex<u32>>,
}

impl Server {
    /// Starts it; the answer is its URL too.
    pub async fn start(refusals: u32) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let server = Self { refusals: Arc::new(Mutex::new(refusals)), ..Self::default() };
        let serving = server.clone();
        trinity_telemetry::spawn("smtp", async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that breaks off is no concern of ours.
                let _ = serving.serve(stream).await;
            }
        });
        (server, url)
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 ready\r\n").await?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let answer = match line.get(..4).unwrap_or_default() {
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await?;
                    self.take(&mut stream).await?
                }
                "QUIT" => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
            stream.write_all(answer.as_bytes()).await?;
        }
    }

    async fn take(&self, stream: &mut BufReader<TcpStream>) -> std::io::Result<&'static str> {
        let mut text = String::new();
        while !text.ends_with("\r\n.\r\n") {
            stream.read_line(&mut text).await?;
        }
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap_or_default().to_owned();
        self.message_ids.lock().unwrap().push(id);
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Ok("451 not now\r\n");
        }
        self.letters.lock().unwrap().push(Letter::read(text.trim_end_matches(".\r\n")));
        Ok("250 taken\r\n")
    }
}
