//! Operations on shape: their refusals, their odd inputs, and files that are written and read back.

use serde_json::{Value, json};
use trinity_atoms::{Format, InputTable, Outcome, fault::code};

use crate::support::{Bench, DATASET, as_input, types};

async fn refused(bench: &Bench, atom: &str, config: Value, input: &InputTable) -> String {
    let fault = bench.apply(atom, config, std::slice::from_ref(input)).await.unwrap_err();
    assert!(!fault.retryable, "{fault}");
    fault.message
}

fn lines(bench: &Bench, outcome: &Outcome) -> Vec<String> {
    bench.lines(&outcome.outputs[0])
}

#[tokio::test]
async fn casts_change_types_and_name_what_does_not_fit() {
    let bench = Bench::new();
    let input = bench.table("id,amount,day,flag\n007,1.50,31.01.12,yes\n008,x,30.01.12,no\n009,2,,\n").await;
    let config = json!({"columns": {"id": "int64", "amount": "float64", "flag": "boolean"},
        "date_formats": {"day": "%d.%m.%y"}, "on_error": "missing"});
    let outcome = bench.apply("cast", config, std::slice::from_ref(&input)).await.unwrap();
    assert_eq!(types(&outcome.outputs[0]), ["id: int64", "amount: float64", "day: date", "flag: boolean"]);
    assert_eq!(lines(&bench, &outcome), ["7|1.5|2012-01-31|true", "8|∅|2012-01-30|false", "9|2.0|∅|∅"]);
    assert_eq!(outcome.result, json!({"made_missing": 1}));
    assert_eq!(outcome.outputs[0].lineage[2].sources[0].column, "day");
    for (config, message) in [
        (json!({"columns": {"amount": "float64"}}), "row 2: column amount: 'x' is not a float64"),
        (
            json!({"columns": {"day": "date"}, "date_formats": {"day": "%m.%d.%y"}}),
            "row 1: column day: '31.01.12' is not a date written as %m.%d.%y",
        ),
        (json!({"columns": {"gone": "date"}}), "columns: no column \"gone\"; the table has id, amount, day, flag"),
        (
            json!({"columns": {"day": "int64"}, "date_formats": {"day": "%d.%m.%y"}}),
            "columns: column day: what is written as %d.%m.%y is a date",
        ),
    ] {
        assert_eq!(refused(&bench, "cast", config, &input).await, message);
    }
    let many: String = "n\n".to_owned() + &(0..20_000).map(|n| format!("{n}.0\n")).collect::<String>() + "0.5\n";
    let many = bench.table(&many).await;
    let config = json!({"columns": {"n": "int64"}});
    assert_eq!(refused(&bench, "cast", config, &many).await, "row 20001: column n: '0.5' is not an int64");
}

#[tokio::test]
async fn derived_columns_build_on_each_other() {
    let bench = Bench::new();
    let input = bench.table("a,b\n1,2\n").await;
    let mut columns = vec![json!({"as": "c0", "expression": "a + b"})];
    columns.extend((1..60).map(|n| json!({"as": format!("c{n}"), "expression": format!("c{} + 1", n - 1)})));
    columns.push(json!({"as": "a", "expression": "c59 * 10"}));
    let outcome = bench.apply("derive", json!({"columns": columns}), std::slice::from_ref(&input)).await.unwrap();
    let row = bench.rows(&outcome.outputs[0]).remove(0);
    assert_eq!((row[0].as_str(), row[1].as_str(), row[61].as_str(), row.len()), ("620", "2", "62", 62));
    let sources: Vec<&str> =
        outcome.outputs[0].lineage[61].sources.iter().map(|source| source.column.as_str()).collect();
    assert_eq!(sources, ["a", "b"]);
    let config = json!({"columns": [{"as": "x", "expression": "nothing + 1"}]});
    assert!(refused(&bench, "derive", config, &input).await.starts_with("columns/0/expression: "));
}

