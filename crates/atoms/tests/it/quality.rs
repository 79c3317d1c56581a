//! Quality atoms on the Seattle weather against pandas and scipy (tests/expected/quality.json), and on odd tables.

use serde_json::{Value, json};
use trinity_atoms::{Fault, InputTable, Outcome, fault::code};

use crate::support::{Bench, as_input, types};

const WEATHER: &str = include_str!("../../../../examples/seattle-weather/seattle-weather.csv");

pub fn expected() -> Value {
    serde_json::from_str(include_str!("../expected/quality.json")).unwrap()
}

pub async fn weather(bench: &Bench) -> InputTable {
    bench.table(WEATHER).await
}

async fn apply(bench: &Bench, atom: &str, config: Value, input: &InputTable) -> Result<Outcome, Fault> {
    bench.apply(atom, config, std::slice::from_ref(input)).await
}

#[track_caller]
pub fn close(what: &str, found: &Value, wanted: &Value, part: f64) {
    let (one, other) = (found.as_f64().unwrap_or(f64::NAN), wanted.as_f64().unwrap());
    assert!((one - other).abs() <= part * other.abs().max(1e-9), "{what}: found {found}, wanted {wanted}");
}

/// A cell of a table as a number.
pub fn number(cell: &str) -> Value {
    cell.parse::<f64>().map_or(Value::Null, |value| json!(value))
}

#[tokio::test]
async fn rules_are_counted_and_failing_rows_shown() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    let wanted = &expected()["rules"];
    let config = json!({"on_failure": "continue", "sample_rows": 2, "rules": [
        {"check": "not_null", "column": "date"},
        {"check": "unique", "columns": ["date"]},
        {"check": "unique", "columns": ["temp_max"], "severity": "warning"},
        {"check": "range", "column": "wind", "min": 0, "max": 8},
        {"check": "range", "column": "date", "min": "2012-01-01", "max": "2015-12-31"},
        {"check": "in_set", "column": "weather", "values": ["sun", "rain"], "name": "fair or foul"},
        {"check": "matches", "column": "weather", "pattern": "^[a-z]+$"},
        {"check": "expression", "expression": "NOT (weather = 'rain' AND precipitation = 0)", "max_failed_percent": 5},
        {"check": "row_count", "min": 1461, "max": 1461},
    ]});
    let outcome = apply(&bench, "validate", config.clone(), &input).await.unwrap();
    let rows = bench.rows(&outcome.outputs[0]);
    let failed: Vec<&str> = rows.iter().map(|row| row[5].as_str()).collect();
    let count = |name: &str| wanted[name].to_string();
    let (wind, temperatures) = (count("wind_above_8"), count("repeated_temp_max"));
    let (kinds, dry) = (count("not_sun_or_rain"), count("rain_without_water"));
    assert_eq!(failed, ["0", "0", &temperatures, &wind, "0", &kinds, "0", &dry, "0"]);
    let passed: Vec<&str> = rows.iter().map(|row| row[6].as_str()).collect();
    assert_eq!(passed, ["true", "true", "false", "false", "true", "false", "true", "true", "true"]);
    assert!(rows.iter().all(|row| row[4] == "1461"), "{rows:?}");
    assert_eq!(outcome.result["errors"], json!(["range wind", "fair or foul"]));
    assert_eq!(outcome.result["warnings"], json!(["unique temp_max"]));
    assert_eq!((outcome.rows_in, outcome.rows_out), (1_461, 1_461));

    let failing = bench.rows(&outcome.outputs[1]);
    assert_eq!(failing.len(), 8, "two rows of each of four rules");
    let first = failing.iter().find(|row| row[0] == "range wind").unwrap();
    assert_eq!(first[1], count("first_wind_above_8"));
    assert_eq!(types(&outcome.outputs[1])[..4], ["rule: string", "row: int64", "date: date", "precipitation: float64"]);

    let mut strict = config;
    strict["on_failure"] = "fail".into();
    let fault = apply(&bench, "validate", strict, &input).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::VALIDATION_FAILED, false));
    assert_eq!(fault.message, "2 of 9 rules failed: range wind: 7 of 1461 rows; fair or foul: 488 of 1461 rows");
}

