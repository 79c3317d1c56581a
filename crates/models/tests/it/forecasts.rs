//! Forecasts against statsmodels, and what must hold of any.

use serde_json::Value;
use trinity_models::{
    Error,
    forecast::{
        Method, Model, Setting, arima, backtest, choose,
        ets::{self, Season, Shock, Trend},
        seasonality,
    },
};

use crate::support::{close, expected, number, numbers};

fn setting(season: usize, horizon: usize) -> Setting {
    Setting { season, horizon, level: 0.95, log: false }
}

fn form(text: &str) -> ets::Form {
    let inner = text.trim_start_matches("ETS(").trim_end_matches(')');
    let parts: Vec<&str> = inner.split(',').collect();
    ets::Form {
        shock: if parts[0] == "A" { Shock::Additive } else { Shock::Multiplicative },
        trend: match parts[1] {
            "N" => Trend::None,
            "A" => Trend::Additive,
            _ => Trend::Damped,
        },
        season: match parts[2] {
            "N" => Season::None,
            "A" => Season::Additive,
            _ => Season::Multiplicative,
        },
    }
}

fn smoothing(of: &Value) -> ets::Parameters {
    ets::Parameters {
        alpha: number(&of["alpha"]),
        beta: number(&of["beta"]),
        gamma: number(&of["gamma"]),
        phi: number(&of["phi"]),
        level: number(&of["level"]),
        slope: number(&of["slope"]),
        season: numbers(&of["season"]),
    }
}

/// The likelihood of the same parameters is the same; our own best parameters are at least as likely.
#[test]
fn smoothing_agrees_with_statsmodels() {
    let all = expected("ets");
    for name in ["air", "nile", "co2"] {
        let series = numbers(&all[name]);
        for wanted in all[&format!("{name}_fits")].as_array().unwrap() {
            let form = form(wanted["form"].as_str().unwrap());
            let what = format!("{name} {form}");
            let likelihood = ets::log_likelihood(&series, form, &smoothing(wanted)).unwrap();
            close(&what, likelihood, number(&wanted["log_likelihood"]), 1e-6, 1.0);
            let fit = ets::fit(&series, form, wanted["season_length"].as_u64().unwrap() as usize).unwrap();
            let room = 0.1;
            assert!(
                fit.log_likelihood >= likelihood - room,
                "{what}: found {}, statsmodels {likelihood}; {:?}",
                fit.log_likelihood,
                fit.parameters
            );
        }
    }
}

/// Where both find the same optimum, the forecasts and the growth of their intervals are the same.
#[test]
fn smoothed_forecasts_agree_with_statsmodels() {
    let all = expected("ets");
    let mut compared = 0;
    for (name, season) in [("air", 12), ("nile", 1), ("co2", 12)] {
        let series = numbers(&all[name]);
        for wanted in all[&format!("{name}_fits")].as_array().unwrap() {
            let form = form(wanted["form"].as_str().unwrap());
            let fit = ets::fit(&series, form, season).unwrap();
            if (fit.log_likelihood - number(&wanted["log_likelihood"])).abs() > 0.02 {
                continue;
            }
            compared += 1;
            let found = Model::Ets(form).predict(&series, &setting(season, 24)).unwrap();
            for (step, value) in found.steps.iter().zip(numbers(&wanted["forecast"])) {
                close(&format!("{name} {form}"), step.value, value, 0.01, 0.0);
                assert!(step.low < step.value && step.value < step.high);
            }
            if let Some(growth) = wanted["relative_variance"].as_array() {
                let width = |at: usize| found.steps[at].high - found.steps[at].low;
                for (at, wanted) in growth.iter().map(number).enumerate() {
                    close(&format!("{name} {form} {at}"), (width(at) / width(0)).powi(2), wanted, 0.05, 0.0);
                }
            }
        }
    }
    assert!(compared >= 5, "{compared} of the optima are the same");
}

fn order(of: &Value) -> arima::Order {
    let at: Vec<usize> = numbers(&of["order"]).iter().map(|value| *value as usize).collect();
    arima::Order {
        p: at[0],
        d: at[1],
        q: at[2],
        seasonal_p: at[3],
        seasonal_d: at[4],
        seasonal_q: at[5],
        season: of["season"].as_u64().unwrap() as usize,
        constant: of["constant"].as_bool().unwrap(),
    }
}

