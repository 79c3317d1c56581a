//! Readers and operations on shape against what DuckDB and pandas computed (tests/expected).

use serde_json::{Value, json};
use trinity_atoms::{Format, InputTable, Outcome, OutputTable};

use crate::support::{Bench, DATASET, as_input, types};

const WEATHER: &str = include_str!("../../../../examples/seattle-weather/seattle-weather.csv");
const EMPLOYMENT: &str = include_str!("../data/us-employment.csv");

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../expected/files/", $name)).to_vec()
    };
}

fn expected(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../expected/shape.json")).unwrap();
    all[name].clone()
}

/// Compares rows value by value: numbers to twelve digits, all else as text.
fn assert_rows(bench: &Bench, output: &OutputTable, wanted: &Value) {
    let rows = bench.rows(output);
    let wanted = wanted.as_array().unwrap();
    assert_eq!(rows.len(), wanted.len(), "rows");
    for (at, (row, wanted)) in rows.iter().zip(wanted).enumerate() {
        for (cell, wanted) in row.iter().zip(wanted.as_array().unwrap()) {
            let same = match wanted {
                Value::Null => cell == "∅",
                Value::Number(number) => {
                    let (found, number) = (cell.parse::<f64>().unwrap_or(f64::NAN), number.as_f64().unwrap());
                    (found - number).abs() <= 1e-12 * number.abs().max(1.0)
                }
                other => other.as_str() == Some(cell),
            };
            assert!(same, "row {at}: {cell}, not {wanted}: {row:?}");
        }
    }
}

async fn apply(bench: &Bench, atom: &str, config: Value, input: &InputTable) -> Outcome {
    bench.apply(atom, config, std::slice::from_ref(input)).await.unwrap_or_else(|fault| panic!("{atom}: {fault}"))
}

const TYPES: [&str; 8] = [
    "date: date",
    "precipitation: float64",
    "temp_max: float64",
    "temp_min: float64",
    "wind: float64",
    "weather: string",
    "measured_at: timestamp",
    "day: int64",
];

#[tokio::test]
async fn workbooks_of_all_kinds_say_the_same() {
    let bench = Bench::new();
    let wanted = &expected("files")["table"]["rows"];
    for (name, bytes, config) in [
        ("xlsx", file!("weather.xlsx"), json!({"sheet": "Weather"})),
        ("xlsx by row", file!("weather.xlsx"), json!({"sheet": 2, "header_row": 3})),
        ("xls", file!("weather.xls"), json!({})),
        ("ods", file!("weather.ods"), json!({})),
    ] {
        let outcome = bench.read(Format::Excel, bytes, config).await.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(types(&outcome.outputs[0]), TYPES, "{name}");
        assert_rows(&bench, &outcome.outputs[0], wanted);
        assert_eq!((outcome.rows_in, outcome.rows_out), (60, 60), "{name}");
    }
}

#[tokio::test]
async fn arrow_files_and_streams_say_the_same() {
    let bench = Bench::new();
    let wanted = &expected("files")["table"]["rows"];
    for (name, bytes) in [("file", file!("weather.feather")), ("stream", file!("weather.arrows"))] {
        let outcome =
            bench.read(Format::Arrow, bytes, json!({})).await.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(types(&outcome.outputs[0]), TYPES, "{name}");
        assert_rows(&bench, &outcome.outputs[0], wanted);
    }
}

