//! Files of the project as first tables of a workflow: `csv-reader`, `excel-reader`, `json-reader`, `arrow-reader` and
//! `parquet-reader`.

use std::collections::BTreeMap;

use encoding_rs::Encoding;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Fault, Format, Outcome,
    csv::{self, dates::Pattern},
    excel,
    input::Options,
    job::Job,
    lineage::DATASET,
    output,
    types::{self, Kind},
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
    encoding: Characters,
    #[serde(default)]
    schema: BTreeMap<String, Kind>,
    #[serde(default)]
    date_formats: BTreeMap<String, String>,
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

/// How characters are written.
#[derive(Clone, Copy, Default, Deserialize)]
enum Characters {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "utf-16")]
    Utf16,
    /// Browsers and this reader take latin1 for windows-1252, which has signs where latin1 has none.
    #[serde(rename = "windows-1252", alias = "latin1")]
    Windows1252,
}

impl Characters {
    fn encoding(self) -> &'static Encoding {
        match self {
            Self::Utf8 => encoding_rs::UTF_8,
            // The mark at the beginning of a file goes before this order of bytes.
            Self::Utf16 => encoding_rs::UTF_16LE,
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
        }
    }
}

pub(super) async fn csv(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: CsvConfig = job.config()?;
    let options = csv::Options {
        delimiter: single_byte(&config.delimiter, "delimiter")?,
        quote: single_byte(&config.quote, "quote")?,
        has_header: config.has_header,
        null_words: config.null_words,
        encoding: config.encoding.encoding(),
        declared: config.schema,
        date_formats: patterns(config.date_formats)?,
    };
    if options.delimiter == options.quote {
        return Err(Fault::config("delimiter and quote must differ"));
    }
    let options = Options { csv: options, ..Options::default() };
    read(job, &config.dataset, &[Format::Csv], &options, None).await
}

/// One ASCII character that can stand between fields or around them.
pub(super) fn single_byte(text: &str, setting: &str) -> Result<u8, Fault> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !b"\r\n\0".contains(byte) => Ok(*byte),
        _ => Err(Fault::config(format!("{setting}: must be one ASCII character that is no line end"))),
    }
}

/// How dates are written, by column.
pub(super) fn patterns(formats: BTreeMap<String, String>) -> Result<Vec<(String, Pattern)>, Fault> {
    let read = |(column, text): (String, String)| {
        let pattern = Pattern::new(&text, &format!("date_formats.{column}"))?;
        Ok((column, pattern))
    };
    formats.into_iter().map(read).collect()
}

#[derive(Deserialize)]
struct ExcelConfig {
    dataset: String,
    #[serde(default = "first_sheet")]
    sheet: excel::Sheet,
    range: Option<String>,
    #[serde(default = "yes")]
    has_header: bool,
    header_row: Option<u32>,
    #[serde(default)]
    schema: BTreeMap<String, Kind>,
}

fn first_sheet() -> excel::Sheet {
    excel::Sheet::Place(1)
}

pub(super) async fn excel(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: ExcelConfig = job.config()?;
    let window = |text: &String| {
        excel::Window::parse(text).ok_or_else(|| Fault::config(format!("range: {text} does not go down and right")))
    };
    let options = excel::Options {
        sheet: config.sheet,
        range: config.range.as_ref().map(window).transpose()?,
        has_header: config.has_header,
        header_row: config.header_row,
    };
    let options = Options { excel: options, declared: config.schema, ..Options::default() };
    read(job, &config.dataset, &[Format::Excel], &options, None).await
}

#[derive(Deserialize)]
struct JsonConfig {
    dataset: String,
    #[serde(default)]
    schema: BTreeMap<String, Kind>,
}

pub(super) async fn json(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: JsonConfig = job.config()?;
    let options = Options { declared: config.schema, ..Options::default() };
    read(job, &config.dataset, &[Format::Json, Format::Ndjson], &options, None).await
}

#[derive(Deserialize)]
struct ColumnarConfig {
    dataset: String,
    columns: Option<Vec<String>>,
}

pub(super) async fn arrow(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: ColumnarConfig = job.config()?;
    read(job, &config.dataset, &[Format::Arrow], &Options::default(), config.columns).await
}

pub(super) async fn parquet(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: ColumnarConfig = job.config()?;
    read(job, &config.dataset, &[Format::Parquet], &Options::default(), config.columns).await
}

/// Reads a dataset of one of these formats.
async fn read(
    job: &Job<'_>,
    dataset: &str,
    formats: &[Format],
    options: &Options,
    columns: Option<Vec<String>>,
) -> Result<Outcome, Fault> {
    let dataset = job.dataset(dataset)?;
    if !formats.contains(&dataset.format) {
        return Err(Fault::config(format!(
            "dataset: the file is {}: use {}",
            dataset.format.word(),
            reader(dataset.format)
        )));
    }
    let mut frame = job.open(dataset, options, DATASET).await?;
    if let Some(columns) = columns {
        frame = types::only(frame, &columns)?;
    }
    let columns = types::columns(frame.schema().as_arrow());
    let output = output::frame(job, "data", frame).await?;
    job.say("info", format!("read {} rows of {} columns", output.rows, columns.len()));
    Ok(job.done(output, json!({ "columns": columns })))
}

fn reader(format: Format) -> &'static str {
    match format {
        Format::Csv => "the csv-reader",
        Format::Parquet => "the parquet-reader",
        Format::Excel => "the excel-reader",
        Format::Json | Format::Ndjson => "the json-reader",
        Format::Arrow => "the arrow-reader",
    }
}
