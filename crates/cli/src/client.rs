//! Requests to the gateway: the envelope unwrapped, errors made into one type.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The outcome of a request.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused, and said why.
    #[error("{} ({})", .0.message, .0.code)]
    Refused(Box<Refusal>),
    /// Nobody answered.
    #[error("cannot reach {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// Somebody answered who is not Trinity.
    #[error("{0}")]
    Unexpected(String),
    /// A name fits nothing that the caller may see.
    #[error("no {kind} is called {name:?}")]
    NoSuch { kind: &'static str, name: String },
}

/// A refusal, as the envelope tells it.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: StatusCode,
    /// A stable word such as `WORKFLOW_NOT_FOUND`.
    pub code: String,
    pub message: String,
    pub details: Value,
    pub request_id: String,
}

/// What a login or a refresh gives.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Tokens {
    pub access_token: String,
    pub refresh_token: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
}

/// How a login by password ended.
#[derive(Clone, Debug)]
pub enum Login {
    /// With tokens.
    Done(Tokens),
    /// With a token to be sent beside a code of the second factor.
    NeedsCode(String),
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    pub items: Vec<Value>,
    /// Empty on the last page.
    pub next: String,
}

/// A client of one server, with or without a token.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    success: bool,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    meta: Value,
}

impl Client {
    /// A client of the server at `url`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// `Unexpected` when the system's certificates cannot be read.
    pub fn new(url: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("trinity-cli/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::Unexpected(error.to_string()))?;
        Ok(Self { http, base: url.trim_end_matches('/').to_owned(), token: None })
    }

    /// The same client with an access token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Exchanges e-mail and password for tokens, or for the way to the second factor.
    ///
    /// # Errors
    /// `Refused` for wrong credentials.
    pub async fn login(&self, tenant: &str, email: &str, password: &str) -> Result<Login> {
        let body = json!({"email": email, "password": password, "tenant": tenant});
        let answer = self.post("/auth/login", &body).await?;
        match answer["mfa_token"].as_str() {
            Some(token) if !token.is_empty() => Ok(Login::NeedsCode(token.to_owned())),
            _ => decode(answer).map(Login::Done),
        }
    }

    /// Ends a login with a code of the second factor, or a recovery code.
    ///
    /// # Errors
    /// `Refused` for a wrong or spent code.
    pub async fn verify_code(&self, mfa_token: &str, code: &str) -> Result<Tokens> {
        decode(self.post("/auth/mfa/verify", &json!({"mfa_token": mfa_token, "code": code})).await?)
    }

    /// Exchanges a refresh token for its successor and a new access token.
    ///
    /// # Errors
    /// `Refused` for a spent or ended one.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Tokens> {
        decode(self.post("/auth/refresh", &json!({"refresh_token": refresh_token})).await?)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// Every kind of [`Error`].
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let request = self.request(Method::GET, path).query(query);
        Ok(self.envelope(request).await?.data)
    }

    /// Reads one page of a list.
    ///
    /// # Errors
    /// Every kind of [`Error`].
    pub async fn page(&self, path: &str, query: &[(&str, &str)]) -> Result<Page> {
        let envelope = self.envelope(self.request(Method::GET, path).query(query)).await?;
        let next = envelope.meta["pagination"]["next_page_token"].as_str().unwrap_or_default().to_owned();
        Ok(Page { items: decode(envelope.data)?, next })
    }

    /// Reads a list to its end.
    ///
    /// # Errors
    /// Every kind of [`Error`].
    pub async fn list(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Value>> {
        let (mut items, mut token) = (Vec::new(), String::new());
        loop {
            let mut query = query.to_vec();
            query.push(("per_page", "200"));
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let page = self.page(path, &query).await?;
            items.extend(page.items);
            if page.next.is_empty() {
                return Ok(items);
            }
            token = page.next;
        }
    }

    /// Sends a JSON body.
    ///
    /// # Errors
    /// Every kind of [`Error`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.request(Method::POST, path).json(body);
        Ok(self.envelope(request).await?.data)
    }

    /// Calls any route; gives what it answers, `null` when that is nothing.
    ///
    /// # Errors
    /// Every kind of [`Error`].
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Error::Unexpected(format!("{method:?} is not an HTTP method")))?;
        let request = self.request(method, path);
        let request = body.into_iter().fold(request, RequestBuilder::json);
        Ok(self.envelope(request).await?.data)
    }

    /// Sends a file as the body.
    ///
    /// # Errors
    /// Every kind of [`Error`].
    pub async fn post_file(&self, path: &str, query: &[(&str, &str)], size: u64, body: reqwest::Body) -> Result<Value> {
        let request = self
            .request(Method::POST, path)
            .query(query)
            .header("content-type", "application/octet-stream")
            .header("content-length", size)
            .body(body);
        Ok(self.envelope(request).await?.data)
    }

    /// Reads bytes that have no envelope.
    ///
    /// # Errors
    /// Every kind of [`Error`].
    pub async fn download(&self, path: &str) -> Result<Response> {
        let response = self.send(self.request(Method::GET, path)).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.unwrap(response).await.err().unwrap_or_else(|| Error::Unexpected("a failure without an error".into())))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/api/v1{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    async fn envelope(&self, request: RequestBuilder) -> Result<Envelope> {
        let response = self.send(request).await?;
        self.unwrap(response).await
    }

    async fn unwrap(&self, response: Response) -> Result<Envelope> {
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        let envelope: Envelope = serde_json::from_slice(&body)
            .map_err(|_| Error::Unexpected(format!("{} answered {status} without Trinity's envelope", self.base)))?;
        if envelope.success {
            return Ok(envelope);
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Err(Error::Refused(Box::new(Refusal {
            status,
            code: text(&envelope.error["code"]),
            message: text(&envelope.error["message"]),
            request_id: text(&envelope.meta["request_id"]),
            details: envelope.error["details"].clone(),
        })))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Error::Unreachable { url: self.base.clone(), reason: cause.to_string() }
    }
}

fn decode<T: serde::de::DeserializeOwned>(data: Value) -> Result<T> {
    serde_json::from_value(data).map_err(|error| Error::Unexpected(format!("the answer has another form: {error}")))
}