#[tokio::test]
async fn nested_json_is_flattened() {
    let bench = Bench::new();
    let wanted = &expected("files")["nested"];
    for (format, bytes) in [(Format::Json, file!("weather.json")), (Format::Ndjson, file!("weather.ndjson"))] {
        let outcome = bench.read(format, bytes, json!({})).await.unwrap();
        let kinds = [
            "day: int64",
            "date: date",
            "temperature.max: float64",
            "temperature.min: float64",
            "wind: float64",
            "tags: string",
        ];
        assert_eq!(types(&outcome.outputs[0]), kinds);
        let order: Vec<&str> =
            wanted["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let ordered = apply(&bench, "select", json!({"columns": order}), &as_input(&outcome.outputs[0])).await;
        assert_rows(&bench, &ordered.outputs[0], &wanted["rows"]);
    }
}

async fn weather(bench: &Bench) -> InputTable {
    bench.table(WEATHER).await
}

#[tokio::test]
async fn windows_agree_with_duckdb() {
    let bench = Bench::new();
    let config = json!({
        "partition_by": ["weather"],
        "order_by": [{"column": "temp_max", "descending": true}, "date"],
        "columns": [
            {"function": "rank", "as": "place"},
            {"function": "dense_rank", "as": "dense"},
            {"function": "percent_rank", "as": "share"},
            {"function": "sum", "column": "precipitation", "as": "rain_so_far"},
            {"function": "mean", "column": "temp_max", "as": "mean_of_7", "rows_before": 6},
            {"function": "max", "column": "wind", "as": "gust", "rows_before": 2, "rows_after": 2},
            {"function": "lag", "column": "temp_max", "as": "before", "offset": 2},
            {"function": "lead", "column": "date", "as": "after"},
            {"function": "first", "column": "date", "as": "first_day"},
            {"function": "count", "as": "days"},
        ],
    });
    let outcome = apply(&bench, "window", config, &weather(&bench).await).await;
    let columns = [
        "date",
        "weather",
        "temp_max",
        "place",
        "dense",
        "share",
        "rain_so_far",
        "mean_of_7",
        "gust",
        "before",
        "after",
        "first_day",
        "days",
    ];
    let ordered = apply(&bench, "select", json!({"columns": columns}), &as_input(&outcome.outputs[0])).await;
    let all = bench.rows(&ordered.outputs[0]);
    let wanted = expected("window");
    for (row, wanted) in all.iter().step_by(7).zip(wanted.as_array().unwrap()) {
        for (cell, wanted) in row.iter().zip(wanted.as_array().unwrap()) {
            let same = match wanted {
                Value::Null => cell == "∅",
                // A running sum adds up in another order, and so ends in other digits.
                Value::Number(number) => (cell.parse::<f64>().unwrap() - number.as_f64().unwrap()).abs() < 1e-9,
                other => other.as_str() == Some(cell),
            };
            assert!(same, "{cell}, not {wanted}: {row:?}");
        }
    }
    assert_eq!(all.len().div_ceil(7), wanted.as_array().unwrap().len());
}

#[tokio::test]
async fn pivots_agree_with_duckdb() {
    let bench = Bench::new();
    let parts = json!({"columns": [
        {"expression": "CAST(date_part('month', date) AS BIGINT)", "as": "month"},
        {"expression": "CAST(date_part('year', date) AS BIGINT)", "as": "year"}, "weather", "precipitation",
    ]});
    let input = as_input(&apply(&bench, "select", parts, &weather(&bench).await).await.outputs[0]);
    let config = json!({"index": ["month"], "column": "weather", "value": "precipitation"});
    let outcome = apply(&bench, "pivot", config, &input).await;
    let wanted = expected("pivot");
    let columns: Vec<&String> = outcome.outputs[0].columns.iter().map(|column| &column.name).collect();
    assert_eq!(json!(columns), wanted["columns"]);
    assert_rows(&bench, &outcome.outputs[0], &wanted["rows"]);
    let config = json!({"index": ["year"], "column": "weather", "function": "count", "values": ["snow", "fog"]});
    let outcome = apply(&bench, "pivot", config, &input).await;
    assert_rows(&bench, &outcome.outputs[0], &expected("pivot_count")["rows"]);
    let sources = &outcome.outputs[0].lineage[1];
    assert_eq!((sources.column.as_str(), sources.sources[0].column.as_str()), ("snow", "weather"));
}

#[tokio::test]
async fn unpivoting_agrees_with_duckdb() {
    let bench = Bench::new();
    let input = bench.table(EMPLOYMENT).await;
    let config = json!({
        "keep": ["month"], "columns": ["construction", "manufacturing", "government", "wholesale_trade"],
        "name": "sector", "value": "jobs",
    });
    let outcome = apply(&bench, "unpivot", config, &input).await;
    // Whole and other numbers meet in one column.
    assert_eq!(types(&outcome.outputs[0]), ["month: date", "sector: string", "jobs: float64"]);
    assert_rows(&bench, &outcome.outputs[0], &expected("unpivot"));
    let sources: Vec<&str> =
        outcome.outputs[0].lineage[2].sources.iter().map(|source| source.column.as_str()).collect();
    assert_eq!(sources, ["construction", "government", "manufacturing", "wholesale_trade"]);
}

#[tokio::test]
async fn derived_columns_agree_with_duckdb() {
    let bench = Bench::new();
    let config = json!({"columns": [
        {"as": "range", "expression": "temp_max - temp_min"},
        {"as": "twice", "expression": "range * 2"},
        {"as": "weather", "expression": "upper(weather)"},
    ]});
    let derived = as_input(&apply(&bench, "derive", config, &weather(&bench).await).await.outputs[0]);
    let columns = json!({"columns": ["date", "range", "twice", "weather"]});
    let selected = as_input(&apply(&bench, "select", columns, &derived).await.outputs[0]);
    let first = apply(&bench, "limit", json!({"rows": 50}), &selected).await;
    assert_rows(&bench, &first.outputs[0], &expected("derive"));
}

#[tokio::test]
async fn the_first_of_equal_rows_stay_in_their_order() {
    let bench = Bench::new();
    let config = json!({"columns": ["date", "weather", {"expression": "date_part('year', date)", "as": "year"}]});
    let input = as_input(&apply(&bench, "select", config, &weather(&bench).await).await.outputs[0]);
    let outcome = apply(&bench, "distinct", json!({"columns": ["weather", "year"]}), &input).await;
    let shown = apply(&bench, "select", json!({"columns": ["date", "weather"]}), &as_input(&outcome.outputs[0])).await;
    assert_rows(&bench, &shown.outputs[0], &expected("distinct"));
    let kinds = apply(&bench, "select", json!({"columns": ["weather"]}), &input).await;
    let distinct = apply(&bench, "distinct", json!({}), &as_input(&kinds.outputs[0])).await;
    assert_eq!(distinct.rows_out, 5);
}

#[tokio::test]
async fn a_full_join_agrees_with_duckdb() {
    let bench = Bench::new();
    let months = json!({"columns": [{"expression": "CAST(date_trunc('month', date) AS DATE)", "as": "month"}, "date", "precipitation"]});
    let rain = as_input(&apply(&bench, "select", months, &weather(&bench).await).await.outputs[0]);
    let rain = as_input(&apply(&bench, "filter", json!({"where": "month >= '2014-11-01'"}), &rain).await.outputs[0]);
    let figures = json!({"group_by": ["month"], "aggregations": [
        {"function": "count", "as": "days"}, {"function": "sum", "column": "precipitation", "as": "rain"}]});
    let rain = as_input(&apply(&bench, "aggregate", figures, &rain).await.outputs[0]);
    let jobs = bench.table(EMPLOYMENT).await;
    let jobs =
        as_input(&apply(&bench, "select", json!({"columns": ["month", "construction"]}), &jobs).await.outputs[0]);
    let window = json!({"where": "month BETWEEN '2014-06-01' AND '2015-03-01'"});
    let jobs = as_input(&apply(&bench, "filter", window, &jobs).await.outputs[0]);
    let joined = bench.apply("join", json!({"type": "full", "on": ["month"]}), &[rain, jobs]).await.unwrap();
    let sorted = apply(&bench, "sort", json!({"by": ["month"]}), &as_input(&joined.outputs[0])).await;
    assert_rows(&bench, &sorted.outputs[0], &expected("full_join"));
    let source = &joined.outputs[0].lineage[3].sources[0];
    assert_eq!((source.input, source.column.as_str()), (1, "construction"));
}

#[tokio::test]
async fn partitions_agree_with_duckdb() {
    let bench = Bench::new();
    let outcome = apply(&bench, "partition", json!({"by": "weather"}), &weather(&bench).await).await;
    let wanted = expected("partition");
    let parts = outcome.result["partitions"].as_array().unwrap();
    assert_eq!((parts.len(), outcome.outputs.len()), (5, 5));
    for ((part, output), wanted) in parts.iter().zip(&outcome.outputs).zip(wanted.as_array().unwrap()) {
        assert_eq!((&part["value"], &part["output"]), (&wanted[0], &json!(output.name)));
        let query = "SELECT weather, count(*), sum(precipitation), min(date), max(date) FROM input GROUP BY weather";
        let summed = apply(&bench, "sql", json!({"query": query}), &as_input(output)).await;
        assert_rows(&bench, &summed.outputs[0], &json!([wanted]));
        let dates: Vec<String> = bench.rows(output).into_iter().map(|mut row| row.remove(0)).collect();
        assert!(dates.is_sorted(), "rows keep their order");
    }
    let fault =
        bench.apply("partition", json!({"by": "date", "max": 100}), &[weather(&bench).await]).await.unwrap_err();
    assert_eq!(fault.message, "by: date has more than 100 different values, which is max");
}

#[tokio::test]
async fn lineage_names_the_column_of_the_file() {
    let bench = Bench::new();
    let mut task = bench.task("csv-reader", json!({"dataset": DATASET}));
    task.datasets = vec![bench.dataset(WEATHER).await];
    let outcome = bench.run(&task).await.unwrap();
    let lineage = &outcome.outputs[0].lineage;
    let named: Vec<String> =
        lineage.iter().map(|column| format!("{}<{}", column.column, column.sources[0].column)).collect();
    let columns = ["date", "precipitation", "temp_max", "temp_min", "wind", "weather"];
    assert_eq!(named, columns.map(|name| format!("{name}<{name}")));
    assert!(lineage.iter().all(|column| column.sources.len() == 1 && column.sources[0].input == 0));
}
