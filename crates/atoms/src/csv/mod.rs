//! CSV files as tables: checked line by line, types found out, then read by the engine at its own speed.
//!
//! [`scan`] finds what is wrong with a file and where; [`infer`] finds the types; [`dates`] reads dates that the
//! engine does not know. A file that the engine would take silently (cut rows, open quotes, zero bytes) fails here.

mod dates;
mod infer;
mod scan;
mod scanner;

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use datafusion::{
    arrow::datatypes::{DataType, Field, Schema, TimeUnit},
    common::ScalarValue,
    execution::options::CsvReadOptions,
    logical_expr::{Expr, cast, expr::Alias, lit, when},
    prelude::DataFrame,
};

use crate::{
    Fault,
    fault::code,
    input::{self, Opened},
    job::Job,
    types,
};
pub(crate) use infer::Kind;
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
    pub declared: BTreeMap<String, Kind>,
}

impl Default for Options {
    fn default() -> Self {
        Self { delimiter: b',', quote: b'"', has_header: true, null_words: Vec::new(), declared: BTreeMap::new() }
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
pub(crate) async fn open(job: &Job<'_>, path: &Path, options: &Options) -> Result<Opened, Fault> {
    let (file, options, inference) = (path.to_owned(), options.clone(), job.inference);
    let found = tokio::task::spawn_blocking(move || examine(&file, options, inference))
        .await
        .map_err(|_| Fault::passing(code::INTERNAL, "checking the CSV file broke off"))??;
    let frame = read(job, path, &found).await?;
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
    if let Some(unknown) = options.declared.keys().find(|name| !names.contains(name)) {
        return Err(Fault::config(format!("schema: no column \"{unknown}\"; the file has {}", names.join(", "))));
    }
    let declared: Vec<Option<Kind>> = names.iter().map(|name| options.declared.get(name).copied()).collect();
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
        Kind::Boolean | Kind::Timestamp | Kind::Text => false,
    });
    (!misread).then_some(kinds)
}

/// The header's names, each made unique; numbered when there is no header.
fn column_names(scanned: &Scanned, options: &Options) -> Vec<String> {
    let mut taken = HashSet::new();
    let given = |at: usize| if options.has_header { scanned.header[at].trim() } else { "" };
    let mut names = Vec::with_capacity(scanned.columns.len());
    for at in 0..scanned.columns.len() {
        let wanted = if given(at).is_empty() { format!("column_{}", at + 1) } else { given(at).to_owned() };
        let mut name = wanted.clone();
        let mut copy = 2;
        while !taken.insert(name.clone()) {
            name = format!("{wanted}_{copy}");
            copy += 1;
        }
        names.push(name);
    }
    names
}

async fn read(job: &Job<'_>, path: &Path, found: &Examined) -> Result<DataFrame, Fault> {
    let words = &found.options.null_words;
    let field = |(name, kind): &(String, Kind)| Field::new(name, read_as(*kind, words), true);
    let schema = Schema::new(found.columns.iter().map(field).collect::<Vec<_>>());
    let options = CsvReadOptions::new()
        .has_header(found.options.has_header)
        .delimiter(found.options.delimiter)
        .quote(found.options.quote)
        .newlines_in_values(found.scanned.unsplittable)
        .file_extension("")
        .schema(&schema);
    let frame = job.session.read_csv(input::url(path)?, options).await?;
    if found.columns.iter().all(|(_, kind)| read_as(*kind, words) == data_type(*kind)) && words.is_empty() {
        return Ok(frame);
    }
    let converted = found.columns.iter().map(|(name, kind)| {
        let value = converted(*kind, without_words(types::column(name), words)?);
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
        Kind::Text => DataType::Utf8View,
    }
}

/// The type that the engine is asked to read. It knows dates in one form, and no words for missing values.
fn read_as(kind: Kind, words: &[String]) -> DataType {
    match kind {
        Kind::Date(format) if format != dates::Format::Iso => DataType::Utf8View,
        _ if !words.is_empty() => DataType::Utf8View,
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

fn converted(kind: Kind, value: Expr) -> Expr {
    match kind {
        Kind::Date(format) if format != dates::Format::Iso => dates::parse(format, value),
        _ => cast(value, data_type(kind)),
    }
}
