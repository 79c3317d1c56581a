//! Least squares and ridge: NIST's reference problems in exact arithmetic, statsmodels, scikit-learn.

use proptest::prelude::*;
use serde_json::Value;
use trinity_models::{
    Error,
    regression::{Factor, Residuals, Rows, ols, ridge},
};

use crate::support::{close, expected, number, numbers, seattle, table};

fn factor(rows: &[Vec<f64>], outcome: &[f64], intercept: bool) -> Result<Factor, Error> {
    let mut taken = Rows::new(rows.first().map_or(0, Vec::len), intercept);
    for (row, value) in rows.iter().zip(outcome) {
        taken.push(row, *value)?;
    }
    taken.finish()
}

fn problem(of: &Value) -> (Vec<Vec<f64>>, Vec<f64>, bool) {
    let intercept = of["intercept"].as_bool().unwrap();
    let Some(names) = of["columns"].as_array() else {
        return (table(&of["rows"]), numbers(&of["outcome"]), intercept);
    };
    let columns: Vec<Vec<f64>> = names.iter().map(|name| seattle(name.as_str().unwrap())).collect();
    let rows = (0..columns[0].len()).map(|at| columns.iter().map(|column| column[at]).collect()).collect();
    (rows, seattle(of["of"].as_str().unwrap()), intercept)
}

/// Coefficients and errors against exact arithmetic, the rest against statsmodels.
#[test]
fn least_squares_agree_with_exact_arithmetic_and_statsmodels() {
    let all = expected("regression");
    // The certified digits that are kept: fewer where the predictors are nearly dependent.
    for (name, part) in [
        ("longley", 1e-10),
        ("weather", 1e-12),
        ("wampler1", 1e-8),
        ("wampler2", 1e-11),
        ("wampler3", 1e-8),
        ("wampler4", 1e-8),
        ("wampler5", 1e-6),
        ("no_intercept_1", 1e-13),
        ("no_intercept_2", 1e-13),
    ] {
        let wanted = &all[name];
        let (rows, outcome, intercept) = problem(wanted);
        let found = ols(&factor(&rows, &outcome, intercept).unwrap()).unwrap();
        let exact = &wanted["exact"];
        let perfect = name == "wampler1" || name == "wampler2";
        let largest = numbers(&exact["coefficients"]).iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        for (at, coefficient) in found.coefficients.iter().enumerate() {
            close(name, coefficient.value, number(&exact["coefficients"][at]), part, 0.0);
            close(
                name,
                coefficient.standard_error,
                number(&exact["standard_errors"][at]),
                part,
                1e-3 * largest * f64::from(u8::from(perfect)),
            );
        }
        close(name, found.r_squared.unwrap(), number(&exact["r_squared"]), 1e-12, 0.0);
        if perfect {
            continue;
        }
        close(name, found.residual_error, number(&exact["residual_error"]), part, 0.0);
        // statsmodels itself keeps fewer digits than the exact figures.
        let part = if name.starts_with("wampler") { 1e-5 } else { 1e-8 };
        for (at, coefficient) in found.coefficients.iter().enumerate() {
            close(name, coefficient.t.unwrap(), number(&wanted["t"][at]), part, 0.0);
            close(name, coefficient.p.unwrap(), number(&wanted["p"][at]), part * 100.0, 1e-12);
            close(name, coefficient.low, number(&wanted["interval"][at][0]), part, 1e-6);
            close(name, coefficient.high, number(&wanted["interval"][at][1]), part, 1e-6);
            if let (Some(inflation), true) = (coefficient.inflation, intercept) {
                close(name, inflation, number(&wanted["inflation"][at - 1]), part, 0.0);
            }
        }
        close(name, found.adjusted_r_squared.unwrap(), number(&wanted["adjusted_r_squared"]), 1e-10, 0.0);
        close(name, found.f.unwrap(), number(&wanted["f"]), part, 0.0);
        close(name, found.f_p.unwrap(), number(&wanted["f_p"]), 1e-6, 1e-200);
        close(name, found.log_likelihood.unwrap(), number(&wanted["log_likelihood"]), 1e-10, 0.0);
        close(name, found.aic.unwrap(), number(&wanted["aic"]), 1e-10, 0.0);
        close(name, found.bic.unwrap(), number(&wanted["bic"]), 1e-10, 0.0);
        close(name, found.condition_number, number(&wanted["condition_number"]), 1e-5, 0.0);
        let mut residuals = Residuals::default();
        rows.iter().zip(&outcome).for_each(|(row, value)| residuals.push(value - found.predict(row)));
        close(name, residuals.durbin_watson().unwrap(), number(&wanted["durbin_watson"]), part.max(1e-6), 0.0);
    }
}

/// The digits that NIST certifies for Longley's data.
#[test]
fn longley_has_its_certified_values() {
    let (rows, outcome, _) = problem(&expected("regression")["longley"]);
    let found = ols(&factor(&rows, &outcome, true).unwrap()).unwrap();
    let certified = [
        (-3_482_258.634_595_82, 890_420.383_607_373),
        (15.061_872_271_373_3, 84.914_925_774_766_9),
        (-0.358_191_792_925_910e-1, 0.334_910_077_722_432e-1),
        (-2.020_229_803_816_83, 0.488_399_681_651_699),
        (-1.033_226_867_173_59, 0.214_274_163_161_675),
        (-0.511_041_056_535_807e-1, 0.226_073_200_069_370),
        (1_829.151_464_613_55, 455.478_499_142_212),
    ];
    for (coefficient, (value, error)) in found.coefficients.iter().zip(certified) {
        close("value", coefficient.value, value, 1e-10, 0.0);
        close("error", coefficient.standard_error, error, 1e-10, 0.0);
    }
    close("residual error", found.residual_error, 304.854_073_561_965, 1e-11, 0.0);
}

