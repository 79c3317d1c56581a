//! Carry-over, saturation and weights of all channels, searched within bounds, the same way every time.

use nalgebra::{DMatrix, DVector};
use serde::Serialize;

use super::{Base, Response, Shape, least::non_negative};
use crate::{
    Error,
    error::{check_finite, check_rows},
};

/// Where a channel's parameters may lie; `half` in parts of its largest spending.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    pub decay: (f64, f64),
    pub half: (f64, f64),
    pub slope: (f64, f64),
}

impl Default for Limits {
    fn default() -> Self {
        Self { decay: (0.0, 0.9), half: (0.05, 2.0), slope: (0.5, 3.0) }
    }
}

/// A channel to be fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    pub spending: Vec<f64>,
    pub shape: Shape,
    pub limits: Limits,
}

/// What was found of a channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Channel {
    pub response: Response,
    /// The most that the channel brings in a period; zero when the data show no effect.
    pub weight: f64,
    /// What it brought in each period.
    #[serde(skip)]
    pub contribution: Vec<f64>,
}

/// A fitted media mix: base and contributions add up to the fitted values.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaFit {
    pub channels: Vec<Channel>,
    /// Of the base's terms, in their order.
    pub base_weights: Vec<f64>,
    pub base: Vec<f64>,
    pub fitted: Vec<f64>,
    pub residual_squares: f64,
    pub r_squared: f64,
    /// In percent; none when an outcome is zero.
    pub mape: Option<f64>,
}

/// Rounds over all channels at most.
const MAX_ROUNDS: usize = 40;
/// Points of the first look, for each parameter.
const COARSE: usize = 8;
/// Where the ever finer search ends, as a part of the allowed range.
const FINEST: f64 = 1e-4;

/// Fits a media mix by least squares.
///
/// # Errors
/// `TooFewRows` for what is to be estimated, `NotFinite`, `Constant` outcome, `Collinear` controls, `Invalid` limits or
/// spending below zero.
pub fn fit(outcome: &[f64], wishes: &[Wish], base: &Base) -> Result<MediaFit, Error> {
    check(outcome, wishes, base)?;
    let mut search = Search::new(outcome, wishes, base)?;
    let mut step = 0.0;
    let mut last = f64::INFINITY;
    for round in 0..MAX_ROUNDS {
        for channel in 0..wishes.len() {
            if round < 2 { search.look_everywhere(channel) } else { search.look_around(channel, step) }
        }
        step = if round < 2 {
            1.0 / COARSE as f64
        } else {
            step / if search.squares < last * (1.0 - 1e-6) { 1.0 } else { 3.0 }
        };
        last = search.squares;
        if round > 2 && step < FINEST {
            break;
        }
    }
    search.finish()
}

fn check(outcome: &[f64], wishes: &[Wish], base: &Base) -> Result<(), Error> {
    check_rows(outcome.len(), base.terms().len() + wishes.len() + 2)?;
    check_finite(outcome)?;
    if outcome.iter().all(|value| *value == outcome[0]) {
        return Err(Error::Constant("the outcome".into()));
    }
    for wish in wishes {
        check_finite(&wish.spending)?;
        if wish.spending.len() != outcome.len() || wish.spending.iter().any(|spent| *spent < 0.0) {
            return Err(Error::invalid("each channel has as many values as the outcome, none below zero"));
        }
        let Limits { decay, half, slope } = wish.limits;
        let right = decay.0 >= 0.0 && decay.1 < 1.0 && half.0 > 0.0 && slope.0 > 0.0;
        if !right || [decay, half, slope].iter().any(|(low, high)| !(low <= high && high.is_finite())) {
            return Err(Error::invalid("limits run from low to high: decay from 0 to below 1, half and slope above 0"));
        }
    }
    Ok(())
}

/// Parameters of one channel as parts of their ranges: decay, half (by its logarithm), slope.
type Place = [f64; 3];

struct Search<'a> {
    wishes: &'a [Wish],
    base: &'a Base,
    outcome: DVector<f64>,
    /// The outcome without what the base explains.
    rest: DVector<f64>,
    directions: DMatrix<f64>,
    places: Vec<Place>,
    /// Effects of each channel without what the base explains.
    effects: DMatrix<f64>,
    products: DMatrix<f64>,
    with_outcome: DVector<f64>,
    squares: f64,
}

impl<'a> Search<'a> {
    fn new(outcome: &[f64], wishes: &'a [Wish], base: &'a Base) -> Result<Self, Error> {
        let outcome = DVector::from_column_slice(outcome);
        let directions = base.directions()?;
        let rest = &outcome - &directions * (directions.transpose() * &outcome);
        let count = wishes.len();
        let mut search = Self {
            wishes,
            base,
            rest,
            directions,
            places: vec![[0.33, 0.5, 0.3]; count],
            effects: DMatrix::zeros(outcome.len(), count),
            products: DMatrix::zeros(count, count),
            with_outcome: DVector::zeros(count),
            squares: f64::INFINITY,
            outcome,
        };
        for channel in 0..count {
            search.put(channel, search.places[channel]);
        }
        search.squares = search.solve().1;
        Ok(search)
    }

