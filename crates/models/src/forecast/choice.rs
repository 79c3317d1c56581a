//! From a wish to a model of fixed form.

use super::{Errors, Model, Setting, arima, backtest, ets};
use crate::{Error, error::check_rows};

/// What a caller wishes for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Of the best of each family the one with the least back-test error.
    Auto,
    Naive,
    SeasonalNaive,
    Drift,
    /// This form, or the one of least AICc.
    Ets(Option<ets::Form>),
    /// This order, or the one of least AICc.
    Arima(Option<arima::Order>),
}

/// The model taken, and how far off it would have been.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub model: Model,
    /// None when the series is too short for a back-test.
    pub errors: Option<Errors>,
}

/// Finds the model for a series.
///
/// # Errors
/// As [`Model::predict`]. [`Method::Auto`] always finds one for two finite values.
pub fn choose(method: Method, series: &[f64], setting: &Setting, folds: usize) -> Result<Choice, Error> {
    setting.check(series)?;
    check_rows(series.len(), 2)?;
    let seen: Vec<f64> = if setting.log { series.iter().map(|value| value.ln()).collect() } else { series.to_vec() };
    let model = match method {
        Method::Auto => return Ok(best(series, &seen, setting, folds)),
        Method::Naive => Model::Naive,
        Method::SeasonalNaive => Model::SeasonalNaive,
        Method::Drift => Model::Drift,
        Method::Ets(Some(form)) => Model::Ets(form),
        Method::Ets(None) => Model::Ets(ets::select(&seen, setting.season)?),
        Method::Arima(Some(order)) => Model::Arima(order),
        Method::Arima(None) => Model::Arima(arima::select(&seen, setting.season)?),
    };
    let errors = backtest(&model, series, setting, folds).ok();
    Ok(Choice { model, errors })
}

fn best(series: &[f64], seen: &[f64], setting: &Setting, folds: usize) -> Choice {
    let mut models = vec![Model::Naive];
    // Why: nothing can be learnt from a constant, and its forecast is itself.
    if series.iter().any(|value| *value != series[0]) {
        models.extend((setting.season > 1 && series.len() > setting.season).then_some(Model::SeasonalNaive));
        models.extend((series.len() > 2).then_some(Model::Drift));
        models.extend(ets::select(seen, setting.season).ok().map(Model::Ets));
        models.extend(arima::select(seen, setting.season).ok().map(Model::Arima));
    }
    let judged = models.iter().filter_map(|model| {
        let errors = backtest(model, series, setting, folds).ok()?;
        Some(Choice { model: model.clone(), errors: Some(errors) })
    });
    let least = judged.min_by(|one, other| mae(one).total_cmp(&mae(other)));
    least.unwrap_or(Choice { model: Model::Naive, errors: None })
}

fn mae(choice: &Choice) -> f64 {
    choice.errors.as_ref().map_or(f64::INFINITY, |errors| errors.mae)
}
