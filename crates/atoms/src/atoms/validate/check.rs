//! Counting what fails: all checks of single rows in one pass, keys each in one of their own.

use datafusion::{
    arrow::{array::AsArray, datatypes::Int64Type},
    functions_aggregate::expr_fn::{count, sum},
    logical_expr::{Expr, JoinType, lit, when},
    prelude::DataFrame,
};
use serde_json::Value;

use super::rule::{Check, Rule};
use crate::{Fault, atoms::select::named, job::Job, types};

/// What came of a rule.
pub(super) struct Checked {
    pub rows: u64,
    pub failed: u64,
    pub passed: bool,
    /// What failed, in words; empty when nothing did.
    pub detail: String,
}

/// The rules as conditions over the table.
pub(super) struct Plan {
    pub frame: DataFrame,
    keys: Option<DataFrame>,
    /// For each rule that looks at one row alone.
    failing: Vec<Option<Expr>>,
}

impl Plan {
    pub async fn new(job: &Job<'_>, frame: DataFrame, keys: Option<DataFrame>, rules: &[Rule]) -> Result<Self, Fault> {
        let schema = frame.schema().clone();
        let mut failing = Vec::with_capacity(rules.len());
        for (at, rule) in rules.iter().enumerate() {
            let place = format!("rules/{at}");
            rule.check_columns(schema.as_arrow(), &place)?;
            rule.check_pattern(job, &place).await?;
            if rule.check == Check::ForeignKey {
                let Some(keys) = &keys else {
                    return Err(Fault::config(format!("{place}: foreign_key needs a second input")));
                };
                let names = rule.references();
                names.iter().try_for_each(|name| types::require(keys.schema().as_arrow(), name, &place))?;
            }
            failing.push(rule.failing(job, &schema, &place)?);
        }
        Ok(Self { frame, keys, failing })
    }

    pub async fn count(&self, rules: &[Rule]) -> Result<Vec<Checked>, Fault> {
        let mut figures = vec![named(count(lit(1_i64)), "rows")];
        for (at, failing) in self.failing.iter().enumerate() {
            let one = failing.clone().unwrap_or_else(|| lit(false));
            figures.push(named(sum(when(one, lit(1_i64)).otherwise(lit(0_i64))?), &format!("failed_{at}")));
        }
        let counted = numbers(self.frame.clone().aggregate(vec![], figures)?).await?;
        let rows = counted[0];
        let mut found = Vec::with_capacity(rules.len());
        for (at, rule) in rules.iter().enumerate() {
            found.push(match rule.check {
                Check::RowCount => row_count(rule, rows),
                Check::Unique => checked(rule, rows, self.repeated(rule).await?),
                Check::ForeignKey => checked(rule, rows, self.orphans(rule).await?),
                _ => checked(rule, rows, counted[at + 1]),
            });
        }
        Ok(found)
    }

    /// The rows of the first input, if a rule counted them.
    pub fn rows(&self, checked: &[Checked]) -> Option<u64> {
        checked.iter().map(|checked| checked.rows).max()
    }

    /// Rows whose key another row has too.
    async fn repeated(&self, rule: &Rule) -> Result<u64, Fault> {
        let groups = self.repeated_keys(rule)?.aggregate(vec![], vec![named(sum(types::column(TIMES)), "rows")])?;
        Ok(numbers(groups).await?[0])
    }

    fn repeated_keys(&self, rule: &Rule) -> Result<DataFrame, Fault> {
        let columns = rule.columns();
        let keys: Vec<Expr> =
            columns.iter().enumerate().map(|(at, name)| named(types::column(name), &key(at))).collect();
        let whole = self.frame.clone().filter(whole(&columns))?;
        let groups = whole.aggregate(keys, vec![named(count(lit(1_i64)), TIMES)])?;
        Ok(groups.filter(types::column(TIMES).gt(lit(1_i64)))?)
    }

    /// Rows whose key the second table does not have.
    async fn orphans(&self, rule: &Rule) -> Result<u64, Fault> {
        let orphans = self.without_parent(self.frame.clone(), rule)?;
        Ok(numbers(orphans.aggregate(vec![], vec![named(count(lit(1_i64)), "rows")])?).await?[0])
    }

    fn without_parent(&self, frame: DataFrame, rule: &Rule) -> Result<DataFrame, Fault> {
        let columns = rule.columns();
        let frame = frame.filter(whole(&columns))?;
        let Some(parents) = &self.keys else { return Ok(frame) };
        let references = rule.references();
        let keys = references.iter().enumerate().map(|(at, name)| named(types::column(name), &key(at)));
        let parents = parents.clone().select(keys.collect::<Vec<_>>())?.distinct()?;
        join(parents, frame, &columns, JoinType::RightAnti)
    }

    /// The rows that fail a rule, of a table that has the columns of the first input.
    pub fn rows_failing(&self, frame: DataFrame, rule: &Rule, at: usize) -> Result<Option<DataFrame>, Fault> {
        Ok(match rule.check {
            Check::RowCount => None,
            Check::Unique => {
                let columns = rule.columns();
                Some(join(self.repeated_keys(rule)?, frame, &columns, JoinType::RightSemi)?)
            }
            Check::ForeignKey => Some(self.without_parent(frame, rule)?),
            _ => self.failing[at].clone().map(|failing| frame.filter(failing)).transpose()?,
        })
    }
}

/// How often a key occurs; a name that no column of people's tables has.
const TIMES: &str = " times";

fn key(at: usize) -> String {
    format!(" key_{at}")
}

fn whole(columns: &[String]) -> Expr {
    columns.iter().map(|name| types::column(name).is_not_null()).reduce(Expr::and).unwrap_or_else(|| lit(true))
}

/// Why the keys first: that side is held in memory, and the table may be large.
fn join(keys: DataFrame, frame: DataFrame, columns: &[String], kind: JoinType) -> Result<DataFrame, Fault> {
    let on = columns.iter().enumerate().map(|(at, name)| types::column(&key(at)).eq(types::column(name)));
    Ok(keys.join_on(frame, kind, on.collect::<Vec<_>>())?)
}

/// The first row of a query of counts; missing sums are zero.
async fn numbers(frame: DataFrame) -> Result<Vec<u64>, Fault> {
    let batches = frame.collect().await?;
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(vec![0]) };
    let value = |column: &datafusion::arrow::array::ArrayRef| {
        let first = column.as_primitive::<Int64Type>().iter().next().flatten();
        first.and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
    };
    Ok(batch.columns().iter().map(value).collect())
}

fn checked(rule: &Rule, rows: u64, failed: u64) -> Checked {
    let percent = 100.0 * failed as f64 / rows.max(1) as f64;
    let detail = if failed == 0 { String::new() } else { format!("{failed} of {rows} rows") };
    Checked { rows, failed, passed: percent <= rule.max_failed_percent, detail }
}

fn row_count(rule: &Rule, rows: u64) -> Checked {
    let low = rule.min.as_ref().and_then(Value::as_f64).is_some_and(|min| (rows as f64) < min);
    let high = rule.max.as_ref().and_then(Value::as_f64).is_some_and(|max| rows as f64 > max);
    let failed = low || high;
    let detail = match (low, high) {
        (true, _) => format!("{rows} rows are fewer than {}", rule.min.as_ref().unwrap_or(&Value::Null)),
        (_, true) => format!("{rows} rows are more than {}", rule.max.as_ref().unwrap_or(&Value::Null)),
        _ => String::new(),
    };
    Checked { rows, failed: u64::from(failed), passed: !failed, detail }
}
