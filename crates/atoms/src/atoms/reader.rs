//! `csv-reader` and `parquet-reader`: a dataset as the first table of a workflow.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::{
    Fault, Format, Outcome,
    csv::{Kind, Options},
    job::Job,
    output, types,
};

#[derive(Deserialize)]
struct CsvConfig {
    dataset: String,
    #[serde(default = "comma")]
    delimiter: String,
    #[serde(default = "double_quote")]
    quote: String,
    #[serde(default = "yes")]
    has_header: bool,
    #[serde(default)]
    null_words: Vec<String>,
    #[serde(default)]
    schema: BTreeMap<String, Kind>,
}

fn comma() -> String {
    ",".to_owned()
}

fn double_quote() -> String {
    "\"".to_owned()
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct ParquetConfig {
    dataset: String,
    columns: Option<Vec<String>>,
}

pub(super) async fn csv(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: CsvConfig = job.config()?;
    let dataset = job.dataset(&config.dataset)?;
    if dataset.format != Format::Csv {
        return Err(Fault::config("the dataset is not a CSV file: use the parquet-reader"));
    }
    let options = Options {
        delimiter: single_byte(&config.delimiter, "delimiter")?,
        quote: single_byte(&config.quote, "quote")?,
        has_header: config.has_header,
        null_words: config.null_words,
        declared: config.schema,
    };
    if options.delimiter == options.quote {
        return Err(Fault::config("delimiter and quote must differ"));
    }
    let frame = job.open(dataset, &options, "dataset").await?;
    let columns = types::columns(frame.schema().as_arrow());
    let output = output::frame(job, "data", frame).await?;
    job.say("info", format!("read {} rows of {} columns", output.rows, columns.len()));
    Ok(job.done(output, json!({ "columns": columns })))
}

fn single_byte(text: &str, setting: &str) -> Result<u8, Fault> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !b"\r\n\0".contains(byte) => Ok(*byte),
        _ => Err(Fault::config(format!("{setting}: must be one ASCII character that is no line end"))),
    }
}

pub(super) async fn parquet(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: ParquetConfig = job.config()?;
    let dataset = job.dataset(&config.dataset)?;
    if dataset.format != Format::Parquet {
        return Err(Fault::config("the dataset is not a Parquet file: use the csv-reader"));
    }
    let mut frame = job.open(dataset, &Options::default(), "dataset").await?;
    if let Some(columns) = config.columns {
        frame = types::only(frame, &columns)?;
    }
    let columns = types::columns(frame.schema().as_arrow());
    let output = output::frame(job, "data", frame).await?;
    Ok(job.done(output, json!({ "columns": columns })))
}
