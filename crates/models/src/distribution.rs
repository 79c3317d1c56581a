//! Probabilities that tests and intervals need.

use statrs::distribution::{Continuous, ContinuousCDF, FisherSnedecor, Normal, StudentsT};

/// Probability of a t value at least this far from zero, on both sides.
pub fn t_two_sided(t: f64, degrees: f64) -> f64 {
    if t.is_nan() {
        return f64::NAN;
    }
    if t.is_infinite() {
        return 0.0;
    }
    StudentsT::new(0.0, 1.0, degrees).map_or(f64::NAN, |law| (2.0 * law.sf(t.abs())).min(1.0))
}

/// The t value below which this part of the distribution lies.
pub fn t_quantile(part: f64, degrees: f64) -> f64 {
    let Ok(law) = StudentsT::new(0.0, 1.0, degrees) else { return f64::NAN };
    let mut t = law.inverse_cdf(part);
    // Why two Newton steps: the library's search stops at a tolerance of its own.
    for _ in 0..2 {
        let slope = law.pdf(t);
        if slope > 0.0 {
            t -= (law.cdf(t) - part) / slope;
        }
    }
    t
}

/// Probability of an F value at least this large.
pub fn f_upper(f: f64, numerator: f64, denominator: f64) -> f64 {
    if f.is_nan() {
        return f64::NAN;
    }
    if f.is_infinite() {
        return 0.0;
    }
    FisherSnedecor::new(numerator, denominator).map_or(f64::NAN, |law| law.sf(f.max(0.0)))
}

/// Probability of a normal value at least this far from zero, on both sides.
pub fn normal_two_sided(z: f64) -> f64 {
    (2.0 * Normal::standard().sf(z.abs())).min(1.0)
}

/// The standard normal value below which this part of the distribution lies.
pub fn normal_quantile(part: f64) -> f64 {
    Normal::standard().inverse_cdf(part)
}

/// Random numbers that are the same for the same seed.
// Source: SplitMix64, Steele, Lea and Flood 2014.
pub(crate) struct Chance(pub u64);

impl Chance {
    fn next_bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Strictly between 0 and 1.
    fn uniform(&mut self) -> f64 {
        ((self.next_bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// A standard normal number.
    // Source: Box and Muller, "A note on the generation of random normal deviates", 1958.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_tails_agree_with_tables() {
        assert!((t_quantile(0.975, 10.0) - 2.228_138_851_986_274).abs() < 1e-10);
        assert!((t_two_sided(2.228_138_851_986_274, 10.0) - 0.05).abs() < 1e-12);
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-10);
        assert!((f_upper(4.964_602_743_730_711, 1.0, 10.0) - 0.05).abs() < 1e-10);
        assert_eq!((t_two_sided(f64::INFINITY, 3.0), f_upper(f64::INFINITY, 2.0, 3.0)), (0.0, 0.0));
        assert!(t_two_sided(f64::NAN, 3.0).is_nan());
    }
}