#[tokio::test]
async fn keys_are_looked_up_and_missing_values_pass() {
    let bench = Bench::new();
    let orders = bench.table("id,customer,rule\n1,a,x\n2,c,x\n3,,x\n4,a,y\n4,d,y\n").await;
    let customers = bench.table("name\na\nb\n\"\"\nc\n").await;
    let rules = json!([
        {"check": "foreign_key", "column": "customer", "references": ["name"]},
        {"check": "unique", "column": "id"},
        {"check": "in_set", "column": "customer", "values": ["a", "c", "d"]},
        {"check": "not_null", "column": "customer"},
    ]);
    let config = json!({"rules": rules, "on_failure": "continue"});
    let outcome = bench.apply("validate", config.clone(), &[orders.clone(), customers]).await.unwrap();
    let failed: Vec<String> = bench.rows(&outcome.outputs[0]).into_iter().map(|row| row[5].clone()).collect();
    assert_eq!(failed, ["1", "2", "0", "1"]);
    assert_eq!(
        bench.lines(&outcome.outputs[1]),
        ["foreign_key customer|5|4|d|y", "unique id|4|4|a|y", "unique id|5|4|d|y", "not_null customer|3|3|∅|x",]
    );
    assert_eq!(types(&outcome.outputs[1])[0], "rule_: string");
    assert_eq!(outcome.rows_out, 5);
    let fault = bench.apply("validate", config, &[orders]).await.unwrap_err();
    assert_eq!(fault.message, "rules/0: foreign_key needs a second input");
}

#[tokio::test]
async fn what_is_not_a_number_is_in_no_range() {
    let bench = Bench::new();
    let table = bench.table("n,x\n1,1.5\n2,\n3,-1\n").await;
    let query = "SELECT ln(x) AS x FROM input UNION ALL SELECT -ln(x) FROM input";
    let outcome = apply(&bench, "sql", json!({"query": query}), &table).await.unwrap();
    let input = as_input(&outcome.outputs[0]);
    for rule in [json!({"min": -9}), json!({"max": 9}), json!({"min": -9, "max": 9})] {
        let mut rule = rule;
        (rule["check"], rule["column"]) = ("range".into(), "x".into());
        let config = json!({"rules": [rule], "on_failure": "continue"});
        let outcome = apply(&bench, "validate", config, &input).await.unwrap();
        assert_eq!(bench.rows(&outcome.outputs[0])[0][4..6], ["6", "2"]);
    }
}

#[tokio::test]
async fn rules_that_make_no_sense_are_named() {
    let bench = Bench::new();
    let input = bench.table("a,b\n1,x\n2,y\n").await;
    for (rule, message) in [
        (json!({"check": "not_null"}), "rules/0: not_null needs a column"),
        (json!({"check": "not_null", "column": "c"}), "rules/0: no column \"c\"; the table has a, b"),
        (json!({"check": "range", "column": "a"}), "rules/0: range needs min or max"),
        (
            json!({"check": "range", "column": "a", "min": "much"}),
            "rules/0: 'much' cannot be compared with int64 values",
        ),
        (json!({"check": "matches", "column": "b"}), "rules/0: matches needs a pattern"),
        (
            json!({"check": "matches", "column": "b", "pattern": "("}),
            "rules/0: '(' is no regular expression: unclosed group",
        ),
        (json!({"check": "unique"}), "rules/0: unique needs a column or columns"),
    ] {
        let fault = apply(&bench, "validate", json!({"rules": [rule]}), &input).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.message.as_str()), (code::CONFIG_INVALID, message));
    }
    let rule = json!({"check": "expression", "expression": "c > 1"});
    let fault = apply(&bench, "validate", json!({"rules": [rule]}), &input).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::QUERY_INVALID, false), "{fault}");
}

#[tokio::test]
async fn correlations_are_those_of_scipy() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    for (method, pairs) in expected()["correlation"].as_object().unwrap() {
        let outcome = apply(&bench, "correlation", json!({"method": method}), &input).await.unwrap();
        let rows = bench.rows(&outcome.outputs[0]);
        assert_eq!((rows.len(), outcome.rows_out), (6, 1_461));
        for row in rows {
            let wanted = &pairs[&format!("{} {}", row[0], row[1])];
            close(method, &number(&row[3]), &wanted[0], 1e-11);
            close(method, &number(&row[4]), &wanted[1], 1e-7);
            close(method, &outcome.result["matrix"][&row[1]][&row[0]], &wanted[0], 1e-11);
        }
    }
}