/// The innovations algorithm and statsmodels' Kalman filter are two ways to the same exact likelihood.
#[test]
fn arima_agrees_with_statsmodels() {
    let all = expected("arima");
    for wanted in all["fits"].as_array().unwrap() {
        let series = numbers(&all[wanted["series"].as_str().unwrap()]);
        let order = order(wanted);
        let given = arima::Coefficients {
            ar: numbers(&wanted["ar"]),
            ma: numbers(&wanted["ma"]),
            seasonal_ar: numbers(&wanted["seasonal_ar"]),
            seasonal_ma: numbers(&wanted["seasonal_ma"]),
            mean: number(&wanted["mean"]),
        };
        let what = format!("{} {order}", wanted["series"]);
        let (likelihood, variance) = arima::log_likelihood(&series, order, &given).unwrap();
        // Ours is at the variance that fits best, statsmodels' at the one it gives.
        let rows = (series.len() - order.lost_rows()) as f64;
        let given_variance = number(&wanted["variance"]);
        let at_given =
            likelihood + 0.5 * rows * (variance.ln() + 1.0 - given_variance.ln() - variance / given_variance);
        close(&what, at_given, number(&wanted["log_likelihood"]), 1e-9, 1.0);
        let fit = arima::fit(&series, order).unwrap();
        assert!(fit.log_likelihood >= likelihood - 1e-4, "{what}: {} {likelihood} {fit:?}", fit.log_likelihood);
        if fit.log_likelihood > likelihood + 0.01 {
            continue;
        }
        let found = Model::Arima(order).predict(&series, &setting(order.season, 24)).unwrap();
        // Ours pays for the coefficients.
        let pay = (rows / (rows - order.coefficients() as f64)).sqrt();
        for (at, step) in found.steps.iter().enumerate() {
            let error = number(&wanted["standard_error"][at]);
            close(&what, step.value, number(&wanted["forecast"][at]), 0.02, error);
            close(&what, (step.high - step.value) / 1.959_963_984_540_054 / pay, error, 0.01, 0.0);
        }
    }
}

/// The model of Box and Jenkins' own book, with the figures printed in it and since.
#[test]
fn the_airline_model_is_found() {
    let series = numbers(&expected("arima")["log_air"]);
    let order = arima::Order { d: 1, q: 1, seasonal_d: 1, seasonal_q: 1, season: 12, ..Default::default() };
    let fit = arima::fit(&series, order).unwrap();
    close("theta", fit.coefficients.ma[0], -0.4018, 1e-3, 0.0);
    close("seasonal theta", fit.coefficients.seasonal_ma[0], -0.5569, 1e-3, 0.0);
    close("variance", fit.variance, 0.001_348, 1e-2, 0.0);
    close("likelihood", fit.log_likelihood, 244.70, 1e-4, 0.0);
    assert_eq!(order.to_string(), "ARIMA(0,1,1)(0,1,1)[12]");
}

#[test]
fn chosen_models_beat_the_naive_rule_on_seasonal_series() {
    let all = expected("ets");
    let air = numbers(&all["air"]);
    let wish = Setting { log: true, ..setting(12, 12) };
    let naive = backtest(&Model::SeasonalNaive, &air, &wish, 4).unwrap();
    for method in [Method::Auto, Method::Ets(None), Method::Arima(None)] {
        let choice = choose(method, &air, &wish, 4).unwrap();
        let errors = choice.errors.unwrap();
        assert!(errors.mae < 0.7 * naive.mae, "{:?}: {errors:?} against {naive:?}", choice.model);
        assert!(errors.mape.unwrap() < 6.0 && errors.mase.unwrap() < 1.0, "{errors:?}");
    }
    let order = arima::select(&numbers(&expected("arima")["log_air"]), 12).unwrap();
    assert_eq!((order.d + order.seasonal_d, order.seasonal_d), (2, 1), "{order}");
    let chosen = ets::select(&air, 12).unwrap();
    assert_eq!((chosen.shock, chosen.season), (Shock::Multiplicative, Season::Multiplicative), "{chosen}");
}

