//! One request and its answer: tried again while that may help, and refused where nobody may call.

use std::time::Duration;

use bytes::Bytes;
use trinity_egress::{Answer, Egress, Error, Method, Request};

use super::Config;
use crate::{Fault, fault::code, job::Job};

/// How often one request is sent at the most.
const TRIES: u32 = 4;
/// The longest pause between two tries; an endpoint that asks for more gets the task's next attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The largest answer to one request.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// How much of a refusal is quoted.
const QUOTED_BYTES: usize = 64 << 10;
const QUOTED_CHARS: usize = 300;

/// Where requests go, and with which headers.
pub(super) struct Endpoint<'a> {
    job: &'a Job<'a>,
    egress: &'a Egress,
    url: String,
    method: Method,
    timeout: Duration,
    headers: Vec<(String, String)>,
}

/// A request that got no good answer.
struct Failure {
    fault: Fault,
    /// How long the endpoint wants to be left alone.
    retry_after: Option<Duration>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, retry_after: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let fault = match error {
            Error::Malformed(_) => Fault::config(message),
            Error::Refused(_) => Fault::lasting(code::HTTP_REFUSED, message),
            Error::TooLarge(_) => Fault::lasting(code::HTTP_ANSWER_INVALID, message),
            Error::Unreachable(_) | Error::TimedOut => Fault::passing(code::HTTP_FAILED, message),
        };
        fault.into()
    }
}

impl<'a> Endpoint<'a> {
    pub fn new(job: &'a Job<'a>, config: &Config, egress: &'a Egress) -> Result<Self, Fault> {
        egress.check(&config.url).map_err(|error| Failure::from(error).fault)?;
        let mut headers: Vec<(String, String)> =
            config.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, secret) in &config.secret_headers {
            let value = job.task.secrets.get(secret).ok_or_else(|| {
                Fault::lasting(code::SECRET_MISSING, format!("the variable {secret} is not in the environment"))
            })?;
            headers.push((name.clone(), value.clone()));
        }
        let (url, timeout) = (config.url.clone(), Duration::from_millis(config.timeout_ms));
        Ok(Self { job, egress, url, method: config.method(), timeout, headers })
    }

    /// Sends a request until it is answered well.
    pub async fn send(&self, body: Option<Bytes>, number: usize) -> Result<(u16, Bytes), Fault> {
        let mut pause = FIRST_PAUSE;
        for tries in 1.. {
            let failure = match self.once(body.clone(), number).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let wait = failure.retry_after.unwrap_or(pause);
            if !failure.fault.retryable || tries == TRIES || wait > LONGEST_PAUSE {
                return Err(failure.fault);
            }
            let message =
                format!("{}: sending request {number} again in {} ms", failure.fault.message, wait.as_millis());
            self.job.say("warn", message);
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
        Err(Fault::passing(code::HTTP_FAILED, "no answer"))
    }

    async fn once(&self, body: Option<Bytes>, number: usize) -> Result<(u16, Bytes), Failure> {
        let answer = self.egress.send(self.request(body, number)?).await?;
        if answer.is_success() {
            let status = answer.status();
            return Ok((status, answer.bytes(MAX_ANSWER_BYTES).await?.into()));
        }
        Err(refused(answer).await)
    }

    fn request(&self, body: Option<Bytes>, number: usize) -> Result<Request, Error> {
        let mut request = Request::new(self.method.clone(), &self.url)?
            .timeout(self.timeout)
            .header("accept", "application/x-ndjson, application/json")?
            // Why: the same rows may come again after a lost answer or a lost worker, and nothing else tells.
            .header("idempotency-key", &self.key(number))?;
        for (name, value) in &self.headers {
            // Not the header's value, which may be secret.
            request = request.header(name, value)?;
        }
        Ok(match body {
            Some(body) => request.header("content-type", "application/x-ndjson")?.body(body),
            None => request,
        })
    }

    fn key(&self, number: usize) -> String {
        let label = |name: &str| self.job.task.labels.get(name).map_or("", String::as_str);
        format!("{}-{}-{number}", label("run_id"), label("place"))
    }
}

/// What a status other than success means.
async fn refused(answer: Answer) -> Failure {
    let status = answer.status();
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()).and_then(pause);
    let said = answer.bytes(QUOTED_BYTES).await.unwrap_or_default();
    let said: String = String::from_utf8_lossy(&said).trim().chars().take(QUOTED_CHARS).collect();
    let mut message = format!("the endpoint answered with status {status}");
    if !said.is_empty() {
        message = format!("{message}: {said}");
    }
    let may_pass = matches!(status, 408 | 425 | 429 | 500..);
    let fault = if may_pass {
        Fault::passing(code::HTTP_FAILED, message)
    } else {
        Fault::lasting(code::HTTP_REJECTED, message)
    };
    Failure { fault, retry_after }
}

/// Source: RFC 9110, 10.2.3: seconds, or a date.
fn pause(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some((at.to_utc() - chrono::Utc::now()).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_asks_for_a_pause_in_seconds_or_by_the_clock() {
        assert_eq!(pause(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        let later = (chrono::Utc::now() + chrono::Duration::seconds(90)).to_rfc2822();
        assert!((85..=90).contains(&pause(&later).unwrap().as_secs()));
        assert_eq!(pause("soon"), None);
    }
}
