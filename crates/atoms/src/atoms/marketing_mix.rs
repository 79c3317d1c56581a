//! `marketing-mix`: what each channel's spending brought, and how a budget is best spent.

use std::collections::HashMap;

use datafusion::prelude::DataFrame;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use trinity_models::{
    Error,
    media::{self, Allocation, Base, Bounds, Limits, MediaFit, Shape, Term, Wish},
};

use super::{marketing_tables as tables, numbers, select::check_unique, sources};
use crate::{Fault, Outcome, fault::code, job::Job, output, types};

#[derive(Deserialize)]
pub(super) struct Config {
    pub outcome: String,
    channels: Vec<Channel>,
    #[serde(default)]
    controls: Vec<String>,
    pub date: Option<String>,
    #[serde(default = "hill")]
    shape: Word,
    #[serde(default = "yes")]
    trend: bool,
    #[serde(default)]
    season: f64,
    #[serde(default = "two")]
    waves: usize,
    #[serde(default)]
    budget: Budget,
}

fn yes() -> bool {
    true
}

fn two() -> usize {
    2
}

fn hill() -> Word {
    Word::Hill
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Hill,
    Exponential,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Channel {
    Column(String),
    Limited {
        column: String,
        shape: Option<Word>,
        decay: Option<(f64, f64)>,
        half: Option<(f64, f64)>,
        slope: Option<(f64, f64)>,
    },
}

#[derive(Default, Deserialize)]
struct Budget {
    total: Option<f64>,
    #[serde(default)]
    limits: Vec<Limit>,
}

#[derive(Deserialize)]
struct Limit {
    column: String,
    #[serde(default)]
    min: f64,
    max: Option<f64>,
}

impl Channel {
    fn column(&self) -> &str {
        match self {
            Self::Column(column) | Self::Limited { column, .. } => column,
        }
    }

    fn wish(&self, spending: Vec<f64>, usual: Word) -> Wish {
        let usual_limits = Limits::default();
        let (shape, limits) = match self {
            Self::Column(_) => (usual, usual_limits),
            Self::Limited { shape, decay, half, slope, .. } => (
                shape.unwrap_or(usual),
                Limits {
                    decay: decay.unwrap_or(usual_limits.decay),
                    half: half.unwrap_or(usual_limits.half),
                    slope: slope.unwrap_or(usual_limits.slope),
                },
            ),
        };
        let shape = match shape {
            Word::Hill => Shape::Hill,
            Word::Exponential => Shape::Exponential,
        };
        Wish { spending, shape, limits }
    }
}

/// The most periods: each step of the search passes over all of them.
const MAX_ROWS: usize = 5_000;

/// A fitted mix with what it was made of.
pub(super) struct Mix {
    pub config: Config,
    pub channels: Vec<String>,
    pub outcome: Vec<f64>,
    /// Of each channel, period by period.
    pub spending: Vec<Vec<f64>>,
    pub fit: MediaFit,
    pub allocation: Allocation,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let channels: Vec<String> = config.channels.iter().map(|channel| channel.column().to_owned()).collect();
    let all: Vec<String> = std::iter::once(&config.outcome).chain(&channels).chain(&config.controls).cloned().collect();
    check_unique(all.iter().map(String::as_str))?;
    let frame = ordered(job, &config, &all).await?;
    let values = read(job, frame.clone(), &all).await?;
    let dates = tables::dates(job, frame, config.date.as_deref()).await?;
    let fitting = tokio::task::spawn_blocking(move || fit(config, channels, values));
    let (mix, base) = fitting.await.map_err(|_| Fault::passing(code::INTERNAL, "fitting the mix broke off"))??;
    let made_from =
        |column: &str| match [&mix.config.outcome].into_iter().chain(&mix.config.date).find(|name| *name == column) {
            Some(name) => vec![name.clone()],
            // The weights are made of all of them, so every part is.
            None => all.clone(),
        };
    let mut outputs = vec![sources::batch(job, "contributions", tables::contributions(&mix, dates)?, made_from).await?];
    outputs.push(output::batch(job, "channels", tables::channels(&mix)?).await?);
    outputs.push(output::batch(job, "response_curves", tables::curves(&mix)?).await?);
    outputs.push(output::batch(job, "allocation", tables::allocation(&mix)?).await?);
    let result = result(&mix, &base);
    Ok(Outcome { rows_in: job.rows_in(), rows_out: outputs[0].rows, outputs, result })
}

async fn ordered(job: &Job<'_>, config: &Config, columns: &[String]) -> Result<DataFrame, Fault> {
    let frame = job.input(0).await?;
    let schema = frame.schema().as_arrow().clone();
    for name in columns {
        numbers::require(&schema, name, "columns")?;
    }
    let Some(date) = &config.date else { return Ok(frame) };
    types::require(&schema, date, "date")?;
    Ok(frame.sort(vec![types::column(date).sort(true, false)])?)
}

/// The columns without gaps.
async fn read(job: &Job<'_>, frame: DataFrame, columns: &[String]) -> Result<Vec<Vec<f64>>, Fault> {
    let read = numbers::collect(job, frame, columns, MAX_ROWS * columns.len()).await?;
    let whole = |(name, values): (&String, Vec<Option<f64>>)| -> Result<Vec<f64>, Fault> {
        let check = |(row, value): (usize, Option<f64>)| {
            let problem = || format!("row {}: column \"{name}\" has no finite value; clean it first", row + 1);
            value.ok_or_else(|| Fault::lasting(code::DATA_INVALID, problem()))
        };
        values.into_iter().enumerate().map(check).collect()
    };
    columns.iter().zip(read).map(whole).collect()
}

fn fit(config: Config, channels: Vec<String>, mut values: Vec<Vec<f64>>) -> Result<(Mix, Vec<String>), Fault> {
    let controls = values.split_off(1 + channels.len());
    let spending = values.split_off(1);
    let outcome = values.pop().unwrap_or_default();
    for (name, spent) in channels.iter().zip(&spending) {
        if let Some(row) = spent.iter().position(|spent| *spent < 0.0) {
            let problem = format!("row {}: column \"{name}\" is below zero, and spending cannot be", row + 1);
            return Err(Fault::lasting(code::DATA_INVALID, problem));
        }
    }
    let waves = if config.season > 0.0 { config.waves } else { 0 };
    let base = Base::new(outcome.len(), &controls, config.trend, config.season, waves)
        .map_err(|error| Fault::config(error.to_string()).about("season"))?;
    let names: Vec<String> = base.terms().iter().map(|term| term_name(*term, &config.controls)).collect();
    let wishes: Vec<Wish> = config
        .channels
        .iter()
        .zip(&spending)
        .map(|(channel, spent)| channel.wish(spent.clone(), config.shape))
        .collect();
    let fit = media::fit(&outcome, &wishes, &base).map_err(|error| explain(&error, &names, &config.outcome))?;
    let allocation = allocate(&config, &channels, &spending, &fit)?;
    Ok((Mix { config, channels, outcome, spending, fit, allocation }, names))
}

fn term_name(term: Term, controls: &[String]) -> String {
    match term {
        Term::Intercept => "(intercept)".to_owned(),
        Term::Control(at) => controls[at].clone(),
        Term::Trend => "(trend)".to_owned(),
        Term::Season(at) => format!("(season {})", at + 1),
    }
}

fn explain(error: &Error, base: &[String], outcome: &str) -> Fault {
    let message = match error {
        Error::Collinear { column, .. } => {
            format!("controls: \"{}\" follows from the other parts of the base; leave it out", base[*column])
        }
        Error::Constant(_) => format!("outcome: column \"{outcome}\" has one value everywhere"),
        Error::TooFewRows { needed, given } => {
            format!("{given} periods are too few for this model: {needed} are needed")
        }
        Error::Invalid(message) => return Fault::config(message.clone()).about("channels"),
        other => other.to_string(),
    };
    Fault::lasting(code::DATA_INVALID, message)
}

fn allocate(config: &Config, channels: &[String], spending: &[Vec<f64>], fit: &MediaFit) -> Result<Allocation, Fault> {
    let wanted: HashMap<&str, &Limit> =
        config.budget.limits.iter().map(|limit| (limit.column.as_str(), limit)).collect();
    if let Some(unknown) = wanted.keys().find(|name| !channels.iter().any(|channel| channel == *name)) {
        return Err(Fault::config(format!("budget.limits: \"{unknown}\" is no channel")));
    }
    let bound = |(name, spent): (&String, &Vec<f64>)| {
        let most = 2.0 * spent.iter().fold(0.0_f64, |most, spent| most.max(*spent));
        let limit = wanted.get(name.as_str());
        let low = limit.map_or(0.0, |limit| limit.min);
        Bounds { low, high: limit.and_then(|limit| limit.max).unwrap_or(most.max(low)) }
    };
    let bounds: Vec<Bounds> = channels.iter().zip(spending).map(bound).collect();
    let responses: Vec<_> = fit.channels.iter().map(|channel| (channel.response, channel.weight)).collect();
    let total = config.budget.total.unwrap_or_else(|| {
        let means = spending.iter().zip(&bounds).map(|(spent, bound)| tables::mean(spent).clamp(bound.low, bound.high));
        means.sum()
    });
    media::allocate(&responses, &bounds, total).map_err(|error| Fault::config(error.to_string()).about("budget"))
}

fn result(mix: &Mix, base: &[String]) -> Value {
    let fitted: f64 = mix.fit.fitted.iter().sum();
    let share = |channel: &media::Channel| {
        let brought: f64 = channel.contribution.iter().sum();
        Some(brought / fitted).filter(|share| share.is_finite())
    };
    let shares: Map<_, _> = mix
        .channels
        .iter()
        .zip(&mix.fit.channels)
        .map(|(name, channel)| (name.clone(), json!(share(channel))))
        .collect();
    let weights: Map<_, _> =
        base.iter().cloned().zip(mix.fit.base_weights.iter().map(|weight| json!(weight))).collect();
    let spending: Map<_, _> =
        mix.channels.iter().cloned().zip(mix.allocation.spending.iter().map(|spent| json!(spent))).collect();
    json!({
        "rows": mix.outcome.len(), "r_squared": mix.fit.r_squared, "mape": mix.fit.mape, "shares": shares, "base": weights,
        "allocation": { "total_return": mix.allocation.total_return, "spending": spending },
    })
}
