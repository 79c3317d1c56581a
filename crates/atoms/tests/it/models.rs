//! Model atoms on real data against statsmodels and scikit-learn (tests/expected/quality.json), and on odd tables.

use serde_json::{Value, json};
use trinity_atoms::{Fault, InputTable, Outcome, fault::code};

use crate::{
    quality::{close, expected, number, weather},
    support::{Bench, as_input, types},
};

/// Monthly airline passengers, Box and Jenkins 1976, series G, as `crates/models` has them.
const AIR: &str = include_str!("../../../models/tests/expected/ets.json");

async fn apply(bench: &Bench, atom: &str, config: Value, input: &InputTable) -> Result<Outcome, Fault> {
    bench.apply(atom, config, std::slice::from_ref(input)).await
}

#[tokio::test]
async fn a_line_is_that_of_statsmodels() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    let config = json!({"target": "temp_max", "features": ["temp_min", "wind", "weather"]});
    let outcome = apply(&bench, "linear-regression", config, &input).await.unwrap();
    let wanted = &expected()["linear"];
    let rows = bench.rows(&outcome.outputs[1]);
    let terms: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(
        terms,
        ["(intercept)", "temp_min", "wind", "weather = fog", "weather = rain", "weather = snow", "weather = sun"]
    );
    for row in &rows {
        for (at, part) in [(0, 1e-10), (1, 1e-10), (2, 1e-9), (3, 1e-6)] {
            close(&row[0], &number(&row[at + 1]), &wanted["terms"][&row[0]][at], part);
        }
    }
    for (name, part) in [("r_squared", 1e-12), ("f", 1e-9), ("aic", 1e-12), ("durbin_watson", 1e-10)] {
        close(name, &outcome.result[name], &wanted[name], part);
    }
    let predictions = bench.rows(&outcome.outputs[0]);
    assert_eq!((predictions.len(), outcome.rows_out), (1_461, 1_461));
    for (row, wanted) in predictions.iter().zip(wanted["first_predictions"].as_array().unwrap()) {
        close("prediction", &number(&row[6]), wanted, 1e-11);
        let left = row[2].parse::<f64>().unwrap() - row[6].parse::<f64>().unwrap();
        assert!((left - row[7].parse::<f64>().unwrap()).abs() < 1e-12);
    }
    let lineage = outcome.outputs[0].lineage.iter().find(|column| column.column == "predicted").unwrap();
    assert_eq!(lineage.sources.len(), 4, "{lineage:?}");
}

#[tokio::test]
async fn a_ridge_is_that_of_scikit_learn() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    let mut config = json!({"target": "temp_max", "features": ["temp_min", "wind"], "lambda": 10});
    let outcome = apply(&bench, "ridge-regression", config.clone(), &input).await.unwrap();
    let rows = bench.rows(&outcome.outputs[1]);
    for (row, wanted) in rows[1..].iter().zip(expected()["ridge"]["standardized"].as_array().unwrap()) {
        close(&row[0], &number(&row[2]), wanted, 1e-9);
    }
    config.as_object_mut().unwrap().remove("lambda");
    let chosen = apply(&bench, "ridge-regression", config, &input).await.unwrap();
    assert_eq!(chosen.result["lambda_chosen"], true);
    assert!(chosen.result["gcv"].as_f64() <= outcome.result["gcv"].as_f64());
}

