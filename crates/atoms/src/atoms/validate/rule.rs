//! A rule as the config has it, and the condition under which a row fails it.

use datafusion::{
    arrow::datatypes::{DataType, Schema},
    common::{DFSchema, ScalarValue},
    error::DataFusionError,
    functions::{math::expr_fn::isnan, regex::expr_fn::regexp_like},
    logical_expr::{Expr, cast, lit, not},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{Fault, job::Job, sql, types};

/// One rule.
#[derive(Deserialize)]
pub(super) struct Rule {
    name: Option<String>,
    pub check: Check,
    column: Option<String>,
    #[serde(default)]
    columns: Vec<String>,
    pub min: Option<Value>,
    pub max: Option<Value>,
    #[serde(default)]
    values: Vec<Value>,
    pattern: Option<String>,
    expression: Option<String>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    pub severity: Severity,
    #[serde(default)]
    pub max_failed_percent: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Check {
    NotNull,
    Unique,
    Range,
    InSet,
    Matches,
    Expression,
    RowCount,
    ForeignKey,
}

impl Check {
    pub fn word(self) -> &'static str {
        match self {
            Self::NotNull => "not_null",
            Self::Unique => "unique",
            Self::Range => "range",
            Self::InSet => "in_set",
            Self::Matches => "matches",
            Self::Expression => "expression",
            Self::RowCount => "row_count",
            Self::ForeignKey => "foreign_key",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    #[default]
    Error,
    Warning,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl Rule {
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| match (&self.expression, self.columns().as_slice()) {
            (Some(expression), []) => expression.clone(),
            (_, []) => self.check.word().to_owned(),
            (_, columns) => format!("{} {}", self.check.word(), columns.join(", ")),
        })
    }

    pub fn columns(&self) -> Vec<String> {
        self.column.iter().chain(&self.columns).cloned().collect()
    }

    /// The columns of the second table, in the order of the rule's own.
    pub fn references(&self) -> Vec<String> {
        if self.references.is_empty() { self.columns() } else { self.references.clone() }
    }

    /// Checks that what the check needs is there and refers to columns of the table.
    pub fn check_columns(&self, schema: &Schema, place: &str) -> Result<(), Fault> {
        let columns = self.columns();
        columns.iter().try_for_each(|name| types::require(schema, name, place))?;
        let lacks = |what: &str| Err(Fault::config(format!("{place}: {} needs {what}", self.check.word())));
        match self.check {
            Check::NotNull | Check::Range | Check::InSet | Check::Matches if self.column.is_none() => lacks("a column"),
            Check::Unique | Check::ForeignKey if columns.is_empty() => lacks("a column or columns"),
            Check::ForeignKey if self.references().len() != columns.len() => lacks("as many references as columns"),
            Check::Range | Check::RowCount if self.min.is_none() && self.max.is_none() => lacks("min or max"),
            Check::InSet if self.values.is_empty() => lacks("values"),
            Check::Matches if self.pattern.is_none() => lacks("a pattern"),
            Check::Expression if self.expression.is_none() => lacks("an expression"),
            _ => Ok(()),
        }
    }

    /// Checks that a pattern is one, before any row is read.
    pub async fn check_pattern(&self, job: &Job<'_>, place: &str) -> Result<(), Fault> {
        let Some(pattern) = &self.pattern else { return Ok(()) };
        let trial = job.session.read_empty()?.select(vec![regexp_like(lit(""), lit(pattern.as_str()), None)])?;
        let refused = |error: &DataFusionError| {
            let text = error.to_string();
            let why = text.rsplit("error: ").next().unwrap_or_default().trim().to_owned();
            Fault::config(format!("{place}: '{pattern}' is no regular expression: {why}"))
        };
        trial.collect().await.map(|_| ()).map_err(|error| refused(&error))
    }

    /// Whether a row fails, for checks that look at one row alone; never missing.
    pub fn failing(&self, job: &Job<'_>, schema: &DFSchema, place: &str) -> Result<Option<Expr>, Fault> {
        let name = self.column.as_deref().unwrap_or_default();
        let column = || types::column(name);
        let condition = match self.check {
            Check::Unique | Check::RowCount | Check::ForeignKey => return Ok(None),
            Check::NotNull => return Ok(Some(column().is_null())),
            Check::Range => self.within(schema, name, place)?,
            Check::InSet => {
                let kind = schema.field_with_unqualified_name(name)?.data_type();
                let values =
                    self.values.iter().map(|value| literal(value, kind, place)).collect::<Result<Vec<_>, _>>()?;
                column().in_list(values, false)
            }
            Check::Matches => {
                let pattern = self.pattern.clone().unwrap_or_default();
                regexp_like(cast(column(), DataType::Utf8View), lit(pattern), None)
            }
            Check::Expression => {
                sql::expression(&job.session, self.expression.as_deref().unwrap_or_default(), schema, place)?
            }
        };
        // A condition that is missing is not false, as in SQL's CHECK.
        Ok(Some(not(condition).is_true()))
    }

    fn within(&self, schema: &DFSchema, name: &str, place: &str) -> Result<Expr, Fault> {
        let kind = schema.field_with_unqualified_name(name)?.data_type();
        let low = self.min.as_ref().map(|min| literal(min, kind, place)).transpose()?;
        let high = self.max.as_ref().map(|max| literal(max, kind, place)).transpose()?;
        let low = low.map(|low| types::column(name).gt_eq(low));
        let high = high.map(|high| types::column(name).lt_eq(high));
        // To the engine, what is not a number is greater or less than all numbers; it lies in no range.
        let number = kind.is_floating().then(|| not(isnan(types::column(name))));
        Ok(low.into_iter().chain(high).chain(number).reduce(Expr::and).unwrap_or_else(|| lit(true)))
    }
}

/// A value of the config as one that the column's values can be compared with.
fn literal(value: &Value, kind: &DataType, place: &str) -> Result<Expr, Fault> {
    if let (Value::Number(number), true) = (value, kind.is_numeric()) {
        return Ok(number.as_i64().map_or_else(|| lit(number.as_f64().unwrap_or(f64::NAN)), lit));
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let scalar = ScalarValue::try_from_string(text.clone(), kind);
    let odd = |_| Fault::config(format!("{place}: '{text}' cannot be compared with {} values", types::name(kind)));
    Ok(lit(scalar.map_err(odd)?))
}
