//! The media mix against scipy, and against the truth that made the figures.

use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;
use trinity_models::{
    Error,
    media::{Base, Bounds, Limits, Response, Shape, Wish, allocate, carry_over, fit, non_negative},
};

use crate::support::{close, expected, number, numbers, table};

fn hill(decay: f64, half: f64, slope: f64) -> Response {
    Response { shape: Shape::Hill, decay, half, slope }
}

fn wish(spending: Vec<f64>) -> Wish {
    Wish { spending, shape: Shape::Hill, limits: Limits::default() }
}

#[test]
fn carry_over_and_saturation_are_those_of_numpy() {
    let all = expected("media");
    let tv = numbers(&all["tv"]);
    for (found, wanted) in carry_over(&tv, 0.6).iter().zip(numbers(&all["carried"])) {
        close("carried", *found, wanted, 1e-13, 1e-12);
    }
    for (found, wanted) in hill(0.6, 90.0, 1.6).effects(&tv).iter().zip(numbers(&all["effect"])) {
        close("effect", *found, wanted, 1e-12, 1e-12);
    }
    let exponential = Response { shape: Shape::Exponential, decay: 0.0, half: 10.0, slope: 1.0 };
    close("half", exponential.effect(10.0), 0.5, 1e-15, 0.0);
    close("half", hill(0.0, 10.0, 2.0).effect(10.0), 0.5, 1e-15, 0.0);
}

#[test]
fn weights_without_negatives_are_those_of_scipy() {
    for case in expected("media")["non_negative"].as_array().unwrap() {
        let (rows, outcome, wanted) = (table(&case["rows"]), numbers(&case["outcome"]), numbers(&case["weights"]));
        let matrix = DMatrix::from_fn(rows.len(), wanted.len(), |row, column| rows[row][column]);
        let found = non_negative(&matrix.tr_mul(&matrix), &matrix.tr_mul(&DVector::from_vec(outcome)));
        for (found, wanted) in found.iter().zip(wanted) {
            close("weight", *found, wanted, 1e-9, 1e-3);
        }
    }
}

/// As little is left as scipy's differential evolution leaves, and without noise the truth is found.
#[test]
fn a_mix_is_found_again() {
    let all = expected("media");
    let get = |name: &str| numbers(&all[name]);
    let wishes = ["tv", "radio", "search", "useless"].map(|name| wish(get(name)));
    let base = Base::new(156, &[get("price")], false, 52.0, 1).unwrap();
    let sales = get("sales");
    let found = fit(&sales, &wishes, &base).unwrap();
    let least = number(&all["least_squares"]);
    assert!(found.residual_squares <= 1.01 * least, "{} left, scipy leaves {least}", found.residual_squares);
    assert!(found.r_squared > 0.98 && found.mape.unwrap() < 3.0, "{} {:?}", found.r_squared, found.mape);
    for row in 0..sales.len() {
        let sum = found.base[row] + found.channels.iter().map(|channel| channel.contribution[row]).sum::<f64>();
        close("sum of contributions", sum, found.fitted[row], 1e-12, 0.0);
    }
    let squares: f64 = sales.iter().zip(&found.fitted).map(|(sold, fitted)| (sold - fitted).powi(2)).sum();
    close("residuals", squares, found.residual_squares, 1e-9, 0.0);
    assert_eq!(found, fit(&sales, &wishes, &base).unwrap(), "the same figures give the same answer");

    let clean = fit(&get("clean"), &wishes[..3], &base).unwrap();
    assert!(clean.r_squared > 0.999, "{}", clean.r_squared);
    let truth = hill(0.6, 90.0, 1.6).effects(&get("tv"));
    let brought = |part: &[f64]| part.iter().sum::<f64>();
    close("tv's share", brought(&clean.channels[0].contribution), 900.0 * brought(&truth), 0.1, 0.0);
    close("tv's decay", clean.channels[0].response.decay, 0.6, 0.1, 0.0);
}