#[tokio::test]
async fn shapes_that_make_no_sense_are_refused() {
    let bench = Bench::new();
    let input = bench.table("k,v,w\na,1,x\nb,2,y\nc,3,z\n").await;
    for (atom, config, message) in [
        (
            "pivot",
            json!({"index": ["k"], "column": "w", "value": "v", "max_columns": 2}),
            "column: w has more than 2 different values, which is max_columns",
        ),
        (
            "pivot",
            json!({"index": ["k"], "column": "v", "value": "w"}),
            "value: sum needs numbers; column \"w\" is string",
        ),
        (
            "pivot",
            json!({"index": ["k"], "column": "w", "value": "v", "values": ["k"]}),
            "two columns of the result are called \"k\"",
        ),
        (
            "pivot",
            json!({"index": ["k"], "column": "v", "function": "count", "values": ["many"]}),
            "values: 'many' is no int64",
        ),
        ("unpivot", json!({"keep": ["k", "v", "w"]}), "columns: no column is left to become rows"),
        ("unpivot", json!({"columns": ["v"], "name": "k"}), "two columns of the result are called \"k\""),
        (
            "window",
            json!({"columns": [{"function": "lag", "column": "v", "as": "x"}]}),
            "columns/0: order_by says which rows come before; it is missing",
        ),
        (
            "window",
            json!({"order_by": ["k"], "columns": [{"function": "sum", "column": "w", "as": "x"}]}),
            "columns/0: column: needs numbers; column \"w\" is string",
        ),
        (
            "window",
            json!({"columns": [{"function": "sum", "column": "v", "as": "k"}]}),
            "two columns of the result are called \"k\"",
        ),
        ("distinct", json!({"columns": ["x"]}), "columns: no column \"x\"; the table has k, v, w"),
        ("sql", json!({"query": "SELECT 1", "inputs": ["a", "b"]}), "inputs: 2 names for 1 inputs"),
        (
            "write",
            json!({"format": "csv", "delimiter": "\n"}),
            "delimiter: must be one ASCII character that is no line end",
        ),
    ] {
        assert_eq!(refused(&bench, atom, config, &input).await, message);
    }
}

#[tokio::test]
async fn unpivoted_texts_and_numbers_meet_as_text() {
    let bench = Bench::new();
    let input = bench.table("k,v,w\na,1,x\nb,,y\n").await;
    let config = json!({"columns": ["v", "w"], "drop_missing": true});
    let outcome = bench.apply("unpivot", config, &[input]).await.unwrap();
    assert_eq!(lines(&bench, &outcome), ["a|v|1", "a|w|x", "b|w|y"]);
}

#[tokio::test]
async fn whole_partitions_are_summed_without_an_order() {
    let bench = Bench::new();
    let input = bench.table("k,v\nb,3\na,1\nb,4\n").await;
    let config = json!({"partition_by": ["k"], "columns": [
        {"function": "sum", "column": "v", "as": "total"}, {"function": "count", "as": "rows"}]});
    let outcome = bench.apply("window", config, &[input]).await.unwrap();
    let mut found = lines(&bench, &outcome);
    found.sort();
    assert_eq!(found, ["a|1|1|1", "b|3|7|2", "b|4|7|2"]);
}

#[tokio::test]
async fn empty_tables_pass_through_every_shape() {
    let bench = Bench::new();
    let empty = bench.table("a,b\n").await;
    for (atom, config, rows) in [
        ("cast", json!({"columns": {"a": "int64"}}), 0),
        ("derive", json!({"columns": [{"as": "c", "expression": "a"}]}), 0),
        ("distinct", json!({"columns": ["a"]}), 0),
        ("pivot", json!({"index": ["a"], "column": "b", "function": "count", "values": ["x"]}), 0),
        ("unpivot", json!({"keep": ["a"]}), 0),
        ("window", json!({"order_by": ["a"], "columns": [{"function": "rank", "as": "c"}]}), 0),
    ] {
        let outcome = bench.apply(atom, config, std::slice::from_ref(&empty)).await;
        assert_eq!(outcome.unwrap_or_else(|fault| panic!("{atom}: {fault}")).outputs[0].rows, rows, "{atom}");
    }
    let outcome = bench.apply("partition", json!({"by": "a"}), &[empty]).await.unwrap();
    assert_eq!((outcome.outputs.len(), &outcome.result["partitions"]), (0, &json!([])));
}

