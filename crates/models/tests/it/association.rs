//! Correlation coefficients against scipy.

use proptest::prelude::*;
use trinity_models::association::{Correlation, PairSums, kendall, pearson, spearman};

use crate::support::{close, expected, number, numbers, seattle};

fn compare(what: &str, found: Correlation, wanted: &serde_json::Value) {
    close(what, found.value.unwrap(), number(&wanted[0]), 1e-12, 1e-3);
    close(what, found.p.unwrap(), number(&wanted[1]), 1e-8, 1e-250);
}

#[test]
fn coefficients_agree_with_scipy() {
    let all = expected("association");
    for (pair, wanted) in all["pairs"].as_object().unwrap() {
        let (one, other) = pair.split_once(' ').unwrap();
        let (x, y) = (seattle(one), seattle(other));
        compare(pair, pearson(&x, &y).unwrap(), &wanted["pearson"]);
        compare(pair, spearman(&x, &y).unwrap(), &wanted["spearman"]);
        compare(pair, kendall(&x, &y).unwrap(), &wanted["kendall"]);
    }
    let (x, y) = (numbers(&all["few"][0]), numbers(&all["few"][1]));
    compare("few", pearson(&x, &y).unwrap(), &all["few_values"]["pearson"]);
    compare("few", spearman(&x, &y).unwrap(), &all["few_values"]["spearman"]);
    compare("few", kendall(&x, &y).unwrap(), &all["few_values"]["kendall"]);
}

#[test]
fn columns_without_variation_have_no_coefficient() {
    let (flat, steep) = ([1e9; 5], [1.0, 2.0, 3.0, 4.0, 5.0]);
    for of in [pearson, spearman, kendall] {
        assert_eq!(of(&flat, &steep).unwrap(), Correlation { pairs: 5, value: None, p: None });
        assert_eq!(of(&[], &[]).unwrap().value, None);
        assert_eq!(of(&[1.0], &[2.0]).unwrap().value, None);
        close("itself", of(&steep, &steep).unwrap().value.unwrap(), 1.0, 1e-15, 0.0);
        assert!(of(&steep, &[1.0]).is_err());
    }
}

proptest! {
    #[test]
    fn parts_merge_to_the_whole(
        pairs in prop::collection::vec((-1e3..1e3f64, -1e3..1e3f64), 3..80), cut in 0usize..80
    ) {
        let cut = cut.min(pairs.len());
        let sums = |part: &[(f64, f64)]| {
            let mut sums = PairSums::default();
            part.iter().for_each(|(x, y)| sums.push(*x, *y));
            sums
        };
        let (whole, merged) = (sums(&pairs).pearson(), sums(&pairs[..cut]).merge(sums(&pairs[cut..])).pearson());
        prop_assert!((whole.value.unwrap() - merged.value.unwrap()).abs() < 1e-10);
    }

    #[test]
    fn kendall_counts_what_a_double_loop_counts(pairs in prop::collection::vec((0u8..12, 0u8..12), 2..60)) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().map(|(x, y)| (f64::from(*x), f64::from(*y))).unzip();
        let (mut score, mut one, mut other) = (0.0, 0.0, 0.0);
        for at in 0..x.len() {
            for before in 0..at {
                let sign = |values: &[f64]| {
                    let apart = values[at] - values[before];
                    if apart == 0.0 { 0.0 } else { apart.signum() }
                };
                score += sign(&x) * sign(&y);
                one += sign(&x).abs();
                other += sign(&y).abs();
            }
        }
        let found = kendall(&x, &y).unwrap().value;
        match f64::sqrt(one * other) {
            0.0 => prop_assert_eq!(found, None),
            spread => prop_assert!((found.unwrap() - score / spread).abs() < 1e-12),
        }
    }
}