#[tokio::test]
async fn regressions_name_what_is_wrong_with_columns() {
    let bench = Bench::new();
    let input = bench.table("y,a,twice,flat,day,w\n1,1,2,4,2024-01-01,p\n3,2,4,4,2024-01-02,q\n2,3,6,4,2024-01-03,p\n5,4,8,4,2024-01-04,q\n4,7,14,4,2024-01-05,q\n").await;
    for (features, code, message) in [
        (json!(["a", "twice"]), code::DATA_INVALID, "features: \"twice\" follows exactly from \"a\"; leave one out"),
        (
            json!(["a", "flat"]),
            code::DATA_INVALID,
            "features: \"flat\" has one value everywhere, so nothing can be learnt from it",
        ),
        (json!(["day"]), code::CONFIG_INVALID, "features: column \"day\" is date, not numbers or text"),
        (json!(["y"]), code::CONFIG_INVALID, "features: column \"y\" is the target itself"),
        (
            json!(["nothing"]),
            code::CONFIG_INVALID,
            "features: no column \"nothing\"; the table has y, a, twice, flat, day, w",
        ),
    ] {
        let config = json!({"target": "y", "features": features});
        let fault = apply(&bench, "linear-regression", config, &input).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.message.as_str(), fault.retryable), (code, message, false));
    }
    let config = json!({"target": "y", "features": ["w"], "max_levels": 2, "prediction_column": "a"});
    let fault = apply(&bench, "linear-regression", config, &input).await.unwrap_err();
    assert_eq!(fault.message, "prediction_column: the table has a column \"a\" already");
    let fault = apply(&bench, "linear-regression", json!({"target": "w"}), &input).await.unwrap_err();
    assert_eq!(fault.message, "target: column \"w\" is string, not numbers");
}

#[tokio::test]
async fn rows_with_missing_values_are_left_out_or_fail() {
    let bench = Bench::new();
    let input = bench.table("y,x\n1,1\n2,2\n,3\n4.5,4\n5,NaN\n6,6.5\n7.5,\n8,8\n").await;
    let outcome = apply(&bench, "linear-regression", json!({"target": "y"}), &input).await.unwrap();
    assert_eq!((&outcome.result["rows"], &outcome.result["rows_left_out"]), (&json!(5), &json!(3)));
    let rows = bench.rows(&outcome.outputs[0]);
    assert!(rows[2][2] != "∅" && rows[2][3] == "∅", "a row without outcome is still predicted: {:?}", rows[2]);
    assert!(rows[6][2] == "∅" && rows[6][3] == "∅", "{:?}", rows[6]);
    let strict = json!({"target": "y", "missing": "fail"});
    let fault = apply(&bench, "linear-regression", strict, &input).await.unwrap_err();
    assert_eq!(fault.message, "row 3: column \"y\" has no finite value");
    let few = bench.table("y,x\n1,1\n2,2\n").await;
    for atom in ["linear-regression", "ridge-regression"] {
        let fault = apply(&bench, atom, json!({"target": "y"}), &few).await.unwrap_err();
        assert!(fault.message.contains("too few"), "{fault}");
    }
    let nothing = bench.table("y,x\n1.5,\n2.5,\n3.5,\n").await;
    let config = json!({"target": "y", "features": ["x"]});
    let fault = apply(&bench, "linear-regression", config, &nothing).await.unwrap_err();
    assert!(!fault.retryable && fault.code != code::INTERNAL, "{fault}");
}

/// Rows are folded together as they come, so that their number does not matter.
#[tokio::test]
async fn a_line_through_more_rows_than_memory_holds() {
    let bench = Bench::with_memory(8 << 20);
    let mut file = String::from("x,y,padding\n");
    for at in 0..120_000_u32 {
        let x = f64::from(at.wrapping_mul(7_919) % 10_007);
        let noise = if at % 2 == 0 { 0.5 } else { -0.5 };
        file.push_str(&format!("{x},{},{at:0100}\n", 3.0 * x - 7.0 + noise));
    }
    let input = bench.table(&file).await;
    let config = json!({"target": "y", "features": ["x"]});
    let outcome = apply(&bench, "linear-regression", config, &input).await.unwrap();
    close("slope", &outcome.result["coefficients"]["x"], &json!(3.0), 1e-5);
    close("intercept", &outcome.result["coefficients"]["(intercept)"], &json!(-7.0), 1e-2);
    assert_eq!(outcome.rows_out, 120_000);
}

