//! `join`: two tables on equal keys, or every row with every other.

use datafusion::{
    arrow::{
        array::AsArray,
        datatypes::{DataType, Float64Type, Int64Type},
    },
    functions::expr_fn::coalesce,
    functions_aggregate::expr_fn::{count, max, sum},
    logical_expr::{Expr, JoinType, cast, lit},
    prelude::DataFrame,
};
use serde::Deserialize;
use serde_json::json;

use super::select::{check_unique, named};
use crate::{Fault, Outcome, fault::code, job::Job, output, types};

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "type", default)]
    kind: Kind,
    #[serde(default)]
    on: Vec<On>,
    #[serde(default = "right")]
    suffix: String,
    #[serde(default = "hundred_million")]
    max_rows: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Inner,
    Left,
    Right,
    Full,
    Semi,
    Anti,
    Cross,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum On {
    Same(String),
    Pair { left: String, right: String },
}

impl On {
    fn left(&self) -> &str {
        match self {
            Self::Same(name) | Self::Pair { left: name, .. } => name,
        }
    }

    fn right(&self) -> &str {
        match self {
            Self::Same(name) | Self::Pair { right: name, .. } => name,
        }
    }
}

fn right() -> String {
    "_right".to_owned()
}

fn hundred_million() -> u64 {
    100_000_000
}

impl Kind {
    fn engine(self) -> JoinType {
        match self {
            // A join without keys pairs every row with every other.
            Self::Inner | Self::Cross => JoinType::Inner,
            Self::Left => JoinType::Left,
            Self::Right => JoinType::Right,
            Self::Full => JoinType::Full,
            Self::Semi => JoinType::LeftSemi,
            Self::Anti => JoinType::LeftAnti,
        }
    }
}

/// Rows of the two tables.
#[derive(Clone, Copy)]
struct Rows {
    left: u64,
    right: u64,
}

impl Rows {
    fn pairs(self) -> u64 {
        self.left.saturating_mul(self.right)
    }
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let left = job.input(0).await?;
    let rows_left = job.rows_in();
    let right = job.input(1).await?;
    let rows_right = job.rows_in() - rows_left;
    for on in &config.on {
        types::require(left.schema().as_arrow(), on.left(), "on, first table")?;
        types::require(right.schema().as_arrow(), on.right(), "on, second table")?;
    }
    let only_left = matches!(config.kind, Kind::Semi | Kind::Anti);
    let rows = Rows { left: rows_left, right: rows_right };
    if !only_left && rows.pairs() > config.max_rows {
        refuse_absurd(&config, rows, &left, &right).await?;
    }
    let joined = join(&config, left, right)?;
    let output = output::frame(job, "data", joined).await?;
    Ok(job.done(output, json!({ "rows_left": rows_left, "rows_right": rows_right })))
}

/// Why: a join of many rows with many rows on few keys runs for hours and fills the disk, and nobody wants its result.
async fn refuse_absurd(config: &Config, of: Rows, left: &DataFrame, right: &DataFrame) -> Result<(), Fault> {
    let rows = match config.kind {
        Kind::Cross => of.pairs() as f64,
        _ if at_most(config, of, left, right).await? <= config.max_rows => return Ok(()),
        _ => estimate(config, left, right).await?,
    };
    if rows > config.max_rows as f64 {
        let message = format!(
            "the join would give {rows:.0} rows, more than max_rows ({}): are the keys in \"on\" complete?",
            config.max_rows
        );
        return Err(Fault::lasting(code::JOIN_TOO_LARGE, message));
    }
    Ok(())
}

/// What the rows of the result cannot exceed: each row of the larger table meets no more rows than the most frequent key
/// of the smaller one has. Why first: it takes a look at the smaller table only.
async fn at_most(config: &Config, rows: Rows, left: &DataFrame, right: &DataFrame) -> Result<u64, Fault> {
    let counted = match rows.left < rows.right {
        true => counted(left, config.on.iter().map(On::left), "one")?,
        false => counted(right, config.on.iter().map(On::right), "one")?,
    };
    let most = counted.aggregate(vec![], vec![named(max(types::column("one_rows")), "most")])?.collect().await?;
    let most = most.first().map_or(0, |batch| batch.column(0).as_primitive::<Int64Type>().value(0));
    Ok(rows.left.max(rows.right).saturating_mul(most.unsigned_abs()))
}

/// How many rows each key has.
fn counted<'a>(frame: &DataFrame, keys: impl Iterator<Item = &'a str>, side: &str) -> Result<DataFrame, Fault> {
    let groups = keys.enumerate().map(|(at, key)| named(types::column(key), &format!("{side}_{at}")));
    let rows = named(count(lit(1_i64)), &format!("{side}_rows"));
    Ok(frame.clone().aggregate(groups.collect(), vec![rows])?)
}

/// Rows of the result, counted without making them.
async fn estimate(config: &Config, left: &DataFrame, right: &DataFrame) -> Result<f64, Fault> {
    let one = counted(left, config.on.iter().map(On::left), "one")?;
    let two = counted(right, config.on.iter().map(On::right), "two")?;
    let matches =
        (0..config.on.len()).map(|at| types::column(&format!("one_{at}")).eq(types::column(&format!("two_{at}"))));
    let both = one.join_on(two, JoinType::Inner, matches.collect::<Vec<_>>())?;
    let as_float = |name: &str| cast(types::column(name), DataType::Float64);
    let total = both.aggregate(vec![], vec![named(sum(as_float("one_rows") * as_float("two_rows")), "total")])?;
    let total = total.collect().await?;
    Ok(total.first().map_or(0.0, |batch| batch.column(0).as_primitive::<Float64Type>().value(0)))
}

fn join(config: &Config, left: DataFrame, right: DataFrame) -> Result<DataFrame, Fault> {
    let left_names = names(&left);
    let right_names = names(&right);
    // Why: under names of its own, no column of the second table can be mistaken for one of the first.
    let hidden = |name: &str| format!("__second_{name}");
    let right =
        right.select(right_names.iter().map(|name| named(types::column(name), &hidden(name))).collect::<Vec<_>>())?;
    let matches = config.on.iter().map(|on| types::column(on.left()).eq(types::column(&hidden(on.right()))));
    let joined = left.join_on(right, config.kind.engine(), matches.collect::<Vec<_>>())?;
    if matches!(config.kind, Kind::Semi | Kind::Anti) {
        return Ok(joined);
    }
    let same_key = |name: &str| config.on.iter().any(|on| on.left() == name && on.right() == name);
    let second_may_stand_alone = matches!(config.kind, Kind::Right | Kind::Full);
    let mut columns: Vec<(String, Expr)> = Vec::new();
    for name in &left_names {
        let column = types::column(name);
        let value = match second_may_stand_alone && same_key(name) {
            true => coalesce(vec![column, types::column(&hidden(name))]),
            false => column,
        };
        columns.push((name.clone(), value));
    }
    for name in right_names.iter().filter(|name| !same_key(name)) {
        let shown = if left_names.contains(name) { format!("{name}{}", config.suffix) } else { name.clone() };
        columns.push((shown, types::column(&hidden(name))));
    }
    check_unique(columns.iter().map(|(name, _)| name.as_str()))?;
    Ok(joined.select(columns.into_iter().map(|(name, value)| named(value, &name)).collect::<Vec<_>>())?)
}

fn names(frame: &DataFrame) -> Vec<String> {
    frame.schema().fields().iter().map(|field| field.name().clone()).collect()
}
