//! The worked example, checked against figures that pandas computed (tests/data/expected.py).

use serde_json::{Value, json};
use trinity_atoms::{InputTable, Outcome};

use crate::support::{Bench, as_input, types};

const CSV: &str = include_str!("../../../../examples/seattle-weather/seattle-weather.csv");

fn expected() -> Value {
    serde_json::from_str(include_str!("../data/seattle-weather.json")).unwrap()
}

async fn weather(bench: &Bench) -> InputTable {
    let outcome = bench.read_csv(CSV, json!({})).await.unwrap();
    let output = &outcome.outputs[0];
    assert_eq!(
        types(output),
        [
            "date: date",
            "precipitation: float64",
            "temp_max: float64",
            "temp_min: float64",
            "wind: float64",
            "weather: string"
        ]
    );
    assert_eq!((outcome.rows_in, outcome.rows_out, output.rows), (1_461, 1_461, 1_461));
    as_input(output)
}

fn close(found: f64, wanted: &Value) -> bool {
    let wanted = wanted.as_f64().unwrap();
    (found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0)
}

fn looked(outcome: &Outcome) -> &Value {
    assert_eq!((outcome.rows_in, outcome.rows_out), (1_461, 1_461), "a passthrough atom hands its input on");
    &outcome.result
}

#[tokio::test]
async fn the_profile_agrees_with_pandas() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    let outcome = bench.apply("data-profiler", json!({"top": 5}), &[input]).await.unwrap();
    let columns = looked(&outcome)["columns"].as_array().unwrap();
    let expected = expected();
    for (name, wanted) in expected["profile"].as_object().unwrap() {
        let found = columns.iter().find(|column| column["column"] == *name).unwrap();
        assert!(close(found["mean"].as_f64().unwrap(), &wanted["mean"]), "{name} {found}");
        assert!(close(found["stddev"].as_f64().unwrap(), &wanted["stddev"]), "{name} {found}");
        assert!(close(found["min"].as_str().unwrap().parse().unwrap(), &wanted["min"]), "{name} {found}");
        assert!(close(found["max"].as_str().unwrap().parse().unwrap(), &wanted["max"]), "{name} {found}");
        assert_eq!((&found["distinct"], &found["distinct_is_exact"]), (&wanted["distinct"], &json!(true)), "{name}");
        for (at, part) in ["p05", "p25", "p50", "p75", "p95"].iter().enumerate() {
            assert!(
                close(found["quantiles"][part].as_f64().unwrap(), &wanted["quantiles"][at]),
                "{name} {part} {found}"
            );
        }
    }
    let top: Vec<Value> =
        columns[5]["top"].as_array().unwrap().iter().map(|entry| json!([entry["value"], entry["count"]])).collect();
    assert_eq!(Value::from(top), expected["weather_top"]);
    assert_eq!(json!([columns[0]["min"], columns[0]["max"]]), expected["date_range"]);
    assert_eq!(outcome.outputs[0].rows, 6);
    assert_eq!(bench.rows(&outcome.outputs[0])[4][0], "wind");
}

#[tokio::test]
async fn groups_agree_with_pandas() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    let figures: Vec<Value> = [
        ("wind", "mean"),
        ("precipitation", "sum"),
        ("temp_max", "median"),
        ("temp_max", "stddev"),
        ("temp_min", "min"),
        ("wind", "count_distinct"),
    ]
    .iter()
    .map(|(column, function)| json!({"column": column, "function": function}))
    .chain([json!({"function": "count", "as": "days"})])
    .collect();
    let config = json!({
        "group_by": ["weather", {"expression": "date_part('month', date)", "as": "month"}],
        "aggregations": figures,
    });
    let outcome = bench.apply("aggregate", config, &[input]).await.unwrap();
    let output = &outcome.outputs[0];
    let expected = expected();
    let wanted = expected["by_weather_and_month"].as_array().unwrap();
    let rows = bench.rows(output);
    assert_eq!(rows.len(), wanted.len());
    assert_eq!(output.columns[1].kind, "int64");
    for (row, wanted) in rows.iter().zip(wanted) {
        for (cell, column) in row.iter().zip(&output.columns) {
            let wanted = &wanted[&column.name];
            match wanted {
                Value::Null => assert_eq!(cell, "∅", "{row:?}"),
                Value::String(text) => assert_eq!(cell, text),
                number => assert!(close(cell.parse().unwrap(), number), "{} in {row:?}, not {number}", column.name),
            }
        }
    }
}

