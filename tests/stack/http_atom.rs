//! The `http` atom in a whole installation: rows to an endpoint and back, with a secret that is seen there and nowhere else.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use trinity_stack_tests::{Installation, Options};

const SECRET: &str = "Bearer 5d41402abc4b2a76b9719d911017c592";

/// An endpoint that gives every row back with a mark, and remembers what it was told in its headers.
struct Endpoint {
    url: String,
    told: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Endpoint {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mark", listener.local_addr().unwrap());
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let (mut serving, heard) = (JoinSet::new(), Arc::clone(&told));
        serving.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (head, body) = request(&mut socket).await;
                heard.lock().unwrap().push(head);
                let marked: Vec<String> = body.lines().map(|row| row.replacen('{', "{\"mark\":\"seen\",", 1)).collect();
                let marked = marked.join("\n");
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", marked.len());
                socket.write_all((head + &marked).as_bytes()).await.unwrap();
            }
        });
        Self { url, told, _serving: serving }
    }
}

/// The head and the body of a request.
async fn request(socket: &mut TcpStream) -> (String, String) {
    let mut text = Vec::new();
    loop {
        let read = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = read.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
            if body.len() >= length {
                return (head.to_owned(), body.to_owned());
            }
        }
        assert!(socket.read_buf(&mut text).await.unwrap() > 0, "the request is cut short: {read}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_its_endpoint_and_is_read_nowhere_else() {
    let endpoint = Endpoint::start().await;
    let settings = vec![("TRINITY_WORKER_EGRESS_ALLOW", "127.0.0.1".to_owned())];
    let mut installation = Installation::start_with(Options { settings, ..Options::default() }).await;
    let (_, api) = installation.tenant("acme").await;
    api.put("/me/environment/MARK_TOKEN", json!({"value": SECRET})).await.data();
    let project = api.project("Marks").await;
    let dataset = api.upload(&project, "n.csv", b"n\n1\n2\n3\n".to_vec()).await;
    let config = json!({"url": endpoint.url, "batch_rows": 2, "secret_headers": {"Authorization": "MARK_TOKEN"}});
    let atoms = json!([
        {"id": "read", "atom": "csv-reader", "config": {"dataset": dataset["id"]}},
        {"id": "mark", "atom": "http", "config": config},
    ]);
    let canvas = json!({"molecules": [{"id": "m", "type": "Utility", "atoms": atoms}], "connections": []});
    let workflow = api.save(&project, "Marks", canvas).await;
    let run = api.execute(&workflow).await;
    let ended = api.ended(&run).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");

    let told = endpoint.told.lock().unwrap().clone();
    assert_eq!(told.len(), 2, "3 rows go in batches of 2");
    assert!(told.iter().all(|head| head.contains(&format!("authorization: {SECRET}"))), "{told:?}");
    let tasks = api.tasks(&run).await;
    let output = tasks.iter().find(|task| task["atom"] == "http").unwrap()["outputs"][0]["dataset_id"].clone();
    let table = api.get(&format!("/datasets/{}/preview?rows=5", output.as_str().unwrap())).await;
    assert_eq!(table.data()["rows"][2], json!({"mark": "seen", "n": 3}));

    let mut read = vec![json!(tasks).to_string(), ended.to_string()];
    for path in [format!("/runs/{run}/logs"), format!("/workflows/{workflow}"), "/me/environment".to_owned()] {
        read.push(api.get(&path).await.body.to_string());
    }
    let names: Vec<&str> = installation.processes.keys().copied().collect();
    read.extend(names.iter().map(|name| installation.process(name).log()));
    let token = SECRET.trim_start_matches("Bearer ");
    assert!(read.iter().all(|text| !text.contains(token)), "the secret is told: {read:?}");
}
