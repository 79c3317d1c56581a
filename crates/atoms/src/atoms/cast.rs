//! `cast`: columns in other types; a value that does not fit is named with its row, or becomes missing.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::{CastOptions, can_cast_types, cast_with_options, nullif},
    datatypes::{DataType, Field, Float64Type, Schema, SchemaRef},
    util::display::array_value_to_string,
};
use serde::Deserialize;
use serde_json::json;

use super::reader::patterns;
use crate::{
    Fault, Outcome,
    csv::dates::Pattern,
    fault::code,
    job::Job,
    lineage, output,
    types::{self, Kind},
};

#[derive(Deserialize)]
struct Config {
    columns: BTreeMap<String, Kind>,
    #[serde(default)]
    date_formats: BTreeMap<String, String>,
    #[serde(default)]
    on_error: OnError,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnError {
    #[default]
    Fail,
    Missing,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = types::normalize(job.input(0).await?)?;
    let before = frame.schema().as_arrow().clone();
    let casts = casts(config.columns, patterns(config.date_formats)?, &before)?;
    let field = |(field, cast): (&Arc<Field>, &Option<Cast>)| match cast {
        Some(cast) => Field::new(field.name(), cast.kind.data_type(), true),
        None => field.as_ref().clone(),
    };
    let after: SchemaRef = Arc::new(Schema::new(before.fields().iter().zip(&casts).map(field).collect::<Vec<_>>()));
    let lineage = lineage::columns(frame.logical_plan(), job.task);
    let lost = Arc::new(AtomicU64::new(0));
    let mut caster =
        Caster { casts, schema: after.clone(), fails: config.on_error == OnError::Fail, rows: 0, lost: lost.clone() };
    let map = Box::new(move |batch| Ok(vec![caster.batch(&batch)?]));
    let output = output::reshaped(job, "data", frame, (after, lineage), map).await?;
    let lost = lost.load(Ordering::Relaxed);
    if lost > 0 {
        job.say("warn", format!("{lost} values did not fit their new type and are missing now"));
    }
    Ok(job.done(output, json!({ "made_missing": lost })))
}

/// What becomes of a column.
struct Cast {
    kind: Kind,
    pattern: Option<Pattern>,
}

/// What becomes of each column, in their order.
fn casts(
    mut columns: BTreeMap<String, Kind>,
    patterns: Vec<(String, Pattern)>,
    schema: &Schema,
) -> Result<Vec<Option<Cast>>, Fault> {
    let mut patterns: BTreeMap<String, Pattern> = patterns.into_iter().collect();
    for name in columns.keys().chain(patterns.keys()) {
        types::require(schema, name, "columns")?;
    }
    let cast = |field: &Arc<Field>| -> Result<Option<Cast>, Fault> {
        let (name, from) = (field.name(), field.data_type());
        let pattern = patterns.remove(name);
        let Some(kind) = columns.remove(name).or_else(|| pattern.as_ref().map(Pattern::kind)) else { return Ok(None) };
        let refused = |why: String| Err(Fault::config(format!("columns: column {name}: {why}")));
        match &pattern {
            Some(_) if !types::is_text(from) => {
                refused(format!("only text has a way it is written; this is {}", types::name(from)))
            }
            Some(pattern) if pattern.kind() != kind => {
                refused(format!("what is written as {pattern} is a {}", pattern.kind().word()))
            }
            None if !can_cast_types(from, &kind.data_type()) => {
                refused(format!("{} cannot become {}", types::name(from), kind.word()))
            }
            _ => Ok(Some(Cast { kind, pattern })),
        }
    };
    schema.fields().iter().map(cast).collect()
}

struct Caster {
    casts: Vec<Option<Cast>>,
    schema: SchemaRef,
    fails: bool,
    /// Rows of the batches before.
    rows: usize,
    lost: Arc<AtomicU64>,
}

impl Caster {
    fn batch(&mut self, batch: &RecordBatch) -> Result<RecordBatch, Fault> {
        let mut columns = Vec::with_capacity(self.casts.len());
        for (at, cast) in self.casts.iter().enumerate() {
            let before = batch.column(at);
            let Some(cast) = cast else {
                columns.push(before.clone());
                continue;
            };
            let after = cast.array(before)?;
            let lost = after.null_count().saturating_sub(before.null_count());
            if lost > 0 && self.fails {
                return Err(self.misfit(at, cast, before, &after));
            }
            self.lost.fetch_add(lost as u64, Ordering::Relaxed);
            columns.push(after);
        }
        self.rows += batch.num_rows();
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }

    /// The first value that did not fit.
    fn misfit(&self, column: usize, cast: &Cast, before: &ArrayRef, after: &ArrayRef) -> Fault {
        let row = (0..before.len()).find(|row| before.is_valid(*row) && after.is_null(*row)).unwrap_or_default();
        let value: String = array_value_to_string(before, row).unwrap_or_default().chars().take(100).collect();
        let written = cast.pattern.as_ref().map(|pattern| format!(" written as {pattern}")).unwrap_or_default();
        let (name, row) = (self.schema.field(column).name(), self.rows + row + 1);
        let problem = format!("row {row}: column {name}: '{value}' is not {}{written}", cast.kind.phrase());
        Fault::lasting(code::DATA_INVALID, problem)
    }
}

impl Cast {
    /// The column in its new type; what does not fit is missing.
    fn array(&self, from: &ArrayRef) -> Result<ArrayRef, Fault> {
        if let Some(pattern) = &self.pattern {
            return Ok(pattern.array_where_it_fits(from)?);
        }
        let options = CastOptions { safe: true, ..CastOptions::default() };
        let from = match (from.data_type(), self.kind) {
            // Why: cutting fractions off would change values silently.
            (DataType::Float64, Kind::Int64) => {
                let numbers = from.as_primitive::<Float64Type>();
                let fractions = numbers.iter().map(|number| number.map(|number| number.fract() != 0.0)).collect();
                nullif(numbers, &fractions)?
            }
            _ => from.clone(),
        };
        Ok(cast_with_options(&from, &self.kind.data_type(), &options)?)
    }
}