#[tokio::test]
async fn a_filter_and_sql_agree_with_pandas() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    let condition = "temp_max > 20 AND weather = 'rain'";
    let outcome = bench.apply("filter", json!({"where": condition}), std::slice::from_ref(&input)).await.unwrap();
    let expected = expected();
    assert_eq!(outcome.rows_out, expected["warm_rain_rows"].as_u64().unwrap());
    let query = format!("SELECT sum(precipitation) AS total FROM input WHERE {condition}");
    let outcome = bench.apply("sql", json!({"query": query}), std::slice::from_ref(&input)).await.unwrap();
    let total: f64 = bench.lines(&outcome.outputs[0])[0].parse().unwrap();
    assert!(close(total, &expected["warm_rain_precipitation"]), "{total}");
    let by = json!({"by": [{"column": "temp_max", "descending": true}, "date"]});
    let sorted = bench.apply("sort", by, &[input]).await.unwrap();
    let first = bench.apply("limit", json!({"rows": 5}), &[as_input(&sorted.outputs[0])]).await.unwrap();
    let dates: Vec<String> = bench.rows(&first.outputs[0]).into_iter().map(|mut row| row.remove(0)).collect();
    assert_eq!(json!(dates), expected["hottest"]);
}

#[tokio::test]
async fn columns_are_classified() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    let outcome = bench.apply("column-classifier", json!({}), &[input]).await.unwrap();
    let classes: Vec<&Value> =
        looked(&outcome)["columns"].as_array().unwrap().iter().map(|column| &column["class"]).collect();
    assert_eq!(json!(classes), json!(["date", "continuous", "continuous", "continuous", "continuous", "categorical"]));
    assert_eq!(outcome.outputs[0].name, "classification");
}

#[tokio::test]
async fn nothing_is_missing_and_cleaning_changes_nothing() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    let outcome = bench.apply("missing-value-analyzer", json!({}), std::slice::from_ref(&input)).await.unwrap();
    assert_eq!(looked(&outcome), &json!({"rows": 1_461, "incomplete_rows": 0, "missing": {}}));
    let config = json!({"fill": {"wind": "mean"}, "drop_rows_with_missing": ["date"], "dedupe": ["date"]});
    let cleaned = bench.apply("clean", config, std::slice::from_ref(&input)).await.unwrap();
    let columns = ["date", "precipitation", "temp_max", "temp_min", "wind", "weather"];
    let before = bench.apply("select", json!({"columns": columns}), &[input]).await.unwrap();
    assert_eq!(bench.lines(&cleaned.outputs[0]), bench.lines(&before.outputs[0]));
}

#[tokio::test]
async fn outputs_have_their_schema_and_story_beside_them() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    let config = json!({"columns": ["date", {"expression": "temp_max - temp_min", "as": "range"}]});
    let outcome = bench.apply("select", config, std::slice::from_ref(&input)).await.unwrap();
    let output = &outcome.outputs[0];
    let beside = |name: &str| output.storage_key.replace("data.parquet", name);
    let schema: Value = serde_json::from_slice(&bench.storage.read(&beside("schema.json")).await.unwrap()).unwrap();
    assert_eq!(schema["columns"][1], json!({"name": "range", "type": "float64", "nullable": true}));
    assert_eq!(schema["rows"], 1_461);
    let story: Value = serde_json::from_slice(&bench.storage.read(&beside("metadata.json")).await.unwrap()).unwrap();
    assert_eq!(story["column_sources"]["range"], json!(["input.temp_max", "input.temp_min"]));
    assert_eq!(story["inputs"][0]["content_hash"], json!(input.content_hash));
    assert_eq!(story["content_hash"], json!(output.content_hash));
    assert_eq!(bench.storage.head(&output.storage_key).await.unwrap().size_bytes, output.size_bytes);
}
