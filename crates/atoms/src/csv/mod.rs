//! CSV files as tables: checked line by line, types found out, then read by the engine at its own speed.
//!
//! [`scan`] finds what is wrong with a file and where; [`infer`] finds the types; [`dates`] reads dates that the
//! engine does not know. A file that the engine would take silently (cut rows, open quotes, zero bytes) fails here.

pub(crate) mod dates;
mod infer;
mod scan;
mod scanner;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use datafusion::{
    arrow::datatypes::{DataType, Field, Schema, TimeUnit},
    common::ScalarValue,
    execution::options::CsvReadOptions,
    logical_expr::{Expr, cast, expr::Alias, lit, when},
    prelude::DataFrame,
};
use encoding_rs::Encoding;

use crate::{
    Fault,
    fault::code,
    input::{self, Opened},
    job::Job,
    local, types,
};
use dates::Pattern;
use infer::Kind;
use scanner::Scanned;

/// How the file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub delimiter: u8,
    pub quote: u8,
    pub has_header: bool,
    /// Words that mean a missing value, beside the empty field.
    pub null_words: Vec<String>,
    /// Types that are not to be found out.
    pub declared: BTreeMap<String, types::Kind>,
    /// How dates of these columns are written.
    pub date_formats: Vec<(String, Pattern)>,
    /// How characters are written.
    pub encoding: &'static Encoding,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: b'"',
            has_header: true,
            null_words: Vec::new(),
            declared: BTreeMap::new(),
            date_formats: Vec::new(),
            encoding: encoding_rs::UTF_8,
        }
    }
}

impl Options {
    /// The type that a column is said to have.
    fn declared(&self, column: &str) -> Option<Kind> {
        let written = self.date_formats.iter().position(|(name, _)| name == column);
        written.map(Kind::Written).or_else(|| self.declared.get(column).copied().map(Kind::from))
    }

    /// Checks that columns of which something is said are there.
    fn check_names(&self, names: &[String]) -> Result<(), Fault> {
        let declared = self.declared.keys().map(|name| ("schema", name));
        let mut said = declared.chain(self.date_formats.iter().map(|(name, _)| ("date_formats", name)));
        match said.find(|(_, name)| !names.contains(name)) {
            Some((place, name)) => {
                Err(Fault::config(format!("{place}: no column \"{name}\"; the file has {}", names.join(", "))))
            }
            None => Ok(()),
        }
    }
}

/// From how much of the file types are found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inference {
    /// From the first rows; when a later value does not fit, the atom is executed again with `Exact`.
    Sampled,
    /// From every value.
    Exact,
}

/// Checks the file and opens it as a table.
pub(crate) async fn open(job: &Job<'_>, path: PathBuf, options: &Options) -> Result<Opened, Fault> {
    let path =
        if options.encoding == encoding_rs::UTF_8 { path } else { local::decoded(job, path, options.encoding).await? };
    let (file, options, inference) = (path.clone(), options.clone(), job.inference);
    let found = tokio::task::spawn_blocking(move || examine(&file, options, inference))
        .await
        .map_err(|_| Fault::passing(code::INTERNAL, "checking the CSV file broke off"))??;
    let frame = read(job, &path, &found).await?;
    Ok(Opened { frame, rows: found.scanned.rows, guessed_types: found.guessed })
}

/// What there is to know of a file before it is read.
struct Examined {
    options: Options,
    scanned: Scanned,
    columns: Vec<(String, Kind)>,
    guessed: bool,
}

fn examine(path: &Path, options: Options, inference: Inference) -> Result<Examined, Fault> {
    let scanned = scan::file(path, &options)?;
    let names = column_names(&scanned, &options);
    options.check_names(&names)?;
    let declared: Vec<Option<Kind>> = names.iter().map(|name| options.declared(name)).collect();
    let mut guessed = false;
    let mut kinds = None;
    if inference == Inference::Sampled {
        let sample = infer::sample(path, &options, &declared)?;
        guessed = sample.partial;
        kinds = trusted(&sample, &scanned);
    }
    let kinds = match kinds {
        Some(kinds) => kinds,
        None => {
            guessed = false;
            infer::exact(path, &options, &names, &declared)?
        }
    };
    Ok(Examined { options, scanned, columns: names.into_iter().zip(kinds).collect(), guessed })
}

