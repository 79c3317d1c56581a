//! Mean and spread in one pass, numerically stable and mergeable.

/// Count, mean and sum of squared differences.
// Source: Welford 1962 for one value, Chan, Golub and LeVeque 1979 for merging.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
    pub not_a_number: u64,
}

impl Moments {
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            self.not_a_number += 1;
            return;
        }
        self.count += 1;
        let from_old = value - self.mean;
        self.mean += from_old / self.count as f64;
        self.squares += from_old * (value - self.mean);
    }

    pub fn merge(self, other: Self) -> Self {
        let not_a_number = self.not_a_number + other.not_a_number;
        if self.count == 0 || other.count == 0 {
            let filled = if self.count == 0 { other } else { self };
            return Self { not_a_number, ..filled };
        }
        let (one, two) = (self.count as f64, other.count as f64);
        let apart = other.mean - self.mean;
        Self {
            count: self.count + other.count,
            mean: self.mean + apart * two / (one + two),
            squares: self.squares + other.squares + apart * apart * one * two / (one + two),
            not_a_number,
        }
    }

    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean).filter(|mean| mean.is_finite())
    }

    /// Of a sample: divided by n - 1.
    pub fn stddev(&self) -> Option<f64> {
        let spread = (self.squares / (self.count.saturating_sub(1)) as f64).sqrt();
        (self.count > 1).then_some(spread).filter(|spread| spread.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Moments;

    fn of(values: &[f64]) -> Moments {
        let mut moments = Moments::default();
        values.iter().for_each(|value| moments.add(*value));
        moments
    }

    #[test]
    fn a_known_series_has_its_known_spread() {
        let moments = of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, f64::NAN]);
        assert_eq!(moments.mean(), Some(5.0));
        assert!((moments.stddev().unwrap() - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(moments.not_a_number, 1);
        assert_eq!((of(&[]).mean(), of(&[1.0]).stddev()), (None, None));
    }

    proptest! {
        #[test]
        fn merging_parts_equals_one_pass(values in prop::collection::vec(-1e6..1e6f64, 0..200), cut in 0usize..200) {
            let cut = cut.min(values.len());
            let (whole, merged) = (of(&values), of(&values[..cut]).merge(of(&values[cut..])));
            let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * (1.0 + a.abs()),
                (a, b) => a == b,
            };
            prop_assert!(close(whole.mean(), merged.mean()) && close(whole.stddev(), merged.stddev()));
        }
    }
}
