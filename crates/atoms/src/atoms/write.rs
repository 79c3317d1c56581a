//! `write`: its input as a file to take away.

use serde::Deserialize;
use serde_json::json;

use super::reader::single_byte;
use crate::{
    Fault, Format, Outcome,
    job::Job,
    output,
    write::{self, Style},
};

#[derive(Deserialize)]
struct Config {
    format: Format,
    #[serde(default = "file")]
    name: String,
    #[serde(default = "comma")]
    delimiter: String,
    #[serde(default = "yes")]
    header: bool,
    #[serde(default)]
    null_text: String,
    #[serde(default = "data")]
    sheet: String,
}

fn file() -> String {
    "file".to_owned()
}

fn comma() -> String {
    ",".to_owned()
}

fn yes() -> bool {
    true
}

fn data() -> String {
    "data".to_owned()
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = job.input(0).await?;
    let output = if config.format == Format::Parquet {
        output::frame(job, &config.name, frame).await?
    } else {
        let style = Style {
            delimiter: single_byte(&config.delimiter, "delimiter")?,
            header: config.header,
            null_text: config.null_text,
            sheet: config.sheet,
        };
        write::file(job, &config.name, output::rows(job, frame).await?, config.format, &style).await?
    };
    job.say("info", format!("{} rows written as {}", output.rows, config.format.word()));
    let result = json!({ "format": config.format, "rows": output.rows, "size_bytes": output.size_bytes });
    Ok(job.looked(output, result))
}
