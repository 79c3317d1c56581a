//! What spending does: it lingers, and more of it brings ever less.

use serde::Serialize;

/// Spending of each period with what is left of earlier ones, in units of spending.
///
/// A steady spending carries over to itself, so that a curve of it can be read in money per period.
// Source: Broadbent, "One way TV advertisements work", 1979 (adstock), with weights that add up to one.
pub fn carry_over(spending: &[f64], decay: f64) -> Vec<f64> {
    let mut carried = 0.0;
    let step = |spent: &f64| {
        carried = decay * carried + (1.0 - decay) * spent;
        carried
    };
    spending.iter().map(step).collect()
}

/// How the effect levels off, as a part of the most that can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// sˢ / (sˢ + hˢ): half of the effect at h; begins slowly with a slope s above one.
    // Source: Hill, "The possible effects of the aggregation of the molecules of haemoglobin", 1910.
    Hill,
    /// 1 - 2^(-s / h): half of the effect at h.
    Exponential,
}

/// A channel's response to steady spending.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Response {
    pub shape: Shape,
    /// What is left of the effect after a period, from 0 to below 1.
    pub decay: f64,
    /// The spending that has half of the full effect.
    pub half: f64,
    /// Of Hill's curve; 1 for the exponential one.
    pub slope: f64,
}

impl Response {
    /// The effect of carried-over spending, from 0 to 1.
    pub fn effect(&self, spending: f64) -> f64 {
        if spending <= 0.0 {
            return 0.0;
        }
        match self.shape {
            Shape::Hill => 1.0 / (1.0 + (self.half / spending).powf(self.slope)),
            Shape::Exponential => -f64::exp_m1(-std::f64::consts::LN_2 * spending / self.half),
        }
    }

    /// What a little more spending adds to the effect.
    pub fn marginal(&self, spending: f64) -> f64 {
        match self.shape {
            Shape::Exponential => {
                let rate = std::f64::consts::LN_2 / self.half;
                rate * (-rate * spending.max(0.0)).exp()
            }
            Shape::Hill if spending <= 0.0 => match self.slope.total_cmp(&1.0) {
                std::cmp::Ordering::Less => f64::INFINITY,
                std::cmp::Ordering::Equal => 1.0 / self.half,
                std::cmp::Ordering::Greater => 0.0,
            },
            Shape::Hill => {
                let effect = self.effect(spending);
                self.slope * effect * (1.0 - effect) / spending
            }
        }
    }

    /// The spending from which on every further unit brings less than the one before.
    pub fn inflection(&self) -> f64 {
        match self.shape {
            Shape::Hill if self.slope > 1.0 => {
                self.half * ((self.slope - 1.0) / (self.slope + 1.0)).powf(1.0 / self.slope)
            }
            _ => 0.0,
        }
    }

    /// The effect of a series of spending, period by period.
    pub fn effects(&self, spending: &[f64]) -> Vec<f64> {
        carry_over(spending, self.decay).into_iter().map(|carried| self.effect(carried)).collect()
    }
}