/// The sample's types, unless something seen in the whole file says that the engine would misread them.
fn trusted(sample: &infer::Sample, scanned: &Scanned) -> Option<Vec<Kind>> {
    let kinds: Option<Vec<Kind>> = sample.kinds.iter().copied().collect();
    let kinds = kinds?;
    let misread = kinds.iter().zip(&scanned.columns).any(|(kind, column)| match kind {
        // Why: 01234 is a code, not a number, and the engine would drop its zero.
        Kind::Int64 | Kind::Float64 => column.leading_zero,
        // Why: the engine would drop the time from a date with a time.
        Kind::Date(_) => column.longest > 10,
        Kind::Boolean | Kind::Timestamp | Kind::Text | Kind::Written(_) => false,
    });
    (!misread).then_some(kinds)
}

/// The header's names, each made unique; numbered when there is no header.
fn column_names(scanned: &Scanned, options: &Options) -> Vec<String> {
    let given = |at: usize| if options.has_header { scanned.header[at].as_str() } else { "" };
    types::unique_names((0..scanned.columns.len()).map(given))
}

async fn read(job: &Job<'_>, path: &Path, found: &Examined) -> Result<DataFrame, Fault> {
    let words = &found.options.null_words;
    let field = |(name, kind): &(String, Kind)| Field::new(name, read_as(*kind, &found.options), true);
    let schema = Schema::new(found.columns.iter().map(field).collect::<Vec<_>>());
    let options = CsvReadOptions::new()
        .has_header(found.options.has_header)
        .delimiter(found.options.delimiter)
        .quote(found.options.quote)
        .newlines_in_values(found.scanned.unsplittable)
        .file_extension("")
        .schema(&schema);
    let frame = job.session.read_csv(input::url(path)?, options).await?;
    let as_it_is = |kind: Kind| read_as(kind, &found.options) == data_type(kind) && !matches!(kind, Kind::Written(_));
    if found.columns.iter().all(|(_, kind)| as_it_is(*kind)) && words.is_empty() {
        return Ok(frame);
    }
    let converted = found.columns.iter().map(|(name, kind)| {
        let value = converted(*kind, without_words(types::column(name), words)?, &found.options);
        Ok(Expr::Alias(Alias::new(value, None::<&str>, name)))
    });
    Ok(frame.select(converted.collect::<Result<Vec<_>, Fault>>()?)?)
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Boolean => DataType::Boolean,
        Kind::Int64 => DataType::Int64,
        Kind::Float64 => DataType::Float64,
        Kind::Date(_) => DataType::Date32,
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Kind::Text | Kind::Written(_) => DataType::Utf8View,
    }
}

/// The type that the engine is asked to read. It knows dates in one form, and no words for missing values.
fn read_as(kind: Kind, options: &Options) -> DataType {
    match kind {
        Kind::Date(format) if format != dates::Format::Iso => DataType::Utf8View,
        _ if !options.null_words.is_empty() => DataType::Utf8View,
        _ => data_type(kind),
    }
}

fn without_words(column: Expr, words: &[String]) -> Result<Expr, Fault> {
    if words.is_empty() {
        return Ok(column);
    }
    let is_word = column.clone().in_list(words.iter().map(lit).collect(), false);
    Ok(when(is_word, lit(ScalarValue::Utf8View(None))).otherwise(column)?)
}

fn converted(kind: Kind, value: Expr, options: &Options) -> Expr {
    match kind {
        Kind::Written(at) => options.date_formats[at].1.column(value),
        Kind::Date(format) if format != dates::Format::Iso => dates::parse(format, value),
        _ => cast(value, data_type(kind)),
    }
}