#[tokio::test]
async fn partitions_are_listed_in_order_with_what_is_missing_last() {
    let bench = Bench::new();
    let input = bench.table("n,t\n10,a\n,b\n9,c\n10,d\n").await;
    let outcome = bench.apply("partition", json!({"by": "n"}), &[input]).await.unwrap();
    let listed = json!([
        {"value": 9, "output": "part-0001", "rows": 1},
        {"value": 10, "output": "part-0002", "rows": 2},
        {"value": null, "output": "part-0003", "rows": 1},
    ]);
    assert_eq!(outcome.result["partitions"], listed);
    assert_eq!(bench.lines(&outcome.outputs[1]), ["10|a", "10|d"]);
    assert_eq!((outcome.rows_in, outcome.rows_out), (4, 4));
}

#[tokio::test]
async fn every_row_meets_every_other_in_a_cross_join() {
    let bench = Bench::new();
    let (one, two) = (bench.table("a\n1\n2\n").await, bench.table("a,b\n3,x\n4,y\n").await);
    let outcome = bench.apply("join", json!({"type": "cross"}), &[one.clone(), two.clone()]).await.unwrap();
    let mut found = lines(&bench, &outcome);
    found.sort();
    assert_eq!(found, ["1|3|x", "1|4|y", "2|3|x", "2|4|y"]);
    let fault = bench.apply("join", json!({"type": "cross", "max_rows": 3}), &[one, two]).await.unwrap_err();
    assert_eq!(fault.code, code::JOIN_TOO_LARGE);
}

#[tokio::test]
async fn sql_knows_its_inputs_by_their_names() {
    let bench = Bench::new();
    let (one, two) = (bench.table("id,c\n1,7\n").await, bench.table("id,n\n7,x\n").await);
    let query = "SELECT o.id, c.n FROM orders o JOIN Customers c ON c.id = o.c";
    let config = json!({"query": query, "inputs": ["orders", "Customers"]});
    let outcome = bench.apply("sql", config, &[one.clone(), two.clone()]).await.unwrap();
    assert_eq!(lines(&bench, &outcome), ["1|x"]);
    let lineage = &outcome.outputs[0].lineage;
    assert_eq!((lineage[0].sources[0].input, lineage[1].sources[0].input), (0, 1));
    let config = json!({"query": "SELECT count(*) AS n FROM orders, input_2", "inputs": ["orders"]});
    assert_eq!(lines(&bench, &bench.apply("sql", config, &[one, two]).await.unwrap()), ["1"]);
}

#[tokio::test]
async fn hundreds_of_tables_become_one_in_their_order() {
    let bench = Bench::new();
    let mut inputs = Vec::new();
    for n in 0..5 {
        inputs.push(bench.table(&format!("n\n{n}\n")).await);
    }
    let many: Vec<InputTable> = inputs.iter().cycle().take(503).cloned().collect();
    let outcome = bench.apply("union", json!({}), &many).await.unwrap();
    let found = lines(&bench, &outcome);
    assert_eq!(found.len(), 503);
    assert!(found.iter().enumerate().all(|(at, row)| *row == (at % 5).to_string()));
    let alone = bench.apply("union", json!({}), &inputs[..1]).await.unwrap();
    assert_eq!(lines(&bench, &alone), ["0"]);
}

const ODD: &str = "n,x,ok,day,at,text\n1,0.5,true,2012-01-31,2012-01-31 10:00:00,\"a,\"\"b\"\"\"\n-2,,false,1899-12-31,1899-12-31 23:59:59,<&> =1+1\n3,1e300,,2024-02-29,,\"two\nlines\"\n";

