//! The least value of a smooth function of a few numbers, found the same way every time.

/// Where the search ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    pub at: Vec<f64>,
    pub value: f64,
    pub iterations: usize,
}

/// Change of the value, as a part of it, below which the search ends.
const SETTLED: f64 = 1e-11;
/// A step for slopes: near the cube root of the precision, as central differences want it.
const STEP: f64 = 6e-6;

/// Descends from a start by BFGS with slopes by central differences; what is not finite is never stepped on.
// Source: Nocedal and Wright, "Numerical optimization", 2nd edition, algorithm 6.1 with a backtracking line search.
pub fn minimize(mut function: impl FnMut(&[f64]) -> f64, start: &[f64], max_iterations: usize) -> Minimum {
    let size = start.len();
    let mut at = start.to_vec();
    let mut value = function(&at);
    let mut slope = gradient(&mut function, &at);
    let mut inverse = identity(size);
    let mut fresh = true;
    let mut iterations = 0;
    while iterations < max_iterations && size > 0 && value.is_finite() {
        iterations += 1;
        let mut direction = times(&inverse, &slope);
        direction.iter_mut().for_each(|part| *part = -*part);
        let descent = dot(&direction, &slope);
        let found = (descent < 0.0).then(|| line_search(&mut function, &at, value, &direction, descent)).flatten();
        let Some((next, next_value)) = found else {
            if fresh {
                break;
            }
            // The curvature learnt so far misleads: begin anew from the slope alone.
            inverse = identity(size);
            fresh = true;
            continue;
        };
        let next_slope = gradient(&mut function, &next);
        let step: Vec<f64> = next.iter().zip(&at).map(|(new, old)| new - old).collect();
        let bend: Vec<f64> = next_slope.iter().zip(&slope).map(|(new, old)| new - old).collect();
        let gained = value - next_value;
        update(&mut inverse, &step, &bend, fresh);
        let settled = gained <= SETTLED * (1.0 + next_value.abs());
        (at, value, slope) = (next, next_value, next_slope);
        if settled && fresh {
            break;
        }
        if settled {
            inverse = identity(size);
        }
        fresh = settled;
    }
    Minimum { at, value, iterations }
}

fn gradient(function: &mut impl FnMut(&[f64]) -> f64, at: &[f64]) -> Vec<f64> {
    let mut moved = at.to_vec();
    (0..at.len())
        .map(|index| {
            let step = STEP * at[index].abs().max(1.0);
            moved[index] = at[index] + step;
            let above = function(&moved);
            moved[index] = at[index] - step;
            let below = function(&moved);
            moved[index] = at[index];
            let slope = (above - below) / (2.0 * step);
            if slope.is_finite() { slope } else { 0.0 }
        })
        .collect()
}

/// The first of ever shorter steps that gains enough.
fn line_search(
    function: &mut impl FnMut(&[f64]) -> f64,
    at: &[f64],
    value: f64,
    direction: &[f64],
    descent: f64,
) -> Option<(Vec<f64>, f64)> {
    const ENOUGH: f64 = 1e-4;
    const LONGEST: f64 = 5.0;
    let length = dot(direction, direction).sqrt();
    let mut step = (LONGEST / length).min(1.0);
    for _ in 0..50 {
        let next: Vec<f64> = at.iter().zip(direction).map(|(from, way)| from + step * way).collect();
        let next_value = function(&next);
        if next_value.is_finite() && next_value <= value + ENOUGH * step * descent && next_value < value {
            return Some((next, next_value));
        }
        step *= 0.5;
    }
    None
}

/// The BFGS update of the inverse curvature; skipped where the function does not curve upwards.
fn update(inverse: &mut [Vec<f64>], step: &[f64], bend: &[f64], fresh: bool) {
    let curve = dot(step, bend);
    let strength = dot(bend, bend);
    if curve <= 1e-12 * strength.sqrt() * dot(step, step).sqrt() || strength == 0.0 {
        return;
    }
    if fresh {
        let scale = curve / strength;
        for (row, line) in inverse.iter_mut().enumerate() {
            line[row] = scale;
        }
    }
    let moved = times(inverse, bend);
    let factor = (1.0 + dot(bend, &moved) / curve) / curve;
    for (row, line) in inverse.iter_mut().enumerate() {
        for (column, cell) in line.iter_mut().enumerate() {
            *cell +=
                factor * step[row] * step[column] - (moved[row] * step[column] + step[row] * moved[column]) / curve;
        }
    }
}

fn identity(size: usize) -> Vec<Vec<f64>> {
    (0..size).map(|row| (0..size).map(|column| f64::from(u8::from(row == column))).collect()).collect()
}

fn times(matrix: &[Vec<f64>], vector: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| dot(row, vector)).collect()
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// The least value of a function of one number within bounds, by golden sections.
pub fn golden(mut function: impl FnMut(f64) -> f64, mut low: f64, mut high: f64, steps: usize) -> f64 {
    let part = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut left, mut right) = (high - part * (high - low), low + part * (high - low));
    let (mut at_left, mut at_right) = (function(left), function(right));
    for _ in 0..steps {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - part * (high - low);
            at_left = function(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + part * (high - low);
            at_right = function(right);
        }
    }
    if at_left <= at_right { left } else { right }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        let valley = |x: &[f64]| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2);
        let found = minimize(valley, &[-1.2, 1.0], 500);
        assert!((found.at[0] - 1.0).abs() < 1e-4 && (found.at[1] - 1.0).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn forbidden_ground_is_not_entered() {
        let walled = |x: &[f64]| if x[0] < 0.5 { f64::INFINITY } else { x[0] * x[0] };
        let found = minimize(walled, &[3.0], 200);
        assert!(found.at[0] >= 0.5 && found.at[0] < 0.52, "{found:?}");
        assert_eq!(minimize(|_| 1.0, &[2.0], 10).at, [2.0]);
    }

    #[test]
    fn golden_sections_find_the_bottom() {
        assert!((golden(|x| (x - 0.3).powi(2), -1.0, 2.0, 60) - 0.3).abs() < 1e-7);
    }
}
