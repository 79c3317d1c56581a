//! A budget spent so that no unit of it would bring more elsewhere.

use serde::Serialize;

use super::Response;
use crate::Error;

/// How little and how much a channel may get per period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    pub low: f64,
    pub high: f64,
}

/// A budget spread over channels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Allocation {
    /// Per period, in the order of the channels.
    pub spending: Vec<f64>,
    /// What steady spending brings per period, of each.
    pub returns: Vec<f64>,
    /// What one more unit would bring, of each.
    pub marginal_returns: Vec<f64>,
    pub total_return: f64,
}

/// Spreads a budget per period over channels, each with its response and weight, so that the return is greatest.
///
/// Where returns only diminish, this is the optimum: every channel between its bounds has the same marginal return. A
/// channel whose return begins slowly is either spent on beyond its inflection or kept at its least, whichever brings
/// more in total.
///
/// # Errors
/// `Invalid` when the bounds leave no room for the budget.
// Source: Boyd and Vandenberghe, "Convex optimization", 2004, section 5.5.3 (water-filling).
pub fn allocate(channels: &[(Response, f64)], bounds: &[Bounds], budget: f64) -> Result<Allocation, Error> {
    let sum = |of: fn(&Bounds) -> f64| bounds.iter().map(of).sum::<f64>();
    let (least, most) = (sum(|bound| bound.low), sum(|bound| bound.high));
    let sane = bounds.iter().all(|bound| bound.low >= 0.0 && bound.low <= bound.high && bound.high.is_finite());
    if channels.len() != bounds.len() || !sane || !budget.is_finite() {
        return Err(Error::invalid("each channel needs bounds from low to high, at least 0"));
    }
    let slack = 1e-9 * budget.abs();
    if budget < least - slack || budget > most + slack {
        return Err(Error::invalid(format!("the bounds allow budgets from {least} to {most}, not {budget}")));
    }
    let spending = best(channels, bounds, budget);
    let returns: Vec<f64> =
        channels.iter().zip(&spending).map(|((response, weight), spent)| weight * response.effect(*spent)).collect();
    let marginal = |((response, weight), spent): (&(Response, f64), &f64)| {
        if *weight > 0.0 { weight * response.marginal(*spent) } else { 0.0 }
    };
    Ok(Allocation {
        total_return: returns.iter().sum(),
        marginal_returns: channels.iter().zip(&spending).map(marginal).collect(),
        returns,
        spending,
    })
}

/// Channels that begin slowly are tried at their least in every combination up to here; beyond, the least promising
/// is left out one after another.
const MAX_COMBINED: usize = 10;

fn best(channels: &[(Response, f64)], bounds: &[Bounds], budget: f64) -> Vec<f64> {
    let slow: Vec<usize> = (0..channels.len())
        .filter(|at| channels[*at].0.inflection() > bounds[*at].low && bounds[*at].high > bounds[*at].low)
        .collect();
    let mut kept_sets: Vec<Vec<usize>> = Vec::new();
    if slow.len() <= MAX_COMBINED {
        for set in 0..1_u32 << slow.len() {
            let members = slow.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1);
            kept_sets.push(members.map(|(_, at)| *at).collect());
        }
    } else {
        let mut ranked = slow;
        let promise = |at: &usize| channels[*at].1 / channels[*at].0.half;
        ranked.sort_by(|one, other| promise(one).total_cmp(&promise(other)));
        kept_sets.extend((0..=ranked.len()).map(|count| ranked[..count].to_vec()));
    }
    let total = |spending: &[f64]| -> f64 {
        channels.iter().zip(spending).map(|((response, weight), spent)| weight * response.effect(*spent)).sum()
    };
    let filled = kept_sets.iter().filter_map(|kept| fill(channels, bounds, budget, kept));
    // A budget too small to bring every channel past its slow beginning goes into one after another.
    let heaped = (0..channels.len()).map(|first| heap(bounds, budget, first));
    let best = filled.chain(heaped).max_by(|one, other| total(one).total_cmp(&total(other)));
    best.unwrap_or_default()
}

/// As much as may be to one channel, then to those after it.
fn heap(bounds: &[Bounds], budget: f64, first: usize) -> Vec<f64> {
    let mut spending: Vec<f64> = bounds.iter().map(|bound| bound.low).collect();
    let mut left = budget - spending.iter().sum::<f64>();
    for at in (first..bounds.len()).chain(0..first) {
        let more = left.clamp(0.0, bounds[at].high - bounds[at].low);
        spending[at] += more;
        left -= more;
    }
    spending
}

/// Raises spending where it brings most until the budget is spent; none when too many channels are kept low.
fn fill(channels: &[(Response, f64)], bounds: &[Bounds], budget: f64, kept: &[usize]) -> Option<Vec<f64>> {
    let reach: Vec<Bounds> = bounds
        .iter()
        .enumerate()
        .map(|(at, bound)| {
            let low = bound.low.max(channels[at].0.inflection()).min(bound.high);
            if kept.contains(&at) {
                Bounds { low: bound.low, high: bound.low }
            } else {
                Bounds { low, high: bound.high }
            }
        })
        .collect();
    let least: f64 = reach.iter().map(|bound| bound.low).sum();
    let most: f64 = reach.iter().map(|bound| bound.high).sum();
    let slack = 1e-9 * budget.abs();
    if least > budget + slack || most < budget - slack {
        return None;
    }
    let at_price = |price: f64| -> Vec<f64> {
        channels
            .iter()
            .zip(&reach)
            .map(|((response, weight), bound)| wanted(response, *weight, *bound, price))
            .collect()
    };
    // Marginal returns run over many orders of magnitude: the price is halved by its logarithm.
    let (mut cheap, mut dear) = (-700.0_f64, 700.0_f64);
    for _ in 0..200 {
        let middle = (cheap + dear) / 2.0;
        if at_price(middle.exp()).iter().sum::<f64>() > budget { cheap = middle } else { dear = middle }
    }
    let (high, low) = (at_price(cheap.exp()), at_price(dear.exp()));
    let (above, below): (f64, f64) = (high.iter().sum(), low.iter().sum());
    let part = if above > below { ((budget - below) / (above - below)).clamp(0.0, 1.0) } else { 0.0 };
    let mut spending: Vec<f64> = low.iter().zip(&high).map(|(low, high)| low + part * (high - low)).collect();
    // What is left when nothing brings anything more goes wherever there is room.
    let mut left = budget - spending.iter().sum::<f64>();
    for (spent, bound) in spending.iter_mut().zip(&reach) {
        let more = left.clamp(0.0, bound.high - *spent);
        *spent += more;
        left -= more;
    }
    Some(spending)
}

/// The spending at which the marginal return has fallen to a price.
fn wanted(response: &Response, weight: f64, bound: Bounds, price: f64) -> f64 {
    let marginal = |spent: f64| if weight > 0.0 { weight * response.marginal(spent) } else { 0.0 };
    if marginal(bound.low) <= price {
        return bound.low;
    }
    if marginal(bound.high) >= price {
        return bound.high;
    }
    let (mut low, mut high) = (bound.low, bound.high);
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if marginal(middle) > price { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}
