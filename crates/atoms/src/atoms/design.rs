//! Columns as the terms of a linear model: numbers as they are, words as one term for each but the first.

use datafusion::{
    arrow::{
        array::{Array, AsArray, Float64Array, RecordBatch, StringViewArray},
        compute,
        datatypes::{DataType, Schema},
    },
    functions_aggregate::count::count_distinct,
    logical_expr::cast,
    prelude::DataFrame,
};

use super::{numbers, select::named};
use crate::{Fault, types};

/// The most terms of a model: the work grows with their square.
const MAX_TERMS: usize = 500;

/// How columns become terms.
#[derive(Debug, Clone)]
pub(super) struct Design {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Numbers(String),
    /// The column and its values in order; the first has no term of its own.
    Words(String, Vec<String>),
}

impl Design {
    /// Looks at the columns; words are found by a pass over them.
    pub async fn new(frame: &DataFrame, features: &[String], max_levels: usize) -> Result<Self, Fault> {
        let schema = frame.schema().as_arrow();
        let mut parts = Vec::with_capacity(features.len());
        for name in features {
            types::require(schema, name, "features")?;
            let data_type = schema.field_with_name(name)?.data_type();
            if data_type.is_numeric() {
                parts.push(Part::Numbers(name.clone()));
            } else if types::is_text(data_type) || *data_type == DataType::Boolean {
                parts.push(Part::Words(name.clone(), words(frame, name, max_levels).await?));
            } else {
                let kind = types::name(data_type);
                return Err(Fault::config(format!("features: column \"{name}\" is {kind}, not numbers or text")));
            }
        }
        let design = Self { parts };
        let terms = design.terms().len();
        if terms > MAX_TERMS {
            return Err(Fault::config(format!("features: they make {terms} terms, more than {MAX_TERMS}")));
        }
        Ok(design)
    }

    /// The names of the terms.
    pub fn terms(&self) -> Vec<String> {
        let names = |part: &Part| match part {
            Part::Numbers(column) => vec![column.clone()],
            Part::Words(column, words) => words.iter().skip(1).map(|word| format!("{column} = {word}")).collect(),
        };
        self.parts.iter().flat_map(names).collect()
    }

    /// The columns of a batch, made ready to be read row by row.
    pub fn read(&self, batch: &RecordBatch) -> Result<Terms<'_>, Fault> {
        let read = |part: &Part| -> Result<Values, Fault> {
            Ok(match part {
                Part::Numbers(column) => Values::Numbers(numbers::column(batch, column)?),
                Part::Words(column, _) => {
                    let array = batch.column(batch.schema().index_of(column)?);
                    Values::Words(compute::cast(array, &DataType::Utf8View)?.as_string_view().clone())
                }
            })
        };
        Ok(Terms { design: self, values: self.parts.iter().map(read).collect::<Result<_, _>>()? })
    }
}

/// The terms of a batch.
pub(super) struct Terms<'a> {
    design: &'a Design,
    values: Vec<Values>,
}

enum Values {
    Numbers(Float64Array),
    Words(StringViewArray),
}

impl Terms<'_> {
    /// Writes the terms of a row; the name of the column whose value is missing, if one is.
    pub fn row<'a>(&'a self, row: usize, into: &mut Vec<f64>) -> Option<&'a str> {
        into.clear();
        for (part, values) in self.design.parts.iter().zip(&self.values) {
            match (part, values) {
                (Part::Numbers(column), Values::Numbers(array)) => match numbers::finite(array, row) {
                    Some(value) => into.push(value),
                    None => return Some(column),
                },
                (Part::Words(column, words), Values::Words(array)) => {
                    let at = array.is_valid(row).then(|| array.value(row));
                    let Some(at) = at.and_then(|word| words.iter().position(|known| known == word)) else {
                        return Some(column);
                    };
                    into.extend((1..words.len()).map(|term| f64::from(u8::from(term == at))));
                }
                // Invariant: the values were read by the parts.
                _ => return Some(""),
            }
        }
        None
    }
}

async fn words(frame: &DataFrame, name: &str, max: usize) -> Result<Vec<String>, Fault> {
    let word = cast(types::column(name), DataType::Utf8View);
    let all = frame.clone().select(vec![named(word, "word")])?.filter(types::column("word").is_not_null())?;
    let count = all.clone().aggregate(vec![], vec![named(count_distinct(types::column("word")), "count")])?;
    let count = count.collect().await?.iter().map(|batch| batch.column(0).clone()).find(|column| !column.is_empty());
    let count = count.map_or(0, |column| column.as_primitive::<datafusion::arrow::datatypes::Int64Type>().value(0));
    if count > i64::try_from(max).unwrap_or(i64::MAX) {
        return Err(Fault::config(format!(
            "features: column \"{name}\" has {count} different values, more than max_levels ({max})"
        )));
    }
    let distinct = all.distinct()?.sort(vec![types::column("word").sort(true, false)])?.collect().await?;
    let texts = distinct.iter().flat_map(|batch| batch.column(0).as_string_view().iter().flatten().map(str::to_owned));
    Ok(texts.collect())
}

/// The columns that explain a target: those named, or all numeric ones but the target.
pub(super) fn features(schema: &Schema, named: Option<&Vec<String>>, target: &str) -> Result<Vec<String>, Fault> {
    numbers::require(schema, target, "target")?;
    let features = match named {
        Some(names) => names.clone(),
        None => numbers::chosen(schema, None, "features")?.into_iter().filter(|name| name != target).collect(),
    };
    if features.is_empty() {
        return Err(Fault::config("features: there is no numeric column but the target"));
    }
    if features.iter().any(|name| name == target) {
        return Err(Fault::config(format!("features: column \"{target}\" is the target itself")));
    }
    Ok(features)
}
