//! Which values occur most often, in bounded memory.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use super::Frequency;

/// Values counted at once.
const MAX_VALUES: usize = 16_384;

/// Counts of values by their hash. Exact until there are more values than places; then the rarest make room, and a
/// column where nearly every value differs is given up.
// Source: lossy counting, Manku and Motwani 2002.
#[derive(Default)]
pub(super) struct Frequent {
    values: HashMap<u64, Frequency, BuildHasherDefault<Hashed>>,
    seen: u64,
    pruned: bool,
    given_up: bool,
}

impl Frequent {
    /// Counts a value; its text is made only when it is new.
    pub fn add(&mut self, hash: u64, count: u64, text: impl FnOnce() -> String) {
        if self.given_up {
            return;
        }
        self.seen += count;
        if let Some(known) = self.values.get_mut(&hash) {
            known.count += count;
            return;
        }
        if self.values.len() >= MAX_VALUES {
            self.prune();
        }
        self.values.insert(hash, Frequency { value: text(), count });
    }

    fn prune(&mut self) {
        self.pruned = true;
        // Why: with more than half of all values new, no value is frequent, and counting costs more than it shows.
        self.given_up = self.seen < 2 * MAX_VALUES as u64;
        let mut least = 1;
        while self.values.len() > MAX_VALUES / 2 {
            self.values.retain(|_, known| known.count > least);
            least *= 2;
        }
        if self.given_up {
            self.values = HashMap::default();
        }
    }

    pub fn merge(&mut self, other: Self) {
        let given_up = self.given_up || other.given_up;
        let pruned = self.pruned || other.pruned;
        for (hash, known) in other.values {
            self.add(hash, known.count, || known.value);
        }
        self.given_up |= given_up;
        self.pruned |= pruned;
    }

    /// How many values there are, when all of them were counted.
    pub fn exact_distinct(&self) -> Option<u64> {
        (!self.pruned && !self.given_up).then_some(self.values.len() as u64)
    }

    /// The most frequent values; equal counts in the order of their text. Nothing when the column was given up.
    pub fn top(self, wanted: usize) -> Vec<Frequency> {
        if self.given_up {
            return Vec::new();
        }
        let mut found: Vec<Frequency> = self.values.into_values().collect();
        found.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.value.cmp(&other.value)));
        found.truncate(wanted);
        found
    }
}

/// Keys are hashes already.
#[derive(Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sketch::scramble, *};

    #[test]
    fn counts_are_exact_while_values_are_few() {
        let mut found = Frequent::default();
        for value in 0..1_000u64 {
            found.add(scramble(value % 10), 1, || (value % 10).to_string());
        }
        assert_eq!(found.exact_distinct(), Some(10));
        assert_eq!(
            found.top(2),
            [Frequency { value: "0".into(), count: 100 }, Frequency { value: "1".into(), count: 100 }]
        );
    }

    #[test]
    fn a_frequent_value_survives_among_many_rare_ones() {
        let mut found = Frequent::default();
        for value in 0..200_000u64 {
            let rare = value % 3 == 0;
            let shown = if rare { value } else { 7 };
            found.add(scramble(shown), 1, || shown.to_string());
        }
        assert_eq!(found.exact_distinct(), None);
        assert_eq!(found.top(1)[0].value, "7");
    }

    #[test]
    fn a_column_of_different_values_is_given_up() {
        let mut found = Frequent::default();
        (0..40_000u64).for_each(|value| found.add(scramble(value), 1, || value.to_string()));
        assert_eq!((found.exact_distinct(), found.top(5)), (None, Vec::new()));
    }
}
