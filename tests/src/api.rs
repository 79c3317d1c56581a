//! The HTTP API as one signed-in person uses it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

/// How long a test waits for a run.
const RUN_DEADLINE: Duration = Duration::from_secs(90);

/// A person's view of the API.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// A status and its envelope.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The data of a success.
    pub fn data(&self) -> &Value {
        assert!(self.status < 300, "{} {}", self.status, self.body);
        &self.body["data"]
    }

    /// The code of an error of this status.
    pub fn error(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.body);
        self.body["error"]["code"].as_str().expect("an error code")
    }
}

impl Api {
    /// Nobody's view.
    pub fn new(http: &str) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        Self { client, base: format!("{http}/api/v1"), token: None }
    }

    /// The view of whoever this token names.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The token of this view.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("somebody")
    }

    /// The public keys of tokens, which stand outside of the API's envelope and path.
    pub async fn jwks(&self) -> Value {
        let url = self.base.replace("/api/v1", "/.well-known/jwks.json");
        self.client.get(url).send().await.expect("an answer").json().await.expect("keys")
    }

    /// Signs in.
    pub async fn login(&self, tenant: &str, email: &str, password: &str) -> Self {
        let body = json!({"tenant": tenant, "email": email, "password": password});
        let answer = self.post("/auth/login", body).await;
        self.with_token(answer.data()["access_token"].as_str().expect("a token"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Sends a body as it is.
    pub async fn raw(&self, method: Method, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        self.send(self.request(method, path).header("content-type", content_type).body(body)).await
    }

    /// The bytes of a download.
    pub async fn download(&self, path: &str) -> Vec<u8> {
        let response = self.request(Method::GET, path).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        response.bytes().await.expect("a body").to_vec()
    }

    /// Makes a project and gives its id.
    pub async fn project(&self, name: &str) -> String {
        id(self.post("/projects", json!({"name": name, "app": "eda"})).await.data())
    }

    /// Uploads a file and gives its dataset.
    pub async fn upload(&self, project: &str, name: &str, file: Vec<u8>) -> Value {
        let path = format!("/projects/{project}/datasets?name={name}&filename={name}");
        self.raw(Method::POST, &path, "application/octet-stream", file).await.data().clone()
    }

    /// Saves a canvas as a new workflow and gives its id.
    pub async fn save(&self, project: &str, name: &str, canvas: Value) -> String {
        let body = json!({"project_id": project, "name": name, "canvas": canvas});
        id(&self.post("/workflows/save", body).await.data()["workflow"])
    }

    /// Starts a run and gives its id.
    pub async fn execute(&self, workflow: &str) -> String {
        let answer = self.post(&format!("/workflows/{workflow}/execute"), json!({})).await;
        answer.data()["run_id"].as_str().expect("a run id").to_owned()
    }

    /// Waits until a run has ended, whatever happens to the services meanwhile.
    pub async fn ended(&self, run: &str) -> Value {
        trinity_testkit::eventually(RUN_DEADLINE, "the end of the run", || async {
            let answer = self.get(&format!("/runs/{run}")).await;
            let ended = answer.status == 200 && !answer.body["data"]["completed_at"].is_null();
            ended.then(|| answer.body["data"].clone())
        })
        .await
    }

    /// A run's tasks.
    pub async fn tasks(&self, run: &str) -> Vec<Value> {
        self.get(&format!("/runs/{run}/tasks")).await.data().as_array().expect("tasks").clone()
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                let text = response.text().await.unwrap_or_default();
                Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
            }
            Err(error) => Answer { status: 0, body: Value::String(error.to_string()) },
        }
    }
}

fn id(object: &Value) -> String {
    object["id"].as_str().expect("an id").to_owned()
}