#[tokio::test]
async fn tables_without_rows_are_answered_or_refused() {
    let bench = Bench::new();
    let table = bench.table("d,x,y,w\n2024-01-01,1,2,a\n").await;
    let outcome = apply(&bench, "filter", json!({"where": "x > 1"}), &table).await.unwrap();
    let empty = as_input(&outcome.outputs[0]);
    let rules = json!([
        {"check": "unique", "column": "x"}, {"check": "range", "column": "y", "max": 1}, {"check": "row_count", "max": 0},
    ]);
    for (atom, config, rows) in [
        ("validate", json!({"rules": rules}), 3),
        ("correlation", json!({}), 1),
        ("correlation", json!({"method": "kendall"}), 1),
        ("outliers", json!({"method": "mad"}), 0),
        ("clean", json!({"outliers": {}, "fill": {"w": "forward"}, "drop_columns": {"missing_percent": 5}}), 0),
        ("data-profiler", json!({}), 4),
        ("column-classifier", json!({}), 4),
    ] {
        let outcome = apply(&bench, atom, config, &empty).await.unwrap_or_else(|fault| panic!("{atom}: {fault}"));
        assert_eq!(outcome.outputs[0].rows, rows, "{atom}");
    }
    for (atom, config) in [
        ("linear-regression", json!({"target": "y", "features": ["x", "w"]})),
        ("ridge-regression", json!({"target": "y", "features": ["x"]})),
        ("marketing-mix", json!({"outcome": "y", "channels": ["x"]})),
        ("forecast", json!({"date": "d", "value": "y", "horizon": 1})),
    ] {
        let fault = apply(&bench, atom, config, &empty).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.retryable), (code::DATA_INVALID, false), "{atom}: {fault}");
    }
}

fn mix() -> Value {
    serde_json::from_str(include_str!("../../../models/tests/expected/media.json")).unwrap()
}

/// The synthetic sales that `crates/models` is tested on, as a CSV with the weeks in any order.
fn sales() -> String {
    let all = mix();
    let names = ["sales", "tv", "radio", "search", "price"];
    let value = |name: &str, row: usize| all[name][row].to_string();
    let monday = |row: usize| chrono::NaiveDate::default() + chrono::Days::new(19_723 + 7 * row as u64);
    let line = |row: usize| {
        let values: Vec<String> = names.iter().map(|name| value(name, row)).collect();
        format!("{},{}\n", monday(row), values.join(","))
    };
    let rows = (0..156).map(|at| line(at * 55 % 156));
    format!("week,{}\n{}", names.join(","), rows.collect::<String>())
}

#[tokio::test]
async fn a_mix_adds_up_and_its_budget_is_spent() {
    let bench = Bench::new();
    let input = bench.table(&sales()).await;
    let config = json!({
        "outcome": "sales", "channels": ["tv", {"column": "radio", "decay": [0, 0.8]}, "search"], "controls": ["price"],
        "date": "week", "season": 52, "waves": 1, "trend": false,
        "budget": {"total": 200, "limits": [{"column": "search", "min": 20, "max": 60}]},
    });
    let outcome = apply(&bench, "marketing-mix", config.clone(), &input).await.unwrap();
    assert!(outcome.result["r_squared"].as_f64().unwrap() > 0.98, "{}", outcome.result);
    let rows = bench.rows(&outcome.outputs[0]);
    assert_eq!(rows.len(), 156);
    assert_eq!(types(&outcome.outputs[0])[..3], ["week: date", "sales: float64", "fitted: float64"]);
    assert!(rows.windows(2).all(|pair| pair[0][0] < pair[1][0]), "weeks in order");
    for row in &rows {
        let numbers: Vec<f64> = row[1..].iter().map(|cell| cell.parse().unwrap()).collect();
        assert!((numbers[1] - numbers[2..].iter().sum::<f64>()).abs() < 1e-9, "{row:?}");
        assert!(numbers[3..].iter().all(|brought| *brought >= 0.0));
    }
    let spent: Vec<f64> = bench.rows(&outcome.outputs[3]).iter().map(|row| row[2].parse().unwrap()).collect();
    assert!((spent.iter().sum::<f64>() - 200.0).abs() < 1e-6 && (20.0..=60.0).contains(&spent[2]), "{spent:?}");
    assert_eq!(bench.rows(&outcome.outputs[2]).len(), 93);
    for (change, message) in [
        (json!({"budget": {"total": 1e9}}), "budget: the bounds allow budgets"),
        (json!({"budget": {"limits": [{"column": "press"}]}}), "budget.limits: \"press\" is no channel"),
        (json!({"channels": ["week"]}), "columns: column \"week\" is date, not numbers"),
        (json!({"channels": [{"column": "tv", "decay": [0.9, 0.1]}]}), "channels: limits run from low to high"),
        (json!({"season": 3}), ""),
    ] {
        let mut config = config.clone();
        change.as_object().unwrap().iter().for_each(|(name, value)| config[name] = value.clone());
        match apply(&bench, "marketing-mix", config, &input).await {
            Err(fault) => assert!(fault.message.starts_with(message) && !message.is_empty(), "{fault}"),
            Ok(_) => assert!(message.is_empty(), "{change}"),
        }
    }
}

