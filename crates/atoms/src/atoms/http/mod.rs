//! `http`: rows to an endpoint, and the rows of its answers.

mod answers;
mod call;

use std::collections::BTreeMap;

use arrow_json::{WriterBuilder, writer::LineDelimited};
use bytes::Bytes;
use datafusion::arrow::{
    array::{ArrayRef, Int64Array},
    record_batch::RecordBatch,
};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use trinity_egress::Method;

use self::{answers::Answers, call::Endpoint};
use crate::{Fault, Outcome, job::Job, output};

#[derive(Deserialize)]
pub(super) struct Config {
    url: String,
    #[serde(default = "post")]
    method: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    secret_headers: BTreeMap<String, String>,
    #[serde(default = "default_batch_rows")]
    batch_rows: usize,
    #[serde(default = "default_timeout_ms")]
    timeout_ms: u64,
    #[serde(default)]
    answer: Wanted,
}

/// What is done with answers.
#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    /// They are the output.
    #[default]
    Rows,
    /// They are thrown away; the output lists the requests.
    Nothing,
}

fn post() -> String {
    "POST".to_owned()
}

fn default_batch_rows() -> usize {
    1_000
}

fn default_timeout_ms() -> u64 {
    30_000
}

/// The requests so far.
#[derive(Default)]
struct Sent {
    rows: Vec<i64>,
    statuses: Vec<i64>,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let outside = job.outside()?;
    let mut conversation = Conversation {
        endpoint: Endpoint::new(job, &config, &outside.egress)?,
        answers: match config.answer {
            Wanted::Rows => Some(Answers::new(&outside.scratch)?),
            Wanted::Nothing => None,
        },
        sent: Sent::default(),
    };
    if job.task.inputs.is_empty() || config.method() == Method::GET {
        conversation.exchange(None, 0).await?;
    } else {
        send_rows(job, &mut conversation, config.batch_rows).await?;
    }
    conversation.finish(job).await
}

impl Config {
    fn method(&self) -> Method {
        match self.method.as_str() {
            "GET" => Method::GET,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            _ => Method::POST,
        }
    }
}

/// Sends the input, so many rows at a time, in its order.
async fn send_rows(job: &Job<'_>, conversation: &mut Conversation<'_>, batch_rows: usize) -> Result<(), Fault> {
    let mut batches = job.input(0).await?.execute_stream().await?;
    let mut body = Body::default();
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let mut start = 0;
        while start < batch.num_rows() {
            let taken = (batch_rows - body.rows).min(batch.num_rows() - start);
            body.add(&batch.slice(start, taken))?;
            start += taken;
            if body.rows == batch_rows {
                let (bytes, rows) = body.take();
                conversation.exchange(Some(bytes), rows).await?;
            }
        }
    }
    if body.rows > 0 {
        let (bytes, rows) = body.take();
        conversation.exchange(Some(bytes), rows).await?;
    }
    Ok(())
}

/// Rows as JSON, a line each.
#[derive(Default)]
struct Body {
    lines: Vec<u8>,
    rows: usize,
}

impl Body {
    fn add(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        // Why: a receiver should see each column in each row.
        let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut self.lines);
        writer.write(batch)?;
        writer.finish()?;
        self.rows += batch.num_rows();
        Ok(())
    }

    fn take(&mut self) -> (Bytes, usize) {
        (std::mem::take(&mut self.lines).into(), std::mem::take(&mut self.rows))
    }
}

/// The endpoint, and what was said on both sides.
struct Conversation<'a> {
    endpoint: Endpoint<'a>,
    answers: Option<Answers>,
    sent: Sent,
}

impl Conversation<'_> {
    async fn exchange(&mut self, body: Option<Bytes>, rows: usize) -> Result<(), Fault> {
        let number = self.sent.rows.len() + 1;
        let (status, answer) = self.endpoint.send(body, number).await?;
        self.sent.rows.push(i64::try_from(rows).unwrap_or(i64::MAX));
        self.sent.statuses.push(i64::from(status));
        match &mut self.answers {
            Some(answers) => answers.add(&answer, number),
            None => Ok(()),
        }
    }

    async fn finish(self, job: &Job<'_>) -> Result<Outcome, Fault> {
        let (requests, rows_sent) = (self.sent.rows.len(), self.sent.rows.iter().sum::<i64>());
        job.say("info", format!("the endpoint answered {requests} requests"));
        let output = match self.answers {
            Some(answers) => {
                let file = answers.settle()?;
                output::frame(job, "data", file.frame(&job.session).await?).await?
            }
            None => output::batch(job, "data", self.sent.table()?).await?,
        };
        let result = json!({ "requests": requests, "rows_sent": rows_sent, "columns": output.columns });
        Ok(job.done(output, result))
    }
}

impl Sent {
    fn table(self) -> Result<RecordBatch, Fault> {
        let numbers = (1..=i64::try_from(self.rows.len()).unwrap_or(i64::MAX)).collect::<Vec<_>>();
        let columns = [("request", numbers), ("rows", self.rows), ("status", self.statuses)];
        let columns = columns.map(|(name, values)| (name, std::sync::Arc::new(Int64Array::from(values)) as ArrayRef));
        Ok(RecordBatch::try_from_iter(columns)?)
    }
}