#[test]
fn channels_without_effect_get_no_weight_and_odd_figures_are_refused() {
    let outcome: Vec<f64> = (0..40).map(|at| 10.0 + f64::from(at % 5)).collect();
    let base = Base::new(40, &[], true, 1.0, 0).unwrap();
    let found = fit(&outcome, &[wish(vec![0.0; 40]), wish(vec![3.0; 40])], &base).unwrap();
    assert_eq!(found.channels[0].weight, 0.0);
    assert!(found.fitted.iter().all(|value| value.is_finite()));
    let refused = |outcome: &[f64], wish: Wish| fit(outcome, &[wish], &base).unwrap_err();
    assert_eq!(refused(&[1.0; 40], wish(vec![1.0; 40])), Error::Constant("the outcome".into()));
    let mut odd = vec![1.0; 40];
    odd[7] = f64::NAN;
    assert_eq!(refused(&outcome, wish(odd.clone())), Error::NotFinite { row: 7 });
    odd[7] = -1.0;
    assert!(matches!(refused(&outcome, wish(odd)), Error::Invalid(_)));
    assert!(matches!(refused(&outcome[..3], wish(vec![1.0; 3])), Error::TooFewRows { .. }));
    let limits = Limits { decay: (0.2, 1.0), ..Limits::default() };
    assert!(matches!(refused(&outcome, Wish { limits, ..wish(vec![1.0; 40]) }), Error::Invalid(_)));
    let twice = Base::new(40, &[outcome.clone(), outcome.clone()], false, 1.0, 0).unwrap();
    let fault = fit(&outcome, &[wish(vec![1.0; 40])], &twice).unwrap_err();
    assert!(matches!(fault, Error::Collinear { column: 2, .. }), "{fault:?}");
    assert!(Base::new(40, &[], false, 3.0, 2).is_err());
}

#[test]
fn budgets_bring_at_least_what_scipy_finds() {
    for case in expected("media")["budgets"].as_array().unwrap() {
        let shape = if case["shape"] == "hill" { Shape::Hill } else { Shape::Exponential };
        let channels: Vec<(Response, f64)> = table(&case["channels"])
            .iter()
            .map(|of| (Response { shape, decay: 0.5, half: of[1], slope: of[2] }, of[0]))
            .collect();
        let bounds: Vec<Bounds> = table(&case["bounds"]).iter().map(|of| Bounds { low: of[0], high: of[1] }).collect();
        let budget = number(&case["budget"]);
        let found = allocate(&channels, &bounds, budget).unwrap();
        let wanted = number(&case["total_return"]);
        assert!(found.total_return >= wanted * (1.0 - 1e-7), "{case}: {found:?}");
        close("budget", found.spending.iter().sum(), budget, 1e-9, 0.0);
    }
}

#[test]
fn impossible_budgets_are_refused() {
    let channels = [(hill(0.0, 10.0, 1.0), 5.0)];
    let bounds = [Bounds { low: 2.0, high: 8.0 }];
    for budget in [1.0, 9.0, f64::NAN] {
        assert!(matches!(allocate(&channels, &bounds, budget), Err(Error::Invalid(_))));
    }
    assert_eq!(allocate(&channels, &bounds, 8.0).unwrap().spending, [8.0]);
    let nothing = allocate(&[(hill(0.0, 10.0, 1.0), 0.0)], &bounds, 5.0).unwrap();
    close("spent", nothing.spending[0], 5.0, 1e-12, 0.0);
    assert!(allocate(&channels, &[Bounds { low: 3.0, high: 1.0 }], 2.0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// The Karush-Kuhn-Tucker conditions: one price for all channels between their bounds, no higher return at a lower
    /// bound and no lower one at an upper bound.
    #[test]
    fn diminishing_returns_are_spent_at_one_price(
        channels in prop::collection::vec((1.0..100.0f64, 1.0..50.0f64, 0.4..1.0f64, prop::bool::ANY), 1..6),
        part in 0.05..0.95f64,
    ) {
        let model: Vec<(Response, f64)> = channels
            .iter()
            .map(|(weight, half, slope, exponential)| {
                let shape = if *exponential { Shape::Exponential } else { Shape::Hill };
                (Response { shape, decay: 0.3, half: *half, slope: *slope }, *weight)
            })
            .collect();
        let bounds: Vec<Bounds> = channels.iter().map(|of| Bounds { low: of.1 * 0.1, high: of.1 * 3.0 }).collect();
        let least: f64 = bounds.iter().map(|bound| bound.low).sum();
        let most: f64 = bounds.iter().map(|bound| bound.high).sum();
        let budget = least + part * (most - least);
        let found = allocate(&model, &bounds, budget).unwrap();
        prop_assert!((found.spending.iter().sum::<f64>() - budget).abs() < 1e-6 * budget);
        let at = |spent: f64, bound: f64| (spent - bound).abs() < 1e-7 * bound;
        let rows = || found.spending.iter().zip(&bounds).zip(&found.marginal_returns);
        let floor = rows().filter(|((spent, bound), _)| !at(**spent, bound.low)).map(|(_, gain)| *gain);
        let ceiling = rows().filter(|((spent, bound), _)| !at(**spent, bound.high)).map(|(_, gain)| *gain);
        let (floor, ceiling) = (floor.fold(f64::INFINITY, f64::min), ceiling.fold(0.0, f64::max));
        prop_assert!(ceiling <= floor * (1.0 + 1e-4), "{found:?}");
    }
}
