//! Small summaries of many values: how many are distinct, and where the quantiles lie.

use super::{Bin, Quantiles};

/// 2^14 registers: a standard error of 0.8 % in 16 KiB.
const PRECISION: u32 = 14;

/// An estimate of how many distinct hashes were seen.
// Source: Flajolet and others, "HyperLogLog", 2007; estimator by Ertl, "New cardinality estimation algorithms", 2017.
pub(super) struct DistinctSketch {
    registers: Vec<u8>,
}

impl Default for DistinctSketch {
    fn default() -> Self {
        Self { registers: vec![0; 1 << PRECISION] }
    }
}

impl DistinctSketch {
    pub fn add(&mut self, hash: u64) {
        let register = (hash >> (64 - PRECISION)) as usize;
        let rest = hash << PRECISION;
        let rank = (rest.leading_zeros().min(64 - PRECISION) + 1) as u8;
        self.registers[register] = self.registers[register].max(rank);
    }

    pub fn merge(&mut self, other: &Self) {
        for (one, other) in self.registers.iter_mut().zip(&other.registers) {
            *one = (*one).max(*other);
        }
    }

    pub fn estimate(&self) -> u64 {
        let count = self.registers.len() as f64;
        let longest = (64 - PRECISION) as usize;
        let mut ranks = vec![0.0; longest + 2];
        self.registers.iter().for_each(|rank| ranks[usize::from(*rank)] += 1.0);
        let mut sum = count * tau(1.0 - ranks[longest + 1] / count);
        for rank in (1..=longest).rev() {
            sum = 0.5 * (sum + ranks[rank]);
        }
        sum += count * sigma(ranks[0] / count);
        (count * count / (2.0 * std::f64::consts::LN_2) / sum).round() as u64
    }
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// Values kept for quantiles: exact up to here, a rank error of about 0.4 % beyond.
const SAMPLE_VALUES: usize = 65_536;

/// A uniform sample of all values seen.
// Source: Vitter, "Random sampling with a reservoir", 1985, algorithm R.
#[derive(Default)]
pub(super) struct Sample {
    values: Vec<f64>,
    seen: u64,
}

impl Sample {
    pub fn add(&mut self, value: f64) {
        self.seen += 1;
        if self.values.len() < SAMPLE_VALUES {
            self.values.push(value);
        } else {
            let at = scramble(self.seen) % self.seen;
            if let Some(kept) = self.values.get_mut(at as usize) {
                *kept = value;
            }
        }
    }

    pub fn is_exact(&self) -> bool {
        self.seen as usize == self.values.len()
    }

    pub fn merge(self, other: Self) -> Self {
        let seen = self.seen + other.seen;
        if self.values.len() + other.values.len() <= SAMPLE_VALUES && self.is_exact() && other.is_exact() {
            let mut values = self.values;
            values.extend(other.values);
            return Self { values, seen };
        }
        let share = |part: &Self| (SAMPLE_VALUES as u128 * u128::from(part.seen) / u128::from(seen)) as usize;
        let (one, two) = (share(&self), share(&other));
        let mut values = some_of(self.values, one);
        values.extend(some_of(other.values, two));
        Self { values, seen }
    }

    /// Counts in parts of equal width; of a sample, counts are scaled to all values. None without bins or finite values.
    pub fn histogram(&self, bins: usize) -> Option<Vec<Bin>> {
        let finite = || self.values.iter().copied().filter(|value| value.is_finite());
        let (low, high) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
        if bins == 0 {
            return None;
        }
        let bins = if low == high { 1 } else { bins };
        // Why halves: the difference of the greatest and the least number may be too large for a number.
        let width = (high / 2.0 - low / 2.0) / bins as f64 * 2.0;
        let mut counts = vec![0_u64; bins];
        for value in finite() {
            let place = if width > 0.0 { (value / 2.0 - low / 2.0) / width * 2.0 } else { 0.0 };
            counts[(place as usize).min(bins - 1)] += 1;
        }
        let scale = self.seen as f64 / self.values.len() as f64;
        let bin = |(at, count): (usize, u64)| Bin {
            from: low + width * at as f64,
            to: if at + 1 == bins { high } else { low + width * (at + 1) as f64 },
            count: (count as f64 * scale).round() as u64,
        };
        Some(counts.into_iter().enumerate().map(bin).collect())
    }

    pub fn quantiles(mut self) -> Option<Quantiles> {
        if self.values.is_empty() {
            return None;
        }
        self.values.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| {
            let place = part * (self.values.len() - 1) as f64;
            let (low, high) = (self.values[place.floor() as usize], self.values[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        Some(Quantiles { p05: at(0.05), p25: at(0.25), p50: at(0.5), p75: at(0.75), p95: at(0.95) })
    }
}

/// A random part of a list, by the first steps of a Fisher-Yates shuffle.
fn some_of(mut values: Vec<f64>, wanted: usize) -> Vec<f64> {
    let wanted = wanted.min(values.len());
    for at in 0..wanted {
        let other = at + (scramble(at as u64) % (values.len() - at) as u64) as usize;
        values.swap(at, other);
    }
    values.truncate(wanted);
    values
}

/// A number that looks random and is always the same for the same input.
// Source: SplitMix64, Steele, Lea and Flood 2014.
pub(crate) fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_counts_are_within_three_percent() {
        for wanted in [0, 1, 100, 20_000, 1_000_000u64] {
            let mut whole = DistinctSketch::default();
            let mut half = DistinctSketch::default();
            for value in 0..wanted {
                let part = if value % 2 == 0 { &mut whole } else { &mut half };
                part.add(scramble(value));
                part.add(scramble(value));
            }
            whole.merge(&half);
            let found = whole.estimate();
            assert!(found.abs_diff(wanted) as f64 <= 0.03 * wanted as f64, "{found} for {wanted}");
        }
    }

    #[test]
    fn histograms_hold_every_value_once() {
        let mut sample = Sample::default();
        [0.0, 0.5, 1.0, 9.9, 10.0, f64::INFINITY].into_iter().for_each(|value| sample.add(value));
        let counts: Vec<u64> = sample.histogram(5).unwrap().iter().map(|bin| bin.count).collect();
        assert_eq!(counts, [3, 0, 0, 0, 2]);
        let mut flat = Sample::default();
        (0..4).for_each(|_| flat.add(7.0));
        assert_eq!(flat.histogram(5), Some(vec![Bin { from: 7.0, to: 7.0, count: 4 }]));
        assert_eq!((flat.histogram(0), Sample::default().histogram(5)), (None, None));
        let mut wide = Sample::default();
        [f64::MIN, 0.0, f64::MAX].into_iter().for_each(|value| wide.add(value));
        assert_eq!(wide.histogram(2).unwrap().iter().map(|bin| bin.count).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn quantiles_of_small_columns_are_exact_and_of_large_ones_close() {
        let mut small = Sample::default();
        (1..=5).for_each(|value| small.add(f64::from(value)));
        let found = small.quantiles().unwrap();
        assert_eq!((found.p25, found.p50, found.p95), (2.0, 3.0, 4.8));
        let (mut one, mut two) = (Sample::default(), Sample::default());
        (0..300_000).for_each(|value| one.add(f64::from(value)));
        (300_000..1_000_000).for_each(|value| two.add(f64::from(value)));
        let merged = one.merge(two);
        assert!(!merged.is_exact());
        let found = merged.quantiles().unwrap();
        assert!((found.p50 - 500_000.0).abs() < 10_000.0 && (found.p05 - 50_000.0).abs() < 10_000.0, "{found:?}");
    }
}
