//! One column, batch by batch.

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, Float64Array, StringViewArray},
        compute,
        datatypes::{
            ArrowPrimitiveType, DataType, Date32Type, Field, Float64Type, Int64Type, TimeUnit,
            TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, UInt64Type,
        },
        util::display::array_value_to_string,
    },
    common::{ScalarValue, hash_utils},
};

use super::{
    ColumnProfile,
    frequent::Frequent,
    moments::Moments,
    sketch::{DistinctSketch, Sample},
};
use crate::{Fault, types};

/// The seed of the hashes: any constant, so that the same table always gives the same profile.
const HASH_SEED: u64 = 0x7472_696e_6974_7931;

/// What has been seen of a column so far.
pub(super) struct Describer {
    name: String,
    data_type: DataType,
    rows: u64,
    missing: u64,
    min: Option<ScalarValue>,
    max: Option<ScalarValue>,
    moments: Moments,
    sample: Sample,
    distinct: DistinctSketch,
    frequent: Frequent,
    characters: u64,
    longest: u64,
    hashes: Vec<u64>,
}

impl Describer {
    pub fn new(field: &Field) -> Self {
        Self {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            rows: 0,
            missing: 0,
            min: None,
            max: None,
            moments: Moments::default(),
            sample: Sample::default(),
            distinct: DistinctSketch::default(),
            frequent: Frequent::default(),
            characters: 0,
            longest: 0,
            hashes: Vec::new(),
        }
    }

    pub fn take(&mut self, array: &ArrayRef) -> Result<(), Fault> {
        self.rows += array.len() as u64;
        self.missing += array.logical_null_count() as u64;
        self.count_values(array)?;
        match array.data_type() {
            DataType::Boolean => self.range_of(
                compute::min_boolean(array.as_boolean()).map(|value| ScalarValue::Boolean(Some(value))),
                compute::max_boolean(array.as_boolean()).map(|value| ScalarValue::Boolean(Some(value))),
            ),
            DataType::Float64 => self.floats(array.as_primitive::<Float64Type>(), true),
            DataType::Int64 => self.integers::<Int64Type>(array)?,
            DataType::UInt64 => self.integers::<UInt64Type>(array)?,
            DataType::Decimal128(..) | DataType::Decimal256(..) => {
                self.floats(compute::cast(array, &DataType::Float64)?.as_primitive::<Float64Type>(), true);
            }
            DataType::Date32 => self.range::<Date32Type>(array),
            DataType::Timestamp(TimeUnit::Millisecond, _) => self.range::<TimestampMillisecondType>(array),
            DataType::Timestamp(TimeUnit::Microsecond, _) => self.range::<TimestampMicrosecondType>(array),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => self.range::<TimestampNanosecondType>(array),
            DataType::Utf8View => self.texts(array.as_string_view()),
            _ => {}
        }
        Ok(())
    }

    fn count_values(&mut self, array: &ArrayRef) -> Result<(), Fault> {
        self.hashes.clear();
        self.hashes.resize(array.len(), 0);
        let state = hash_utils::QualityRandomState::with_seed(HASH_SEED);
        hash_utils::create_hashes([array.as_ref()], &state, &mut self.hashes)?;
        for (row, hash) in self.hashes.iter().enumerate() {
            if array.is_valid(row) {
                self.distinct.add(*hash);
                self.frequent.add(*hash, 1, || text(array, row));
            }
        }
        Ok(())
    }

    fn integers<T: ArrowPrimitiveType>(&mut self, array: &ArrayRef) -> Result<(), Fault> {
        self.range::<T>(array);
        self.floats(compute::cast(array, &DataType::Float64)?.as_primitive::<Float64Type>(), false);
        Ok(())
    }

    fn range<T: ArrowPrimitiveType>(&mut self, array: &ArrayRef) {
        let values = array.as_primitive::<T>();
        let scalar = |value| ScalarValue::new_primitive::<T>(Some(value), array.data_type()).ok();
        self.range_of(compute::min(values).and_then(scalar), compute::max(values).and_then(scalar));
    }

    fn floats(&mut self, values: &Float64Array, with_range: bool) {
        let mut part = Moments::default();
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.iter().flatten() {
            part.add(value);
            if !value.is_nan() {
                low = low.min(value);
                high = high.max(value);
                self.sample.add(value);
            }
        }
        if with_range && low <= high {
            self.range_of(Some(ScalarValue::Float64(Some(low))), Some(ScalarValue::Float64(Some(high))));
        }
        self.moments = self.moments.merge(part);
    }

    fn texts(&mut self, values: &StringViewArray) {
        let scalar = |value: &str| ScalarValue::Utf8View(Some(value.to_owned()));
        self.range_of(compute::min_string_view(values).map(scalar), compute::max_string_view(values).map(scalar));
        for value in values.iter().flatten() {
            let length = value.chars().count() as u64;
            self.characters += length;
            self.longest = self.longest.max(length);
        }
    }

    fn range_of(&mut self, min: Option<ScalarValue>, max: Option<ScalarValue>) {
        self.min = pick(self.min.take(), min, std::cmp::Ordering::Less);
        self.max = pick(self.max.take(), max, std::cmp::Ordering::Greater);
    }

    pub fn merge(mut self, other: Self) -> Self {
        self.rows += other.rows;
        self.missing += other.missing;
        self.range_of(other.min, other.max);
        self.moments = self.moments.merge(other.moments);
        self.sample = self.sample.merge(other.sample);
        self.distinct.merge(&other.distinct);
        self.frequent.merge(other.frequent);
        self.characters += other.characters;
        self.longest = self.longest.max(other.longest);
        self
    }

    pub fn finish(self, top: usize, bins: usize) -> ColumnProfile {
        let is_text = types::is_text(&self.data_type);
        let values = self.rows - self.missing;
        let shown =
            |scalar: Option<ScalarValue>| scalar.and_then(|value| value.to_array().ok()).map(|array| text(&array, 0));
        let exact = self.frequent.exact_distinct();
        ColumnProfile {
            column: self.name,
            kind: types::name(&self.data_type),
            rows: self.rows,
            missing: self.missing,
            not_a_number: self.moments.not_a_number,
            distinct: exact.unwrap_or_else(|| self.distinct.estimate().min(values)),
            distinct_is_exact: exact.is_some(),
            min: shown(self.min),
            max: shown(self.max),
            mean: self.moments.mean(),
            stddev: self.moments.stddev(),
            quantiles_are_exact: self.sample.is_exact(),
            histogram: self.sample.histogram(bins),
            quantiles: self.sample.quantiles(),
            top_is_exact: exact.is_some(),
            top: self.frequent.top(top),
            mean_length: (is_text && values > 0).then(|| self.characters as f64 / values as f64),
            longest: (is_text && values > 0).then_some(self.longest),
        }
    }
}

fn pick(one: Option<ScalarValue>, other: Option<ScalarValue>, wanted: std::cmp::Ordering) -> Option<ScalarValue> {
    match (one, other) {
        (Some(one), Some(other)) if other.partial_cmp(&one) == Some(wanted) => Some(other),
        (one, other) => one.or(other),
    }
}

/// A value as people read it, cut to a length that fits a table cell.
fn text(array: &ArrayRef, row: usize) -> String {
    const MAX_CHARS: usize = 200;
    let mut shown = array_value_to_string(array, row).unwrap_or_default();
    if let Some((end, _)) = shown.char_indices().nth(MAX_CHARS) {
        shown.truncate(end);
    }
    shown
}