    fn response(&self, channel: usize, place: Place) -> Response {
        let wish = &self.wishes[channel];
        let Limits { decay, half, slope } = wish.limits;
        let between = |(low, high): (f64, f64), part: f64| low + (high - low) * part;
        let largest = wish.spending.iter().fold(0.0_f64, |most, spent| most.max(*spent)).max(f64::MIN_POSITIVE);
        Response {
            shape: wish.shape,
            decay: between(decay, place[0]),
            half: largest * between((half.0.ln(), half.1.ln()), place[1]).exp(),
            slope: if wish.shape == Shape::Hill { between(slope, place[2]) } else { 1.0 },
        }
    }

    /// Sets a channel's parameters and what follows from them.
    fn put(&mut self, channel: usize, place: Place) {
        let effects = self.response(channel, place).effects(&self.wishes[channel].spending);
        let whole = DVector::from_vec(effects);
        let size = whole.norm();
        let mut own = &whole - &self.directions * self.directions.tr_mul(&whole);
        // Why: what the base explains but for rounding has no effect of its own.
        if own.norm() <= 1e-9 * size {
            own.fill(0.0);
        }
        self.effects.set_column(channel, &own);
        let products = self.effects.tr_mul(&own);
        self.products.set_column(channel, &products);
        self.products.set_row(channel, &products.transpose());
        self.with_outcome[channel] = own.dot(&self.rest);
        self.places[channel] = place;
    }

    /// The weights that fit best, and what they leave.
    fn solve(&self) -> (DVector<f64>, f64) {
        let weights = non_negative(&self.products, &self.with_outcome);
        let explained = 2.0 * self.with_outcome.dot(&weights) - weights.dot(&(&self.products * &weights));
        (weights, (self.rest.norm_squared() - explained).max(0.0))
    }

    /// Takes the best of these places for a channel, or stays.
    fn try_all(&mut self, channel: usize, places: impl Iterator<Item = Place>) -> bool {
        let start = self.places[channel];
        let mut best = (self.squares, start);
        for place in places {
            self.put(channel, place);
            let squares = self.solve().1;
            if squares < best.0 {
                best = (squares, place);
            }
        }
        self.put(channel, best.1);
        self.squares = best.0;
        best.1 != start
    }

    fn look_everywhere(&mut self, channel: usize) {
        let parts = |count: usize| (0..count).map(move |at| at as f64 / (count - 1) as f64);
        let slopes = if self.wishes[channel].shape == Shape::Hill { COARSE - 2 } else { 2 };
        let all = parts(COARSE).flat_map(move |decay| {
            parts(COARSE).flat_map(move |half| parts(slopes).map(move |slope| [decay, half, slope]))
        });
        self.try_all(channel, all);
    }

    fn look_around(&mut self, channel: usize, step: f64) {
        for _ in 0..6 {
            let from = self.places[channel];
            let moves = [-1.0, 0.0, 1.0];
            let around = moves.into_iter().flat_map(move |decay| {
                moves.into_iter().flat_map(move |half| moves.into_iter().map(move |slope| [decay, half, slope]))
            });
            let places =
                around.map(move |way| std::array::from_fn(|at| f64::clamp(from[at] + step * way[at], 0.0, 1.0)));
            if !self.try_all(channel, places) {
                break;
            }
        }
    }

    fn finish(&self) -> Result<MediaFit, Error> {
        let weights = self.solve().0;
        let mut left = self.outcome.clone();
        let mut channels = Vec::with_capacity(self.wishes.len());
        for (at, wish) in self.wishes.iter().enumerate() {
            let response = self.response(at, self.places[at]);
            let contribution: Vec<f64> =
                response.effects(&wish.spending).into_iter().map(|effect| weights[at] * effect).collect();
            left -= DVector::from_column_slice(&contribution);
            channels.push(Channel { response, weight: weights[at], contribution });
        }
        let base_weights = self.base.weights(&left).ok_or_else(|| Error::NoFit("the base has no solution".into()))?;
        let base_weights: Vec<f64> = base_weights.iter().copied().collect();
        let mut base = vec![0.0; left.len()];
        for (at, weight) in base_weights.iter().enumerate() {
            base.iter_mut().zip(self.base.part(at, *weight)).for_each(|(sum, part)| *sum += part);
        }
        let residual_squares = left.iter().zip(&base).map(|(left, base)| (left - base).powi(2)).sum::<f64>();
        let fitted: Vec<f64> = (0..base.len())
            .map(|row| base[row] + channels.iter().map(|channel| channel.contribution[row]).sum::<f64>())
            .collect();
        let mean = self.outcome.mean();
        let total: f64 = self.outcome.iter().map(|value| (value - mean).powi(2)).sum();
        let zeros = self.outcome.iter().any(|value| *value == 0.0);
        let relative = self.outcome.iter().zip(&fitted).map(|(value, fitted)| ((value - fitted) / value).abs());
        let mape = (!zeros).then(|| 100.0 * relative.sum::<f64>() / fitted.len() as f64);
        Ok(MediaFit {
            channels,
            base_weights,
            base,
            fitted,
            residual_squares,
            r_squared: 1.0 - residual_squares / total,
            mape,
        })
    }
}
