//! Uploads and downloads: streamed, limited, and never half a file taken for a whole one.

use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::multipart::{Form, Part};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use trinity_testkit::eventually;

use crate::peer::Upload;
use crate::stack::{LIMIT, Stack, refused, send, start, start_in_process};

fn uploads(stack: &Stack) -> Vec<Upload> {
    stack.peer.uploads.lock().unwrap().clone()
}

#[tokio::test]
async fn a_file_is_streamed_in_small_messages() {
    let stack = start(|_| ()).await;
    let file: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let request = stack.post("/projects/p1/datasets?name=weather&format=csv").header("content-type", "text/csv");
    let (status, body) = send(request.body(file.clone())).await;
    assert_eq!((status, &body["data"]["size_bytes"]), (201, &json!(3_000_000)), "{body}");
    assert_eq!(body["data"]["name"], "weather");
    let upload = &uploads(&stack)[0];
    assert_eq!((upload.first.project_id.as_str(), upload.first.format.as_str()), ("p1", "csv"));
    assert!(upload.is_whole && upload.bytes == file);
    assert!(upload.largest_chunk <= 256 << 10, "{}", upload.largest_chunk);
}

#[tokio::test]
async fn a_form_uploads_its_part_named_file() {
    let stack = start(|_| ()).await;
    let part = Part::bytes(vec![7; 700_000]).file_name("rain é.csv");
    let form = Form::new().text("name", "from form").part("file", part);
    let (status, body) = send(stack.post("/projects/p1/datasets").multipart(form)).await;
    assert_eq!((status, &body["data"]["name"]), (201, &json!("from form")), "{body}");
    let upload = &uploads(&stack)[0];
    assert_eq!((upload.first.filename.as_str(), upload.bytes.len(), upload.is_whole), ("rain é.csv", 700_000, true));

    let form = Form::new().part("file", Part::bytes(vec![1]).file_name("a.csv"));
    send(stack.post("/projects/p1/datasets?filename=b.csv").multipart(form)).await;
    assert_eq!(uploads(&stack)[1].first.filename, "b.csv");

    let (status, _, details) =
        refused(stack.post("/projects/p1/datasets").multipart(Form::new().text("name", "x"))).await;
    assert_eq!((status, &details["violations"][0]["field"]), (400, &json!("file")));
    let form = Form::new().text("colour", "x").part("file", Part::bytes(vec![1]));
    let (status, _, details) = refused(stack.post("/projects/p1/datasets").multipart(form)).await;
    assert_eq!((status, &details["violations"][0]["field"]), (400, &json!("colour")));
}

#[tokio::test]
async fn an_upload_above_the_limit_is_refused_and_not_kept() {
    let stack = start(|config| config.upload_limit_bytes = 1_000_000).await;
    let (status, code, details) = refused(stack.post("/projects/p1/datasets").body(vec![1; 1_000_001])).await;
    assert_eq!((status, code.as_str(), &details["limit_bytes"]), (413, "PAYLOAD_TOO_LARGE", &json!(1_000_000)));
    // Without a length announced, the limit is met on the way.
    let chunks = futures::stream::iter((0..200).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![1; 100_000]))));
    let request = stack.post("/projects/p1/datasets").body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(refused(request).await.0, 413);
    let form = Form::new().part("file", Part::bytes(vec![1; 1_000_001]));
    assert_eq!(refused(stack.post("/projects/p1/datasets").multipart(form)).await.0, 413);
    let broken = eventually(LIMIT, "the service to see it break off", || async {
        let uploads = uploads(&stack);
        (!uploads.is_empty()).then_some(uploads)
    });
    assert!(broken.await.iter().all(|upload| !upload.is_whole));
    assert_eq!(send(stack.post("/projects/p1/datasets").body(vec![1; 1_000_000])).await.0, 201);
}

#[tokio::test]
async fn an_upload_that_breaks_off_never_looks_whole() {
    breaks_off(&start(|_| ()).await).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_never_looks_whole_within_one_process() {
    let stack = start_in_process().await;
    assert_eq!(send(stack.post("/projects/p1/datasets?name=a").body(vec![1; 700_000])).await.0, 201);
    assert!(stack.peer.uploads.lock().unwrap().pop().unwrap().is_whole);
    breaks_off(&stack).await;
}

async fn breaks_off(stack: &Stack) {
    let address = stack.base.strip_prefix("http://").unwrap().to_owned();
    let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /api/v1/projects/p1/datasets HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000000\r\n\r\n",
        stack.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&[1; 500_000]).await.unwrap();
    tokio::time::timeout(LIMIT, stack.peer.arrived.notified()).await.expect("the first chunk reaches the service");
    drop(socket);
    let upload = eventually(LIMIT, "the service to see it break off", || async { uploads(stack).pop() }).await;
    assert!(!upload.is_whole && upload.bytes.len() <= 500_000, "{}", upload.bytes.len());
}

#[tokio::test]
async fn a_refusal_in_mid_upload_reaches_the_client() {
    let stack = start(|_| ()).await;
    let (status, code, _) = refused(stack.post("/projects/refused/datasets").body(vec![1; 30_000_000])).await;
    assert_eq!((status, code.as_str()), (404, "PROJECT_NOT_FOUND"));
}

#[tokio::test]
async fn a_download_is_a_file_with_its_headers() {
    let stack = start(|_| ()).await;
    let response = stack.get("/datasets/d1/content").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/csv");
    assert_eq!(response.headers()["content-length"], "2000000");
    assert_eq!(
        response.headers()["content-disposition"],
        "attachment; filename=\"_r _1_.csv\"; filename*=UTF-8''%C3%A5r%20%221%22.csv"
    );
    assert!(!response.headers().contains_key("content-encoding"));
    let bytes = response.bytes().await.unwrap();
    assert_eq!(bytes.len(), 2_000_000);
    assert!(bytes.chunks(100_000).enumerate().all(|(index, chunk)| chunk.iter().all(|byte| *byte == index as u8)));
    assert!(stack.get("/datasets/empty/content").send().await.unwrap().bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_download_that_fails_before_its_first_byte_is_an_error_answer() {
    let stack = start(|_| ()).await;
    assert_eq!(refused(stack.get("/datasets/missing/content")).await.1, "DATASET_NOT_FOUND");
    assert_eq!(refused(stack.get("/datasets/early/content")).await.0, 503);
}

#[tokio::test]
async fn a_download_that_breaks_off_never_looks_whole() {
    let stack = start(|_| ()).await;
    // The break may overtake the head of the response: then there is no response at all.
    if let Ok(response) = stack.get("/datasets/broken/content").send().await {
        assert_eq!(response.status(), 200);
        let pieces: Vec<_> = response.bytes_stream().collect().await;
        assert!(pieces.last().unwrap().is_err(), "the body must end in an error");
    }
}
