//! `forecast`: a series into the future, or one for each group.

mod calendar;
mod series;
mod tables;

use serde::Deserialize;
use serde_json::{Value, json};
use trinity_models::{
    Error,
    forecast::{Choice, Method, Prediction, Setting, arima, choose, ets},
};

use calendar::Frequency;
use series::Series;

use super::{select::check_unique, sources};
use crate::{Fault, Outcome, fault::code, job::Job, output};

#[derive(Deserialize)]
struct Config {
    date: String,
    value: String,
    #[serde(default)]
    group_by: Vec<String>,
    #[serde(default)]
    frequency: Frequency,
    horizon: usize,
    season: Option<usize>,
    #[serde(default)]
    method: Word,
    ets: Option<String>,
    arima: Option<Orders>,
    #[serde(default = "usual_level")]
    level: f64,
    #[serde(default)]
    transform: Transform,
    #[serde(default)]
    gaps: Gaps,
    #[serde(default = "three")]
    folds: usize,
}

fn usual_level() -> f64 {
    0.95
}

fn three() -> usize {
    3
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    #[default]
    Auto,
    Naive,
    SeasonalNaive,
    Drift,
    Ets,
    Arima,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Transform {
    #[default]
    None,
    Log,
}

/// What stands for missing steps.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Gaps {
    #[default]
    Fail,
    Interpolate,
    Zero,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Orders {
    p: usize,
    d: usize,
    q: usize,
    seasonal_p: usize,
    seasonal_d: usize,
    seasonal_q: usize,
    constant: bool,
}

/// A series with what a model says of it.
struct Predicted {
    series: Series,
    choice: Choice,
    prediction: Prediction,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    check_unique(config.group_by.iter().chain([&config.date, &config.value]).map(String::as_str))?;
    let groups = series::read(job, &config).await?;
    let mut found = Vec::with_capacity(groups.series.len());
    for series in groups.series {
        let wish = Wish::new(&config, &series)?;
        if wish.shortened {
            job.say("warn", format!("{}the series is shorter than two seasons, so none is modelled", series.label));
        }
        // Why one after another: between two groups a cancelled task may stop.
        let fitting = tokio::task::spawn_blocking(move || wish.fit(series));
        found.push(fitting.await.map_err(|_| Fault::passing(code::INTERNAL, "fitting a model broke off"))??);
    }
    let keys = &groups.keys;
    let made_from = |column: &str| match config.group_by.iter().chain([&config.date]).find(|name| *name == column) {
        Some(name) => vec![name.clone()],
        None => vec![config.date.clone(), config.value.clone()],
    };
    let forecast = sources::batch(job, "forecast", tables::forecast(&config, keys, &found)?, made_from).await?;
    let fitted = sources::batch(job, "fitted", tables::fitted(&config, keys, &found)?, made_from).await?;
    let models = output::batch(job, "models", tables::models(keys, &found)?).await?;
    let result = json!({ "series": found.len(), "models": found.iter().take(100).map(summary).collect::<Vec<_>>() });
    Ok(Outcome { rows_in: job.rows_in(), rows_out: forecast.rows, outputs: vec![forecast, fitted, models], result })
}

fn summary(found: &Predicted) -> Value {
    json!({
        "group": found.series.label.trim_end_matches(": "), "model": found.prediction.model,
        "rows": found.series.values.len(), "aicc": found.prediction.aicc, "errors": found.choice.errors,
    })
}

/// What is asked for of one series.
struct Wish {
    method: Method,
    setting: Setting,
    folds: usize,
    shortened: bool,
}

impl Wish {
    fn new(config: &Config, series: &Series) -> Result<Self, Fault> {
        let usual = series.calendar.frequency.usual_season();
        let shortened = config.season.is_none() && series.values.len() < 2 * usual;
        let season = config.season.unwrap_or(if shortened { 1 } else { usual });
        let method = match config.method {
            Word::Auto => Method::Auto,
            Word::Naive => Method::Naive,
            Word::SeasonalNaive => Method::SeasonalNaive,
            Word::Drift => Method::Drift,
            Word::Ets => Method::Ets(config.ets.as_deref().map(form).transpose()?),
            Word::Arima => Method::Arima(config.arima.map(|orders| order(orders, season))),
        };
        let log = config.transform == Transform::Log;
        let setting = Setting { season, horizon: config.horizon, level: config.level, log };
        Ok(Self { method, setting, folds: config.folds, shortened: shortened && usual > 1 })
    }

    fn fit(&self, series: Series) -> Result<Predicted, Fault> {
        let explain = |error: Error| explain(&error, &series);
        let choice = choose(self.method, &series.values, &self.setting, self.folds).map_err(explain)?;
        let prediction = choice.model.predict(&series.values, &self.setting).map_err(explain)?;
        Ok(Predicted { series, choice, prediction })
    }
}

fn form(text: &str) -> Result<ets::Form, Fault> {
    let odd = || Fault::config(format!("ets: '{text}' is no form; write error,trend,season as in M,Ad,M"));
    let mut parts = text.split(',');
    let (Some(shock), Some(trend), Some(season)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(odd());
    };
    Ok(ets::Form {
        shock: match shock {
            "A" => ets::Shock::Additive,
            "M" => ets::Shock::Multiplicative,
            _ => return Err(odd()),
        },
        trend: match trend {
            "N" => ets::Trend::None,
            "A" => ets::Trend::Additive,
            "Ad" => ets::Trend::Damped,
            _ => return Err(odd()),
        },
        season: match season {
            "N" => ets::Season::None,
            "A" => ets::Season::Additive,
            "M" => ets::Season::Multiplicative,
            _ => return Err(odd()),
        },
    })
}

fn order(of: Orders, season: usize) -> arima::Order {
    let Orders { p, d, q, seasonal_p, seasonal_d, seasonal_q, constant } = of;
    arima::Order { p, d, q, seasonal_p, seasonal_d, seasonal_q, season, constant }
}

fn explain(error: &Error, series: &Series) -> Fault {
    let label = &series.label;
    let at = |row: usize| series.calendar.shown(row);
    let message = match error {
        Error::NotPositive { row } => {
            format!("{label}the value at {} is not above zero, and this model works with ratios", at(*row))
        }
        Error::NotFinite { row } => format!("{label}the value at {} is not a finite number", at(*row)),
        Error::TooFewRows { needed, given } => {
            format!("{label}{given} steps are too few for this model: {needed} are needed")
        }
        Error::Constant(_) => {
            format!("{label}the values do not vary, so there is nothing to fit; use the naive method")
        }
        Error::Invalid(message) => return Fault::config(format!("{label}{message}")),
        other => format!("{label}{other}"),
    };
    Fault::lasting(code::DATA_INVALID, message)
}