#[tokio::test]
async fn correlations_of_odd_columns_are_missing() {
    let bench = Bench::new();
    let table = bench.table("a,flat,few,odd,word\n1,5,,0,x\n2,5,1,1,y\n3,5,,2.5,z\n4,5,2,1.5,w\n").await;
    // A logarithm that is minus infinity, and one that is no number.
    let query = "SELECT a, flat, few, CASE WHEN odd < 1 THEN ln(-1.0) WHEN odd = 1 THEN ln(0.0) ELSE odd END AS odd, word FROM input";
    let outcome = apply(&bench, "sql", json!({"query": query}), &table).await.unwrap();
    let input = as_input(&outcome.outputs[0]);
    let config = json!({"columns": ["a", "flat", "few", "odd"]});
    let outcome = apply(&bench, "correlation", config, &input).await.unwrap();
    let rows = bench.lines(&outcome.outputs[0]);
    assert_eq!(rows[0], "a|flat|4|∅|∅");
    assert_eq!(rows[1], "a|few|2|∅|∅", "two pairs are fewer than three");
    assert_eq!(rows[2], "a|odd|2|∅|∅");
    let fault = apply(&bench, "correlation", json!({"columns": ["word"]}), &input).await.unwrap_err();
    assert_eq!(fault.message, "columns: column \"word\" is string, not numbers");
    let words = bench.table("w\nx\n").await;
    let fault = apply(&bench, "correlation", json!({}), &words).await.unwrap_err();
    assert_eq!(fault.message, "the table has no numeric column");
}

#[tokio::test]
async fn outliers_are_those_of_pandas() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    for (method, columns) in expected()["outliers"].as_object().unwrap() {
        let outcome = apply(&bench, "outliers", json!({"method": method}), &input).await.unwrap();
        for row in bench.rows(&outcome.outputs[1]) {
            match columns[&row[0]].as_array() {
                Some(wanted) => {
                    close(method, &number(&row[4]), &wanted[0], 1e-12);
                    close(method, &number(&row[5]), &wanted[1], 1e-12);
                    assert_eq!(row[2], wanted[2].to_string(), "{method} {row:?}");
                }
                None => assert_eq!((row[2].as_str(), row[4].as_str()), ("0", "∅"), "{method} {row:?}"),
            }
        }
        assert_eq!(types(&outcome.outputs[0]).last().unwrap(), "is_outlier: boolean");
        assert_eq!(outcome.rows_out, 1_461);
    }
    let outcome = apply(&bench, "outliers", json!({"action": "remove"}), &input).await.unwrap();
    let removed = expected()["outlier_rows_iqr"].as_u64().unwrap();
    assert_eq!((outcome.rows_out, &outcome.result["rows_removed"]), (1_461 - removed, &json!(removed)));
}

#[tokio::test]
async fn what_is_no_number_is_no_outlier() {
    let bench = Bench::new();
    let table = bench.table("n,x\n1,1\n2,2\n3,3\n4,2\n5,1\n6,-7\n7,\n8,900\n9,0\n").await;
    let query = "SELECT CASE WHEN x = -7 THEN ln(-1.0) WHEN x = 0 THEN ln(0.0) ELSE x END AS x FROM input ORDER BY n";
    let outcome = apply(&bench, "sql", json!({"query": query}), &table).await.unwrap();
    let input = as_input(&outcome.outputs[0]);
    let outcome = apply(&bench, "outliers", json!({"columns": ["x"], "method": "iqr"}), &input).await.unwrap();
    let flags: Vec<String> = bench.rows(&outcome.outputs[0]).into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(flags, ["false", "false", "false", "false", "false", "false", "false", "true", "true"]);
    let empty = bench.table("x\n").await;
    let fault = apply(&bench, "outliers", json!({"columns": ["x"]}), &empty).await.unwrap_err();
    assert_eq!(fault.message, "columns: column \"x\" is string, not numbers");
    let taken = bench.table("x,is_outlier\n1,2\n").await;
    let fault = apply(&bench, "outliers", json!({}), &taken).await.unwrap_err();
    assert_eq!(fault.message, "flag_column: the table has a column \"is_outlier\" already");
}

