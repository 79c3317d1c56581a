//! Rows of a table as series without gaps.

use std::ops::Range;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch},
        compute,
        datatypes::{DataType, Int64Type, Schema, TimeUnit},
        util::display::array_value_to_string,
    },
    logical_expr::cast,
};

use super::{
    Config, Gaps,
    calendar::{self, Calendar, Frequency},
};
use crate::{
    Fault,
    atoms::{numbers, select::named},
    fault::code,
    job::Job,
    output, types,
};

/// What is held in memory at most: rows in all, steps of one series, series.
const MAX_ROWS: usize = 1_000_000;
const MAX_STEPS: usize = 20_000;
const MAX_SERIES: usize = 2_000;

/// Series by group.
pub(super) struct Groups {
    /// The columns that make groups, a row for each row read.
    pub keys: Vec<(String, ArrayRef)>,
    pub series: Vec<Series>,
}

/// Values at equal steps.
pub(super) struct Series {
    /// What its group is called in messages, with a colon; empty without groups.
    pub label: String,
    /// A row of its group among the keys.
    pub row: usize,
    pub calendar: Calendar,
    pub values: Vec<f64>,
}

pub(super) async fn read(job: &Job<'_>, config: &Config) -> Result<Groups, Fault> {
    let frame = types::normalize(job.input(0).await?)?;
    let schema = frame.schema().as_arrow().clone();
    let days = check(config, &schema)?;
    let order = config.group_by.iter().chain([&config.date]).map(|name| types::column(name).sort(true, false));
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let time = cast(cast(types::column(&config.date), micros), DataType::Int64);
    let keys = config.group_by.iter().map(|name| types::column(name));
    let value = cast(types::column(&config.value), DataType::Float64);
    // Why names with a space before them: no column of the table may be in their way.
    let columns = keys.chain([named(time, " time"), named(value, " value")]).collect::<Vec<_>>();
    let all = collect(job, frame.sort(order.collect())?.select(columns)?).await?;
    let width = config.group_by.len();
    let keys: Vec<(String, ArrayRef)> =
        config.group_by.iter().cloned().zip(all.columns()[..width].iter().cloned()).collect();
    let groups = groups(&all, width)?;
    if groups.len() > MAX_SERIES {
        return Err(Fault::lasting(code::TOO_LARGE, format!("{} series are more than {MAX_SERIES}", groups.len())));
    }
    if all.num_rows() == 0 {
        return Err(Fault::lasting(code::DATA_INVALID, "the table has no rows, and there is nothing to predict"));
    }
    let series = groups.into_iter().map(|rows| one(config, &all, &keys, rows, days)).collect::<Result<_, _>>()?;
    Ok(Groups { keys, series })
}

/// Checks the columns; whether dates come without a time.
fn check(config: &Config, schema: &Schema) -> Result<bool, Fault> {
    config.group_by.iter().try_for_each(|name| types::require(schema, name, "group_by"))?;
    numbers::require(schema, &config.value, "value")?;
    types::require(schema, &config.date, "date")?;
    match schema.field_with_name(&config.date)?.data_type() {
        DataType::Date32 => Ok(true),
        DataType::Timestamp(..) => Ok(false),
        other => {
            let kind = types::name(other);
            Err(Fault::config(format!("date: column \"{}\" is {kind}; cast it to a date first", config.date)))
        }
    }
}

async fn collect(job: &Job<'_>, frame: datafusion::prelude::DataFrame) -> Result<RecordBatch, Fault> {
    let mut rows = output::rows(job, frame).await?;
    let (mut batches, mut count) = (Vec::new(), 0);
    while let Some(batch) = rows.next().await? {
        count += batch.num_rows();
        if count > MAX_ROWS {
            let problem = format!("more than {MAX_ROWS} rows: aggregate to a longer step first");
            return Err(Fault::lasting(code::TOO_LARGE, problem));
        }
        batches.push(batch);
    }
    Ok(compute::concat_batches(&rows.schema, &batches)?)
}

fn groups(all: &RecordBatch, width: usize) -> Result<Vec<Range<usize>>, Fault> {
    match (width, all.num_rows()) {
        (_, 0) => Ok(Vec::new()),
        (0, rows) => Ok(std::iter::once(0..rows).collect()),
        _ => Ok(compute::partition(&all.columns()[..width])?.ranges()),
    }
}

