//! Secrets that a task's config names: opened for one attempt, handed to the atom, and kept out of all that is said.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use serde_json::Value;
use tonic::Code;
use trinity_atoms::{Fault, LogLine, LogSink, Outcome, fault::code};
use trinity_proto::orchestration::{self as pb, worker_service_client::WorkerServiceClient};
use trinity_rpc::{Channel, Peers};

/// How long orchestration may take to open them.
const PATIENCE: Duration = Duration::from_secs(10);
/// What stands in the place of a value.
const HIDDEN: &str = "•••";
/// Shorter values are found in any text.
const MIN_HIDDEN_BYTES: usize = 4;

/// Where secrets are opened.
pub(crate) struct Vault {
    client: WorkerServiceClient<Channel>,
    peers: Peers,
}

impl Vault {
    /// # Errors
    /// Names the setting that is missing.
    pub fn new(peers: &Peers) -> Result<Self> {
        Ok(Self { client: WorkerServiceClient::new(peers.channel("orchestration")?), peers: peers.clone() })
    }

    /// Opens the secrets that a task names, by its lease.
    ///
    /// # Errors
    /// `SECRET_MISSING` naming those that are not there; `SECRETS_UNAVAILABLE` when nobody answers.
    pub async fn open(&self, assigned: &pb::AssignedTask) -> Result<BTreeMap<String, String>, Fault> {
        if assigned.secrets.is_empty() {
            return Ok(BTreeMap::new());
        }
        let message = pb::RevealSecretsRequest { task: assigned.task.clone(), names: assigned.secrets.clone() };
        let mut request = tonic::Request::new(message);
        request.set_timeout(PATIENCE);
        if let Ok(token) = format!("Bearer {}", self.peers.service_key().token()).parse() {
            request.metadata_mut().insert("authorization", token);
        }
        let answer = tokio::time::timeout(PATIENCE, self.client.clone().reveal_secrets(request)).await;
        let values: BTreeMap<_, _> = match answer {
            Ok(Ok(answer)) => answer.into_inner().values.into_iter().collect(),
            Ok(Err(status)) => return Err(unavailable(&status)),
            Err(_) => return Err(Fault::passing("SECRETS_UNAVAILABLE", "the secrets could not be opened in time")),
        };
        let missing: Vec<&str> =
            assigned.secrets.iter().filter(|name| !values.contains_key(*name)).map(String::as_str).collect();
        if missing.is_empty() {
            return Ok(values);
        }
        let whose = "in the environment of the person who answers for the run";
        let message = format!("there is no variable {} {whose}", missing.join(", "));
        Err(Fault::lasting(code::SECRET_MISSING, message))
    }
}

fn unavailable(status: &tonic::Status) -> Fault {
    let message = format!("the secrets could not be opened: {}", status.message());
    match status.code() {
        Code::PermissionDenied | Code::InvalidArgument => Fault::lasting("SECRETS_UNAVAILABLE", message),
        _ => Fault::passing("SECRETS_UNAVAILABLE", message),
    }
}

/// Takes values of secrets out of texts.
#[derive(Clone, Default)]
pub(crate) struct Veil {
    /// The longest first, so that a part of a value does not spoil the whole.
    values: Vec<String>,
}

impl Veil {
    pub fn over(secrets: &BTreeMap<String, String>) -> Self {
        let whole = secrets.values().map(String::as_str);
        let parts = secrets.values().flat_map(|value| [password_of(value), token_of(value)]).flatten();
        let mut values: Vec<String> =
            whole.chain(parts).filter(|value| value.len() >= MIN_HIDDEN_BYTES).map(str::to_owned).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self { values }
    }

    /// A text without the values.
    pub fn hide(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, value| text.replace(value, HIDDEN))
    }

    /// Log lines without the values.
    pub fn log(&self, log: &LogSink) -> LogSink {
        if self.values.is_empty() {
            return log.clone();
        }
        let (veil, log) = (self.clone(), log.clone());
        std::sync::Arc::new(move |line: LogLine| log(LogLine { message: veil.hide(&line.message), ..line }))
    }

    /// An end without the values, good or bad.
    pub fn end(&self, result: Result<(Outcome, bool), Fault>) -> Result<(Outcome, bool), Fault> {
        if self.values.is_empty() {
            return result;
        }
        match result {
            Ok((outcome, cached)) => Ok((Outcome { result: self.hide_in(outcome.result), ..outcome }, cached)),
            Err(fault) => Err(Fault { message: self.hide(&fault.message), ..fault }),
        }
    }

    fn hide_in(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.hide(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.hide_in(item)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (self.hide(&name), self.hide_in(value))).collect()
            }
            plain => plain,
        }
    }
}

/// The password in a URL such as `postgres://user:password@host/`, which errors may quote alone.
fn password_of(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let (user, _) = rest.split_once('@')?;
    Some(user.split_once(':')?.1)
}

/// The token after the scheme of an `Authorization` header.
fn token_of(value: &str) -> Option<&str> {
    value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("Basic ")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    fn veil(values: &[&str]) -> Veil {
        Veil::over(&values.iter().enumerate().map(|(at, value)| (format!("S{at}"), (*value).to_owned())).collect())
    }

    #[test]
    fn values_and_their_secret_parts_are_hidden() {
        let veil = veil(&["postgres://bob:hunter2@db/x", "Bearer abcdef", "abcd", "x"]);
        for said in ["cannot reach postgres://bob:hunter2@db/x", "password hunter2 is wrong", "token abcdef", "abcd!"] {
            let hidden = veil.hide(said);
            assert!(hidden.contains(HIDDEN) && !hidden.contains("hunter2") && !hidden.contains("abcd"), "{hidden}");
        }
        assert_eq!(veil.hide("x marks the spot"), "x marks the spot");
    }

    #[test]
    fn results_faults_and_lines_are_all_cleaned() {
        let veil = veil(&["hunter2"]);
        let outcome = Outcome { result: json!({"a": ["hunter2", 1], "hunter2": null}), ..Outcome::default() };
        let (outcome, _) = veil.end(Ok((outcome, false))).unwrap();
        assert_eq!(outcome.result, json!({"a": [HIDDEN, 1], HIDDEN: null}));
        let fault = veil.end(Err(Fault::config("no hunter2 here"))).unwrap_err();
        assert_eq!(fault.message, format!("no {HIDDEN} here"));
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = said.clone();
        let log: LogSink = Arc::new(move |line| sink.lock().unwrap().push(line.message));
        veil.log(&log)(LogLine::now("info", "hunter2"));
        assert_eq!(*said.lock().unwrap(), [HIDDEN]);
    }
}