/// NIST's hardest problem: powers up to the tenth, with a condition number of 10^15.
#[test]
fn filippelli_is_solved_to_certified_digits() {
    let problem_of = &expected("regression")["filip"];
    let (rows, outcome, _) = problem(problem_of);
    let found = ols(&factor(&rows, &outcome, true).unwrap()).unwrap();
    let exact = &problem_of["exact"];
    // Certified by NIST.
    close("exact arithmetic", number(&exact["coefficients"][0]), -1_467.489_614_229_80, 1e-14, 0.0);
    close("exact arithmetic", number(&exact["standard_errors"][0]), 298.084_530_995_537, 1e-14, 0.0);
    for (at, coefficient) in found.coefficients.iter().enumerate() {
        close("value", coefficient.value, number(&exact["coefficients"][at]), 1e-6, 0.0);
        close("error", coefficient.standard_error, number(&exact["standard_errors"][at]), 1e-6, 0.0);
    }
    close("residual error", found.residual_error, number(&exact["residual_error"]), 1e-7, 0.0);
}

#[test]
fn ridge_agrees_with_scikit_learn() {
    let all = expected("regression");
    for (name, problem_name) in [("ridge_longley", "longley"), ("ridge_weather", "weather")] {
        let (rows, outcome, _) = problem(&all[problem_name]);
        let factor = factor(&rows, &outcome, true).unwrap();
        for wanted in all[name].as_array().unwrap() {
            let found = ridge(&factor, Some(number(&wanted["lambda"]))).unwrap();
            for at in 0..found.coefficients.len() {
                close(name, found.standardized[at], number(&wanted["standardized"][at]), 1e-8, 0.0);
                close(name, found.coefficients[at], number(&wanted["coefficients"][at]), 1e-8, 0.0);
            }
            close(name, found.intercept, number(&wanted["intercept"]), 1e-8, 0.0);
            close(name, found.effective_terms, number(&wanted["effective_terms"]), 1e-8, 0.0);
            close(name, found.residual_squares, number(&wanted["residual_squares"]), 1e-8, 0.0);
            close(name, found.gcv, number(&wanted["gcv"]), 1e-8, 0.0);
            assert!(ridge(&factor, None).unwrap().gcv <= found.gcv * (1.0 + 1e-9));
        }
    }
}

#[test]
fn columns_that_follow_from_others_are_named() {
    let rows: Vec<Vec<f64>> = (0..50).map(f64::from).map(|x| vec![x, x * x, 3.0 * x - 2.0]).collect();
    let outcome: Vec<f64> = (0..50).map(|at| f64::from(at % 7)).collect();
    assert_eq!(factor(&rows, &outcome, true).unwrap_err(), Error::Collinear { column: 2, others: vec![0] });
    let constant: Vec<Vec<f64>> = (0..50).map(|at| vec![f64::from(at), 4.0]).collect();
    assert_eq!(factor(&constant, &outcome, true).unwrap_err(), Error::Collinear { column: 1, others: vec![] });
    assert!(factor(&constant, &outcome, false).is_ok());
}

#[test]
fn hostile_rows_are_refused_by_number() {
    let mut rows = Rows::new(1, true);
    rows.push(&[1.0], 2.0).unwrap();
    assert_eq!(rows.push(&[f64::NAN], 1.0), Err(Error::NotFinite { row: 1 }));
    assert_eq!(rows.push(&[1.0], f64::INFINITY), Err(Error::NotFinite { row: 1 }));
    assert!(matches!(rows.push(&[1.0, 2.0], 1.0), Err(Error::Invalid(_))));
    assert_eq!(Rows::new(3, true).finish().unwrap_err(), Error::TooFewRows { needed: 4, given: 0 });
    let full = factor(&[vec![1.0], vec![2.0]], &[1.0, 5.0], true).unwrap();
    assert_eq!(ols(&full).unwrap_err(), Error::TooFewRows { needed: 3, given: 2 });
}

#[test]
fn a_constant_outcome_has_no_share_explained() {
    let rows: Vec<Vec<f64>> = (0..10).map(|at| vec![f64::from(at)]).collect();
    let found = ols(&factor(&rows, &[3.5; 10], true).unwrap()).unwrap();
    assert_eq!((found.r_squared, found.f, found.aic), (None, None, None));
    assert!((found.coefficients[0].value - 3.5).abs() < 1e-12 && found.coefficients[1].value.abs() < 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn blocks_make_no_difference_and_residuals_are_at_right_angles(
        values in prop::collection::vec((-1e3..1e3f64, -1e3..1e3f64, -1e3..1e3f64), 600..1_400)
    ) {
        let rows: Vec<Vec<f64>> = values.iter().map(|(x, z, _)| vec![*x, *z]).collect();
        let outcome: Vec<f64> = values.iter().map(|(_, _, y)| *y).collect();
        let found = ols(&factor(&rows, &outcome, true).unwrap()).unwrap();
        let residuals: Vec<f64> = rows.iter().zip(&outcome).map(|(row, value)| value - found.predict(row)).collect();
        prop_assert!(residuals.iter().sum::<f64>().abs() < 1e-6);
        for column in 0..2 {
            let along: f64 = residuals.iter().zip(&rows).map(|(left, row)| left * row[column]).sum();
            prop_assert!(along.abs() < 1e-3, "{along}");
        }
        let squares: f64 = residuals.iter().map(|left| left * left).sum();
        prop_assert!((squares - found.residual_squares).abs() <= 1e-9 * squares);
    }
}