#[tokio::test]
async fn mixes_of_odd_tables_are_refused_with_the_place() {
    let bench = Bench::new();
    let rows: String =
        (0..20).map(|at| format!("{},{},{}\n", 100 + at % 7, at % 5, if at == 11 { "-1" } else { "3" })).collect();
    let input = bench.table(&format!("y,tv,radio\n{rows}")).await;
    let fault =
        apply(&bench, "marketing-mix", json!({"outcome": "y", "channels": ["radio"]}), &input).await.unwrap_err();
    assert_eq!(fault.message, "row 12: column \"radio\" is below zero, and spending cannot be");
    let flat = bench.table(&format!("y,tv\n{}", "5,1\n".repeat(20))).await;
    let fault = apply(&bench, "marketing-mix", json!({"outcome": "y", "channels": ["tv"]}), &flat).await.unwrap_err();
    assert_eq!(fault.message, "outcome: column \"y\" has one value everywhere");
    let gap = bench.table("y,tv\n1,1\n2,\n3,1\n").await;
    let fault = apply(&bench, "marketing-mix", json!({"outcome": "y", "channels": ["tv"]}), &gap).await.unwrap_err();
    assert_eq!(fault.message, "row 2: column \"tv\" has no finite value; clean it first");
    let few = bench.table("y,tv\n1,1\n2,2\n3,1\n").await;
    let fault = apply(&bench, "marketing-mix", json!({"outcome": "y", "channels": ["tv"]}), &few).await.unwrap_err();
    assert!(fault.message.starts_with("3 periods are too few"), "{fault}");
}

