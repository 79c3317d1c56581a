//! Load over keep-alive HTTP/1.1, with as little work of its own as can be: it shares the cores with what it measures.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::Result;

/// Sends one request again and again over each of `connections`; gives answers a second.
pub fn requests_per_second(address: &str, request: &str, connections: usize, time: Duration) -> Result<f64> {
    let begun = Instant::now();
    let total: u64 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..connections).map(|_| scope.spawn(|| drive(address, request, begun, time))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a connection that works")).sum::<Result<u64>>()
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    Ok(total as f64 / begun.elapsed().as_secs_f64())
}

fn drive(address: &str, request: &str, begun: Instant, time: Duration) -> Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 << 10];
    let mut count = 0;
    while begun.elapsed() < time {
        stream.write_all(request.as_bytes())?;
        read_answer(&mut stream, &mut buffer)?;
        count += 1;
    }
    Ok(count)
}

/// Reads one answer that names its length.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let mut have = 0;
    loop {
        let read = stream.read(&mut buffer[have..])?;
        if read == 0 {
            return Err("the connection ended".into());
        }
        have += read;
        let Some(end) = buffer[..have].windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..end])?.to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            return Err(head.into());
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).ok_or("no content-length")?;
        if have >= end + 4 + length.trim().parse::<usize>()? {
            return Ok(());
        }
    }
}