fn one(
    config: &Config,
    all: &RecordBatch,
    keys: &[(String, ArrayRef)],
    rows: Range<usize>,
    days: bool,
) -> Result<Series, Fault> {
    let width = keys.len();
    let words = keys.iter().map(|(name, column)| format!("{name} {}", word(column, rows.start)));
    let label = if keys.is_empty() { String::new() } else { format!("{}: ", words.collect::<Vec<_>>().join(", ")) };
    let bad = |message: String| Fault::lasting(code::DATA_INVALID, format!("{label}{message}"));
    if rows.len() > MAX_STEPS {
        let problem = format!("{label}{} steps are more than {MAX_STEPS}", rows.len());
        return Err(Fault::lasting(code::TOO_LARGE, problem));
    }
    let times = all.column(width).as_primitive::<Int64Type>();
    let values = numbers::column(all, " value")?;
    if rows.clone().any(|row| times.is_null(row)) {
        return Err(bad(format!("column \"{}\" has a row without a date", config.date)));
    }
    let moments: Vec<i64> = rows.clone().map(|row| times.value(row)).collect();
    if let Some(pair) = moments.windows(2).find(|pair| pair[0] == pair[1]) {
        let shown = calendar::shown(pair[0], days);
        return Err(bad(format!("two rows have the date {shown}; aggregate them, or name the columns of group_by")));
    }
    let frequency = match config.frequency {
        Frequency::Auto => {
            Frequency::of(&moments).ok_or_else(|| bad("the dates show no steady step; say the frequency".to_owned()))?
        }
        given => given,
    };
    let calendar = Calendar::new(frequency, &moments, days);
    let read: Vec<Option<f64>> = rows.clone().map(|row| numbers::finite(&values, row)).collect();
    let steps = placed(&calendar, &moments, &read, days).map_err(&bad)?;
    let values = filled(steps, config.gaps, &calendar).map_err(&bad)?;
    Ok(Series { label, row: rows.start, calendar, values })
}

fn word(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) { "(missing)".to_owned() } else { array_value_to_string(column, row).unwrap_or_default() }
}

/// The values by step; a date between two steps is at fault.
fn placed(
    calendar: &Calendar,
    moments: &[i64],
    values: &[Option<f64>],
    days: bool,
) -> Result<Vec<Option<f64>>, String> {
    let mut steps = Vec::with_capacity(values.len());
    for (moment, value) in moments.iter().zip(values) {
        loop {
            let expected = calendar.at(steps.len()).ok_or("the dates run out")?;
            if expected == *moment {
                steps.push(*value);
                break;
            }
            let shown = calendar::shown(*moment, days);
            if expected > *moment {
                return Err(format!(
                    "{shown} lies between two steps; the one after is {}",
                    calendar.shown(steps.len())
                ));
            }
            if steps.len() >= MAX_STEPS {
                return Err(format!("there are more than {MAX_STEPS} steps up to {shown}"));
            }
            steps.push(None);
        }
    }
    Ok(steps)
}

fn filled(steps: Vec<Option<f64>>, gaps: Gaps, calendar: &Calendar) -> Result<Vec<f64>, String> {
    let Some(first) = steps.iter().position(Option::is_none) else { return Ok(steps.into_iter().flatten().collect()) };
    match gaps {
        Gaps::Fail => Err(format!("there is no value for {}; say what stands for gaps", calendar.shown(first))),
        Gaps::Zero => Ok(steps.into_iter().map(|value| value.unwrap_or(0.0)).collect()),
        Gaps::Interpolate => interpolated(&steps).ok_or_else(|| "there is no value at all".to_owned()),
    }
}

/// A straight line over every gap; the nearest value at both ends.
fn interpolated(steps: &[Option<f64>]) -> Option<Vec<f64>> {
    let known: Vec<(usize, f64)> =
        steps.iter().enumerate().filter_map(|(at, value)| value.map(|value| (at, value))).collect();
    let (first, last) = (*known.first()?, *known.last()?);
    let mut next = 0;
    let value = |at: usize| {
        while next + 1 < known.len() && known[next + 1].0 <= at {
            next += 1;
        }
        let (before, after) = (known[next], known.get(next + 1).copied().unwrap_or(last));
        match at {
            at if at <= first.0 => first.1,
            at if at >= last.0 => last.1,
            at => before.1 + (after.1 - before.1) * (at - before.0) as f64 / (after.0 - before.0) as f64,
        }
    };
    Some((0..steps.len()).map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::interpolated;

    #[test]
    fn gaps_are_bridged() {
        let steps = [None, Some(1.0), None, None, Some(4.0), Some(2.0), None];
        assert_eq!(interpolated(&steps), Some(vec![1.0, 1.0, 2.0, 3.0, 4.0, 2.0, 2.0]));
        assert_eq!(interpolated(&[None, None]), None);
    }
}