#[test]
fn differencing_is_asked_for_by_the_same_statistic_as_in_statsmodels() {
    let all = expected("arima");
    for wanted in all["kpss"].as_array().unwrap() {
        let series = numbers(&all[wanted["series"].as_str().unwrap()]);
        let found = seasonality::kpss(&series, wanted["lags"].as_u64().unwrap() as usize);
        close(&wanted.to_string(), found, number(&wanted["statistic"]), 1e-10, 0.0);
    }
    let line: Vec<f64> = (0..60).map(f64::from).collect();
    assert_eq!((seasonality::differences(&line), seasonality::differences(&[3.0; 30])), (1, 0));
    let wave: Vec<f64> = (0..60).map(|at| f64::from(at % 12)).collect();
    assert!(seasonality::strength(&wave, 12) > 0.99 && seasonality::strength(&line, 12) < 0.01);
}

#[test]
fn simple_rules_say_what_anyone_can_work_out() {
    let series = [1.0, 5.0, 3.0, 7.0, 5.0, 9.0];
    let values = |model: Model| -> Vec<f64> {
        model.predict(&series, &setting(2, 3)).unwrap().steps.iter().map(|step| step.value).collect()
    };
    assert_eq!(values(Model::Naive), [9.0, 9.0, 9.0]);
    assert_eq!(values(Model::SeasonalNaive), [5.0, 9.0, 5.0]);
    let drift = values(Model::Drift);
    assert!(drift.iter().zip([10.6, 12.2, 13.8]).all(|(one, other)| (one - other).abs() < 1e-12), "{drift:?}");
    let naive = Model::Naive.predict(&series, &setting(2, 4)).unwrap();
    let half = |at: usize| naive.steps[at].high - naive.steps[at].value;
    // Steps of 4, -2, 4, -2, 4: a mean square of 56 / 5, and twice the width after four steps.
    close("width", half(0), 1.959_963_984_540_054 * f64::sqrt(56.0 / 5.0), 1e-12, 0.0);
    close("width", half(3), 2.0 * half(0), 1e-12, 0.0);
    let errors = backtest(&Model::SeasonalNaive, &[1.0, 2.0].repeat(20), &setting(2, 2), 3).unwrap();
    assert_eq!((errors.folds, errors.mae, errors.rmse, errors.mase, errors.coverage), (3, 0.0, 0.0, None, 1.0));
}

#[test]
fn odd_series_are_refused_or_predicted_never_worse() {
    let plain = setting(1, 3);
    let flat = [4.0; 30];
    assert_eq!(choose(Method::Auto, &flat, &plain, 3).unwrap().model, Model::Naive);
    let naive = Model::Naive.predict(&flat, &plain).unwrap();
    assert!(naive.steps.iter().all(|step| (step.value, step.low, step.high) == (4.0, 4.0, 4.0)));
    assert_eq!(choose(Method::Ets(None), &flat, &plain, 3).unwrap_err(), Error::Constant("the series".into()));
    let line: Vec<f64> = (0..40).map(|at| 3.0 * f64::from(at)).collect();
    let chosen = choose(Method::Auto, &line, &plain, 3).unwrap();
    let steps = chosen.model.predict(&line, &plain).unwrap().steps;
    assert!((steps[2].value - 126.0).abs() < 0.01, "{:?} {steps:?}", chosen.model);
    for (series, fault) in [
        (vec![1.0, f64::NAN, 2.0], Error::NotFinite { row: 1 }),
        (vec![1.0, 2.0, f64::INFINITY], Error::NotFinite { row: 2 }),
        (vec![], Error::TooFewRows { needed: 2, given: 0 }),
        (vec![7.0], Error::TooFewRows { needed: 2, given: 1 }),
    ] {
        assert_eq!(choose(Method::Auto, &series, &plain, 3).unwrap_err(), fault);
    }
    let logs = Setting { log: true, ..plain };
    assert_eq!(choose(Method::Auto, &[1.0, 0.0, 3.0], &logs, 3).unwrap_err(), Error::NotPositive { row: 1 });
    assert!(choose(Method::Auto, &[1.0, 2.0], &plain, 3).is_ok());
    for (season, horizon, level) in [(0, 1, 0.9), (400, 1, 0.9), (1, 0, 0.9), (1, 1, 1.0)] {
        let odd = Setting { season, horizon, level, log: false };
        assert!(matches!(Model::Naive.predict(&line, &odd), Err(Error::Invalid(_))));
    }
    let order = arima::Order { seasonal_p: 1, season: 1, ..Default::default() };
    assert!(matches!(arima::fit(&line, order), Err(Error::Invalid(_))));
}
