//! How two columns go together: correlation coefficients and how likely chance is to give them.

use crate::{Error, distribution};

/// A coefficient from -1 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    pub pairs: u64,
    /// None when a column does not vary.
    pub value: Option<f64>,
    /// Probability of such a value, on either side, if the columns had nothing to do with each other.
    pub p: Option<f64>,
}

/// Sums of pairs for Pearson's coefficient; parts of a table can be summed by themselves and merged.
// Source: Schubert and Gertz, "Numerically stable parallel computation of (co-)variance", 2018.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PairSums {
    count: f64,
    mean_x: f64,
    mean_y: f64,
    squares_x: f64,
    squares_y: f64,
    products: f64,
}

impl PairSums {
    pub fn push(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        let (from_x, from_y) = (x - self.mean_x, y - self.mean_y);
        self.mean_x += from_x / self.count;
        self.mean_y += from_y / self.count;
        self.squares_x += from_x * (x - self.mean_x);
        self.squares_y += from_y * (y - self.mean_y);
        self.products += from_x * (y - self.mean_y);
    }

    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        if self.count == 0.0 {
            return other;
        }
        if other.count == 0.0 {
            return self;
        }
        let count = self.count + other.count;
        let (apart_x, apart_y) = (other.mean_x - self.mean_x, other.mean_y - self.mean_y);
        let weight = self.count * other.count / count;
        Self {
            count,
            mean_x: self.mean_x + apart_x * other.count / count,
            mean_y: self.mean_y + apart_y * other.count / count,
            squares_x: self.squares_x + other.squares_x + apart_x * apart_x * weight,
            squares_y: self.squares_y + other.squares_y + apart_y * apart_y * weight,
            products: self.products + other.products + apart_x * apart_y * weight,
        }
    }

    /// Pearson's coefficient.
    pub fn pearson(&self) -> Correlation {
        let spread = self.squares_x.sqrt() * self.squares_y.sqrt();
        // Why relative: the rounding of large equal values is no variation.
        let flat = |squares: f64, mean: f64| squares <= 1e-24 * self.count * mean * mean;
        let varies = self.count >= 2.0 && !flat(self.squares_x, self.mean_x) && !flat(self.squares_y, self.mean_y);
        let value = (varies && spread > 0.0).then(|| (self.products / spread).clamp(-1.0, 1.0));
        Correlation { pairs: self.count as u64, value, p: value.and_then(|value| by_t(value, self.count)) }
    }
}

/// The probability from Student's t with n - 2 degrees of freedom.
fn by_t(value: f64, pairs: f64) -> Option<f64> {
    let degrees = pairs - 2.0;
    (degrees > 0.0).then(|| distribution::t_two_sided(value * (degrees / (1.0 - value * value)).sqrt(), degrees))
}

/// Pearson's coefficient of two columns.
///
/// # Errors
/// `Invalid` when they differ in length.
pub fn pearson(x: &[f64], y: &[f64]) -> Result<Correlation, Error> {
    same_length(x, y)?;
    let mut sums = PairSums::default();
    x.iter().zip(y).for_each(|(x, y)| sums.push(*x, *y));
    Ok(sums.pearson())
}

/// Spearman's coefficient: Pearson's of the ranks, equal values sharing their mean rank.
///
/// # Errors
/// `Invalid` when they differ in length.
pub fn spearman(x: &[f64], y: &[f64]) -> Result<Correlation, Error> {
    same_length(x, y)?;
    pearson(&ranks(x), &ranks(y))
}

/// Ranks from 1, equal values sharing their mean rank.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let equal = order[start..].iter().take_while(|at| values[**at] == value).count().max(1);
        let rank = start as f64 + (equal + 1) as f64 / 2.0;
        order[start..start + equal].iter().for_each(|at| ranks[*at] = rank);
        start += equal;
    }
    ranks
}

/// Kendall's tau-b with the normal approximation of its probability.
///
/// # Errors
/// `Invalid` when they differ in length.
// Source: Knight, "A computer method for calculating Kendall's tau with ungrouped data", 1966; variance with ties from
// Kendall, "Rank correlation methods", 4th edition, 1970, section 4.
pub fn kendall(x: &[f64], y: &[f64]) -> Result<Correlation, Error> {
    same_length(x, y)?;
    let mut pairs: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    pairs.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let ties_x = Ties::of(pairs.chunk_by(|one, other| one.0 == other.0).map(<[_]>::len));
    let ties_both = Ties::of(pairs.chunk_by(|one, other| one == other).map(<[_]>::len));
    let mut second: Vec<f64> = pairs.into_iter().map(|(_, y)| y).collect();
    let swaps = sort_counting(&mut second);
    let ties_y = Ties::of(second.chunk_by(|one, other| one == other).map(<[_]>::len));
    let count = x.len() as f64;
    let all = count * (count - 1.0) / 2.0;
    let score = all - ties_x.pairs - ties_y.pairs + ties_both.pairs - 2.0 * swaps as f64;
    let spread = ((all - ties_x.pairs) * (all - ties_y.pairs)).sqrt();
    let value = (spread > 0.0).then(|| (score / spread).clamp(-1.0, 1.0));
    let variance = (count * (count - 1.0) * (2.0 * count + 5.0) - ties_x.spread - ties_y.spread) / 18.0
        + 2.0 * ties_x.pairs * ties_y.pairs / (count * (count - 1.0))
        + ties_x.triples * ties_y.triples / (9.0 * count * (count - 1.0) * (count - 2.0));
    let p = value
        .filter(|_| count > 2.0 && variance > 0.0)
        .map(|_| distribution::normal_two_sided(score / variance.sqrt()));
    Ok(Correlation { pairs: x.len() as u64, value, p })
}

/// What groups of equal values take away.
#[derive(Default)]
struct Ties {
    pairs: f64,
    triples: f64,
    spread: f64,
}

impl Ties {
    fn of(groups: impl Iterator<Item = usize>) -> Self {
        groups.map(|size| size as f64).fold(Self::default(), |sum, size| Self {
            pairs: sum.pairs + size * (size - 1.0) / 2.0,
            triples: sum.triples + size * (size - 1.0) * (size - 2.0),
            spread: sum.spread + size * (size - 1.0) * (2.0 * size + 5.0),
        })
    }
}

/// Sorts and counts how many neighbours had to change places.
fn sort_counting(values: &mut [f64]) -> u64 {
    let middle = values.len() / 2;
    if middle == 0 {
        return 0;
    }
    let (left, right) = values.split_at_mut(middle);
    let mut swaps = sort_counting(left) + sort_counting(right);
    let (left, right) = (left.to_vec(), right.to_vec());
    let (mut one, mut two) = (0, 0);
    for place in values.iter_mut() {
        if two == right.len() || one < left.len() && left[one] <= right[two] {
            *place = left[one];
            one += 1;
        } else {
            *place = right[two];
            two += 1;
            swaps += (left.len() - one) as u64;
        }
    }
    swaps
}

fn same_length(x: &[f64], y: &[f64]) -> Result<(), Error> {
    if x.len() != y.len() {
        return Err(Error::invalid("the columns differ in length"));
    }
    Ok(())
}