#[tokio::test]
async fn clean_clips_fills_forward_and_drops_columns() {
    let bench = Bench::new();
    let input =
        bench.table("n,x,word,same,hollow\n1,1,a,7,\n2,2,,7,\n3,,b,7,1\n4,3,,7,\n5,100,,7,\n6,2,c,7,\n7,1,,7,\n").await;
    let config = json!({
        "drop_columns": {"missing_percent": 60, "constant": true},
        "outliers": {"columns": ["x"]},
        "fill": {"word": "forward", "x": "median"},
    });
    let outcome = apply(&bench, "clean", config, &input).await.unwrap();
    // Quartiles 1.25 and 2.75: the limit is 5. The median of 1, 2, 3, 5, 2, 1 is 2.
    assert_eq!(bench.lines(&outcome.outputs[0]), ["1|1|a", "2|2|a", "3|2|b", "4|3|b", "5|5|b", "6|2|c", "7|1|c"]);
    assert_eq!(outcome.result["columns_dropped"], json!(["same", "hollow"]));
    assert_eq!(outcome.result["outlier_limits"]["x"], json!([-1.0, 5.0]));
    assert_eq!(types(&outcome.outputs[0]), ["n: int64", "x: int64", "word: string"]);
    for (treatment, rows, x) in [("remove", 6, "3"), ("missing", 7, "∅")] {
        let config = json!({"outliers": {"columns": ["x"], "treatment": treatment}});
        let outcome = apply(&bench, "clean", config, &input).await.unwrap();
        let found = bench.rows(&outcome.outputs[0]);
        assert_eq!((found.len(), found[rows - 3][1].as_str()), (rows, x), "{treatment}");
    }
    let config = json!({"outliers": {"columns": ["precipitation"]}});
    let weather = weather(&bench).await;
    let outcome = apply(&bench, "clean", config, &weather).await.unwrap();
    let rows = bench.rows(&outcome.outputs[0]);
    let sum: f64 = rows.iter().map(|row| row[1].parse::<f64>().unwrap()).sum();
    close("mean", &json!(sum / 1_461.0), &expected()["clipped_precipitation_mean"], 1e-12);
    let fault =
        apply(&bench, "clean", json!({"drop_columns": {"names": ["n", "x", "word", "same", "hollow"]}}), &input);
    assert_eq!(fault.await.unwrap_err().message, "drop_columns: no column is left");
}

#[tokio::test]
async fn profiles_have_histograms_from_1_1_0_on() {
    let bench = Bench::new();
    let input = weather(&bench).await;
    let outcome = apply(&bench, "data-profiler", json!({"bins": 10, "columns": ["wind"]}), &input).await.unwrap();
    let column = &outcome.result["columns"][0];
    let counts: Vec<&Value> = column["histogram"].as_array().unwrap().iter().map(|bin| &bin["count"]).collect();
    let wanted = expected()["histogram_wind"].clone();
    // numpy's edges differ from ours by rounding: a value on an edge may count for either side.
    let sum: u64 = counts.iter().filter_map(|count| count.as_u64()).sum();
    let apart: u64 = counts
        .iter()
        .zip(wanted.as_array().unwrap())
        .map(|(one, other)| one.as_u64().unwrap().abs_diff(other.as_u64().unwrap()))
        .sum();
    assert!(sum == 1_461 && apart <= 60, "{counts:?} {wanted}");
    let mut old = bench.task("data-profiler", json!({"columns": ["wind"]}));
    old.version = "1.0.0".into();
    old.inputs = vec![input];
    let outcome = bench.run(&old).await.unwrap();
    assert!(outcome.result["columns"][0].get("histogram").is_none());
    assert!(!types(&outcome.outputs[0]).iter().any(|column| column.starts_with("histogram")));
}

#[tokio::test]
async fn columns_are_classified_by_values_names_and_figures() {
    let bench = Bench::new();
    let mut file = String::from("id,mail,site,price,paid,lat,born,agrees,city,note\n");
    for at in 0..60_i32 {
        file.push_str(&format!(
            "{at},u{at}@example.com,https://example.com/{at},{}.5,${at}.00,{}.25,31.12.{},{},Ulm{at},{}\n",
            at % 37,
            at - 30,
            1950 + at,
            if at % 3 == 0 { "yes" } else { "no" },
            "long words about nothing in particular ".repeat(if at % 2 == 0 { 1 } else { 2 })
        ));
    }
    let input = bench.table(&file).await;
    let outcome = apply(&bench, "column-classifier", json!({}), &input).await.unwrap();
    let classes: Vec<String> =
        bench.rows(&outcome.outputs[0]).into_iter().map(|row| format!("{} {}", row[0], row[2])).collect();
    assert_eq!(
        classes,
        [
            "id identifier",
            "mail email",
            "site url",
            "price currency",
            "paid currency",
            "lat geo",
            "born date",
            "agrees boolean",
            "city geo",
            "note categorical",
        ]
    );
    assert!(bench.rows(&outcome.outputs[0]).iter().all(|row| row[3].parse::<f64>().is_ok_and(|sure| sure > 0.5)));
}
