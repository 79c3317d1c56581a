//! Expected figures read and compared.

use serde_json::Value;

/// A file of expected figures.
pub fn expected(name: &str) -> Value {
    let path = format!("{}/tests/expected/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

pub fn table(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

/// A column of numbers of the example's weather.
pub fn seattle(column: &str) -> Vec<f64> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/seattle-weather/seattle-weather.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let (head, rows) = text.split_once('\n').unwrap();
    let at = head.split(',').position(|name| name == column).unwrap();
    rows.lines().map(|row| row.split(',').nth(at).unwrap().parse().unwrap()).collect()
}

/// Whether figures agree to a part of the expected one, or of `size` when that is larger.
#[track_caller]
pub fn close(what: &str, found: f64, wanted: f64, part: f64, size: f64) {
    let room = part * wanted.abs().max(size);
    assert!((found - wanted).abs() <= room, "{what}: found {found}, wanted {wanted}, allowed {room:e}");
}