fn passengers() -> Vec<f64> {
    let all: Value = serde_json::from_str(AIR).unwrap();
    all["air"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn months(of: &[f64]) -> String {
    let month = |at: usize| format!("{}-{:02}-01", 1949 + at / 12, at % 12 + 1);
    of.iter().enumerate().map(|(at, value)| format!("{},{value}\n", month(at))).collect()
}

#[tokio::test]
async fn passengers_are_predicted_as_by_statsmodels() {
    let bench = Bench::new();
    let input = bench.table(&format!("month,people\n{}", months(&passengers()))).await;
    let config = json!({"date": "month", "value": "people", "horizon": 24, "method": "ets", "ets": "M,A,M"});
    let outcome = apply(&bench, "forecast", config, &input).await.unwrap();
    let rows = bench.rows(&outcome.outputs[0]);
    let all: Value = serde_json::from_str(AIR).unwrap();
    let fits = all["air_fits"].as_array().unwrap();
    let wanted = fits.iter().find(|fit| fit["form"] == "ETS(M,A,M)").unwrap();
    assert_eq!((rows[0][0].as_str(), rows[23][0].as_str(), rows.len()), ("1961-01-01", "1962-12-01", 24));
    for (row, wanted) in rows.iter().zip(wanted["forecast"].as_array().unwrap()) {
        close(&row[0], &number(&row[1]), wanted, 0.02);
        let [value, low, high] = [1, 2, 3].map(|at| row[at].parse::<f64>().unwrap());
        assert!(low < value && value < high);
    }
    let sources = |at: usize| outcome.outputs[0].lineage[at].sources.iter().map(|source| source.column.as_str());
    assert_eq!(sources(0).collect::<Vec<_>>(), ["month"]);
    assert_eq!(sources(1).collect::<Vec<_>>(), ["month", "people"]);
    let model = &outcome.result["models"][0];
    assert_eq!(model["model"], "ETS(M,A,M)");
    assert!(model["errors"]["mape"].as_f64().unwrap() < 10.0, "{model}");
    assert_eq!(bench.rows(&outcome.outputs[1]).len(), 144);
}

#[tokio::test]
async fn each_group_gets_its_own_model() {
    let bench = Bench::new();
    let both: String = passengers()[..60]
        .iter()
        .enumerate()
        .flat_map(|(at, value)| {
            let month = format!("{}-{:02}-01", 1949 + at / 12, at % 12 + 1);
            [format!("b,{month},{}\n", at + 1), format!("a,{month},{value}\n")]
        })
        .collect();
    let input = bench.table(&format!("line,month,people\n{both}")).await;
    let config = json!({"date": "month", "value": "people", "group_by": ["line"], "horizon": 3, "transform": "log"});
    let outcome = apply(&bench, "forecast", config, &input).await.unwrap();
    let rows = bench.rows(&outcome.outputs[0]);
    let keys: Vec<String> = rows.iter().map(|row| format!("{} {}", row[0], row[1])).collect();
    assert_eq!(keys, ["a 1954-01-01", "a 1954-02-01", "a 1954-03-01", "b 1954-01-01", "b 1954-02-01", "b 1954-03-01"]);
    let models = bench.rows(&outcome.outputs[2]);
    assert!(models.len() == 2 && models.iter().all(|row| row[9] != "∅"), "{models:?}");
    assert!((rows[3][2].parse::<f64>().unwrap() - 61.0).abs() < 2.0, "{:?}", rows[3]);
}

#[tokio::test]
async fn series_with_faults_are_refused_with_the_date() {
    let bench = Bench::new();
    let config = json!({"date": "d", "value": "v", "horizon": 2, "method": "naive"});
    for (file, message) in [
        (
            "d,v\n2024-01-01,1\n2024-01-02,2\n2024-01-02,3\n",
            "two rows have the date 2024-01-02; aggregate them, or name the columns of group_by",
        ),
        (
            "d,v\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-05,4\n",
            "there is no value for 2024-01-04; say what stands for gaps",
        ),
        (
            "d,v\n2024-01-01,1\n2024-01-02,\n2024-01-03,3\n",
            "there is no value for 2024-01-02; say what stands for gaps",
        ),
        ("d,v\n2024-01-01,1\n2024-01-04,2\n2024-01-07,3\n", "the dates show no steady step; say the frequency"),
        ("d,v\n2024-01-01,1\n,2\n2024-01-03,3\n", "column \"d\" has a row without a date"),
        (
            "d,v\n2024-01-01,1\n2024-01-08,2\n2024-01-15,2\n2024-01-18,2\n2024-01-22,2\n",
            "2024-01-18 lies between two steps; the one after is 2024-01-22",
        ),
    ] {
        let input = bench.table(file).await;
        let fault = apply(&bench, "forecast", config.clone(), &input).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.message.as_str()), (code::DATA_INVALID, message));
    }
    let text = bench.table("d,v\nmonday,1\n").await;
    let fault = apply(&bench, "forecast", config.clone(), &text).await.unwrap_err();
    assert_eq!(fault.message, "date: column \"d\" is string; cast it to a date first");
    let one = bench.table("d,v\n2024-01-01,1\n").await;
    let mut daily = config.clone();
    daily["frequency"] = "day".into();
    let fault = apply(&bench, "forecast", daily, &one).await.unwrap_err();
    assert_eq!(fault.message, "1 steps are too few for this model: 2 are needed");
    let zeros = bench.table("d,v\n2024-01-01,1\n2024-01-02,0\n2024-01-03,3\n").await;
    let mut logs = config.clone();
    logs["transform"] = "log".into();
    let fault = apply(&bench, "forecast", logs, &zeros).await.unwrap_err();
    assert_eq!(fault.message, "the value at 2024-01-02 is not above zero, and this model works with ratios");
    let gap = bench.table("d,v\n2024-01-01,1\n2024-01-02,2\n2024-01-05,5\n2024-01-06,6\n").await;
    let mut bridged = config;
    bridged["gaps"] = "interpolate".into();
    bridged["method"] = "drift".into();
    let outcome = apply(&bench, "forecast", bridged, &gap).await.unwrap();
    assert_eq!(bench.rows(&outcome.outputs[0])[1][..2], ["2024-01-08", "8.0"]);
    assert_eq!(bench.rows(&outcome.outputs[1]).len(), 6);
}