#[tokio::test]
async fn what_is_written_is_read_back_the_same() {
    let bench = Bench::new();
    let input = bench.table(ODD).await;
    let same =
        bench.apply("select", json!({"columns": ["n", "x", "ok", "day", "at", "text"]}), std::slice::from_ref(&input));
    let rows = bench.lines(&same.await.unwrap().outputs[0]);
    for format in [Format::Csv, Format::Excel, Format::Json, Format::Ndjson, Format::Parquet, Format::Arrow] {
        let config = json!({"format": format, "name": "report", "delimiter": ";"});
        let outcome = bench.apply("write", config, std::slice::from_ref(&input)).await.unwrap();
        let output = &outcome.outputs[0];
        assert_eq!((output.name.as_str(), output.format, output.rows), ("report", format, 3));
        assert!(
            output.storage_key.ends_with(&format!("/report/data.{}", format.extension())),
            "{}",
            output.storage_key
        );
        assert_eq!((outcome.rows_in, outcome.rows_out), (3, 3), "it hands its input on");
        let stored = bench.storage.head(&output.storage_key).await.unwrap();
        assert_eq!(stored.size_bytes, output.size_bytes);
        let reader = match format {
            Format::Ndjson => "json-reader".to_owned(),
            other => format!("{}-reader", other.word()),
        };
        let mut settings = json!({"dataset": DATASET});
        if format == Format::Csv {
            settings["delimiter"] = json!(";");
        }
        let mut task = bench.task(&reader, settings);
        let mut dataset = as_input(output);
        (dataset.dataset_id, dataset.format) = (Some(DATASET.into()), format);
        task.datasets = vec![dataset];
        let again = bench.run(&task).await.unwrap_or_else(|fault| panic!("{}: {fault}", format.word()));
        let found = bench.lines(&again.outputs[0]);
        if format == Format::Excel {
            // Days before 1900-03-01 are no days to Excel: they are text there, and so is their column.
            assert_eq!((found[0].as_str(), &found[2]), ("1|0.5|true|2012-01-31|2012-01-31 10:00:00|a,\"b\"", &rows[2]));
        } else {
            assert_eq!(found, rows, "{}", format.word());
        }
    }
}

#[tokio::test]
async fn tables_without_rows_are_files_too() {
    let bench = Bench::new();
    let input = bench.table("a,b\n").await;
    for (format, expected) in [("csv", "a,b\n"), ("json", "[]"), ("ndjson", "")] {
        let outcome = bench.apply("write", json!({"format": format}), std::slice::from_ref(&input)).await.unwrap();
        let bytes = bench.storage.read(&outcome.outputs[0].storage_key).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), expected, "{format}");
    }
    for format in ["excel", "arrow", "parquet"] {
        bench.apply("write", json!({"format": format}), std::slice::from_ref(&input)).await.unwrap();
    }
    let config = json!({"format": "csv", "header": false, "null_text": "NA"});
    let outcome = bench.apply("write", config, &[bench.table("a,b\n1,\n").await]).await.unwrap();
    let bytes = bench.storage.read(&outcome.outputs[0].storage_key).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), "1,NA\n");
}

#[tokio::test]
async fn what_a_sheet_cannot_hold_is_named() {
    let bench = Bench::new();
    let long = bench.table(&format!("a,b\n1,x\n2,{}\n", "y".repeat(32_768))).await;
    let message = refused(&bench, "write", json!({"format": "excel"}), &long).await;
    assert_eq!(message, "row 3 of the sheet, column b: 32768 characters; a cell has 32767 at the most");
    let mut rows = "n\n".repeat(1_048_577);
    rows.insert_str(0, "n\n");
    let message = refused(&bench, "write", json!({"format": "excel"}), &bench.table(&rows).await).await;
    assert_eq!(message, "more than the 1048575 rows that a sheet has beside its header");
}
