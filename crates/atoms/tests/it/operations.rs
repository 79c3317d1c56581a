//! Each operation on small tables whose result anyone can work out, and its refusals.

use serde_json::json;
use trinity_atoms::{Outcome, fault::code};

use crate::support::{Bench, as_input, types};

fn lines(bench: &Bench, outcome: &Outcome) -> Vec<String> {
    bench.lines(&outcome.outputs[0])
}

#[tokio::test]
async fn clean_does_its_steps_in_order() {
    let bench = Bench::new();
    let input =
        bench.table("name,age,score,city\n Anna ,30,1.5,Ulm\nBob,,2.5,-\nBob,,2.5,-\n,40,,Ulm\nCarl,35,2.0,\n").await;
    let config = json!({
        "null_words": ["-"],
        "fill": {"age": "mean", "score": "median", "city": "mode"},
        "drop_rows_with_missing": ["name"],
        "dedupe": true,
    });
    let outcome = bench.apply("clean", config, &[input]).await.unwrap();
    // The mean age of 30, 40 and 35; the median of 1.5, 2.5, 2.5 and 2.0; Ulm is the only city.
    assert_eq!(lines(&bench, &outcome), ["Anna|30|1.5|Ulm", "Bob|35|2.5|Ulm", "Carl|35|2.0|Ulm"]);
    assert_eq!(outcome.result["filled"]["age"], json!({"with": "35", "values": 2}));
    assert_eq!(outcome.result["filled"]["score"], json!({"with": "2.25", "values": 1}));
    assert_eq!(outcome.result["filled"]["city"], json!({"with": "Ulm", "values": 3}));
    assert_eq!((outcome.rows_in, outcome.rows_out), (5, 3));
}

#[tokio::test]
async fn clean_fills_with_values_of_the_columns_type() {
    let bench = Bench::new();
    let input = bench.table("n,day,flag,x\n1,2012-01-01,true,\n,,,\n").await;
    let config = json!({"fill": {"n": 7, "day": "2020-02-29", "flag": false}});
    let outcome = bench.apply("clean", config, std::slice::from_ref(&input)).await.unwrap();
    assert_eq!(lines(&bench, &outcome), ["1|2012-01-01|true|∅", "7|2020-02-29|false|∅"]);
    for (fill, message) in [
        (json!({"n": "many"}), "fill.n: 'many' is not a int64"),
        (json!({"day": "mean"}), "fill.day: mean needs a column of numbers, and this one is date"),
        (json!({"m": 1}), "fill.m: no column \"m\"; the table has n, day, flag, x"),
    ] {
        let fault = bench.apply("clean", json!({"fill": fill}), std::slice::from_ref(&input)).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.message.as_str()), (code::CONFIG_INVALID, message));
    }
}

#[tokio::test]
async fn missing_values_are_counted() {
    let bench = Bench::new();
    let input = bench.table("a,b\n1,\n,\n3,x\n4,y\n").await;
    let outcome = bench.apply("missing-value-analyzer", json!({}), &[input]).await.unwrap();
    assert_eq!(lines(&bench, &outcome), ["a|int64|4|1|25.0", "b|string|4|2|50.0"]);
    assert_eq!(outcome.result, json!({"rows": 4, "incomplete_rows": 2, "missing": {"a": 1, "b": 2}}));
}

#[tokio::test]
async fn empty_tables_pass_through_every_atom() {
    let bench = Bench::new();
    let empty = bench.table("a,b\n").await;
    for (atom, config, rows) in [
        ("missing-value-analyzer", json!({}), 2),
        ("clean", json!({"dedupe": true, "fill": {"a": "mode"}}), 0),
        ("filter", json!({"where": "a = 'x'"}), 0),
        ("sort", json!({"by": ["a"]}), 0),
        ("sample", json!({"rows": 3}), 0),
        ("aggregate", json!({"group_by": ["a"], "aggregations": [{"function": "count"}]}), 0),
        ("aggregate", json!({"aggregations": [{"function": "count"}]}), 1),
        ("data-profiler", json!({}), 2),
        ("column-classifier", json!({}), 2),
    ] {
        let outcome = bench
            .apply(atom, config, std::slice::from_ref(&empty))
            .await
            .unwrap_or_else(|fault| panic!("{atom}: {fault}"));
        assert_eq!(outcome.outputs[0].rows, rows, "{atom}");
    }
}

#[tokio::test]
async fn joins_keep_what_their_type_says() {
    let bench = Bench::new();
    let left = bench.table("id,name\n1,a\n2,b\n3,c\n").await;
    let right = bench.table("id,name,price\n2,B,20\n3,C,30\n4,D,40\n").await;
    for (kind, expected) in [
        ("inner", vec!["2|b|B|20", "3|c|C|30"]),
        ("left", vec!["1|a|∅|∅", "2|b|B|20", "3|c|C|30"]),
        ("right", vec!["2|b|B|20", "3|c|C|30", "4|∅|D|40"]),
        ("full", vec!["1|a|∅|∅", "2|b|B|20", "3|c|C|30", "4|∅|D|40"]),
        ("semi", vec!["2|b", "3|c"]),
        ("anti", vec!["1|a"]),
    ] {
        let config = json!({"type": kind, "on": ["id"]});
        let outcome = bench.apply("join", config, &[left.clone(), right.clone()]).await.unwrap();
        let mut found = lines(&bench, &outcome);
        found.sort();
        assert_eq!(found, expected, "{kind}");
        assert_eq!(outcome.rows_in, 6);
    }
    let config = json!({"on": [{"left": "id", "right": "price"}], "suffix": "_2"});
    let outcome = bench.apply("join", config, &[left, right]).await.unwrap();
    assert_eq!(
        types(&outcome.outputs[0]),
        ["id: int64", "name: string", "id_2: int64", "name_2: string", "price: int64"]
    );
}

#[tokio::test]
async fn an_absurd_join_is_refused_before_it_starts() {
    let bench = Bench::new();
    let rows = "k,v\n".to_owned() + &"1,2\n".repeat(2_000);
    let table = bench.table(&rows).await;
    let config = json!({"on": ["k"], "max_rows": 1_000_000});
    let fault = bench.apply("join", config, &[table.clone(), table.clone()]).await.unwrap_err();
    assert_eq!(fault.code, code::JOIN_TOO_LARGE);
    assert!(fault.message.contains("4000000 rows"), "{}", fault.message);
    let config = json!({"on": ["k"], "max_rows": 4_000_000});
    assert_eq!(bench.apply("join", config, &[table.clone(), table]).await.unwrap().rows_out, 4_000_000);
}

#[tokio::test]
async fn tables_are_put_under_each_other_by_name() {
    let bench = Bench::new();
    let one = bench.table("a,b\n1,x\n2,y\n").await;
    let two = bench.table("b,c,a\ny,1.5,2\n").await;
    let outcome = bench.apply("union", json!({}), &[one.clone(), two]).await.unwrap();
    assert_eq!(lines(&bench, &outcome), ["1|x|∅", "2|y|∅", "2|y|1.5"]);
    let outcome = bench.apply("union", json!({"dedupe": true}), &[one.clone(), one]).await.unwrap();
    let mut found = lines(&bench, &outcome);
    found.sort();
    assert_eq!(found, ["1|x", "2|y"]);
}

#[tokio::test]
async fn columns_are_selected_renamed_and_computed() {
    let bench = Bench::new();
    let input = bench.table("First Name,n\nAnna,1\nBob,2\n").await;
    let config = json!({"columns": [{"expression": "n * 2.5", "as": "Twice"}, "First Name"]});
    let outcome = bench.apply("select", config, std::slice::from_ref(&input)).await.unwrap();
    assert_eq!(lines(&bench, &outcome), ["2.5|Anna", "5.0|Bob"]);
    assert_eq!(types(&outcome.outputs[0]), ["Twice: float64", "First Name: string"]);
    let outcome =
        bench.apply("rename", json!({"columns": {"First Name": "first"}}), std::slice::from_ref(&input)).await.unwrap();
    assert_eq!(types(&outcome.outputs[0]), ["first: string", "n: int64"]);
    let fault =
        bench.apply("rename", json!({"columns": {"n": "First Name"}}), std::slice::from_ref(&input)).await.unwrap_err();
    assert!(fault.message.contains("two columns"), "{}", fault.message);
    let fault = bench.apply("select", json!({"columns": ["first name"]}), &[input]).await.unwrap_err();
    assert_eq!(fault.message, "columns/0: no column \"first name\"; the table has First Name, n");
}

#[tokio::test]
async fn samples_and_limits_keep_the_order() {
    let bench = Bench::new();
    let rows = "n\n".to_owned() + &(0..10_000).map(|n| format!("{n}\n")).collect::<String>();
    let input = bench.table(&rows).await;
    let outcome = bench.apply("sample", json!({"rows": 100, "seed": 1}), std::slice::from_ref(&input)).await.unwrap();
    let found: Vec<u32> = lines(&bench, &outcome).iter().map(|line| line.parse().unwrap()).collect();
    assert!(found.len() == 100 && found.is_sorted());
    let again = bench.apply("sample", json!({"rows": 100, "seed": 1}), std::slice::from_ref(&input)).await.unwrap();
    assert_eq!(again.outputs[0].content_hash, outcome.outputs[0].content_hash);
    let outcome = bench.apply("limit", json!({"rows": 3, "offset": 9_998}), &[input]).await.unwrap();
    assert_eq!(lines(&bench, &outcome), ["9998", "9999"]);
}

#[tokio::test]
async fn sql_reads_its_inputs_and_nothing_else() {
    let bench = Bench::new();
    let one = bench.table("Id,x\n1,2\n2,3\n").await;
    let two = bench.table("Id,y\n1,5\n").await;
    let query = "WITH both AS (SELECT a.Id, x, y FROM input a JOIN input_2 b ON a.Id = b.Id) SELECT Id, x + y AS z, round(x / 3.0, 2) AS r FROM both";
    let outcome = bench.apply("sql", json!({"query": query}), &[one.clone(), two]).await.unwrap();
    assert_eq!(lines(&bench, &outcome), ["1|7|0.67"]);
    let path = bench.storage.local_path(&one.storage_key).unwrap().unwrap();
    let path = path.display();
    for query in [
        "DROP TABLE input".to_owned(),
        "CREATE TABLE x AS SELECT 1".to_owned(),
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/etc/passwd'".to_owned(),
        "INSERT INTO input VALUES (1, 2)".to_owned(),
        "COPY (SELECT 1) TO '/tmp/x.csv'".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "EXPLAIN SELECT 1".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        format!("SELECT * FROM '{path}'"),
        format!("SELECT * FROM read_parquet('{path}')"),
        "SELECT input_file_name() FROM input".to_owned(),
        "SELECT * FROM information_schema.tables".to_owned(),
        "SELECT nothing FROM input".to_owned(),
        "SELECT".to_owned(),
        "(".repeat(5_000),
    ] {
        let fault = bench.apply("sql", json!({"query": query}), std::slice::from_ref(&one)).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.retryable), (code::QUERY_INVALID, false), "{query}: {fault}");
    }
}

#[tokio::test]
async fn expressions_cannot_hold_statements_and_say_what_is_wrong() {
    let bench = Bench::new();
    let input = bench.table("a,b\n1,x\n").await;
    for condition in
        ["a > 1; DROP TABLE input", "c > 1", "a >", "a", "sum(a) > 1", "(SELECT 1) = 1 OR EXISTS (SELECT * FROM other)"]
    {
        let fault = bench.apply("filter", json!({"where": condition}), std::slice::from_ref(&input)).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.retryable), (code::QUERY_INVALID, false), "{condition}: {fault}");
    }
    let fault = bench.apply("filter", json!({"where": "c > 1"}), std::slice::from_ref(&input)).await.unwrap_err();
    assert!(fault.message.contains("where") && fault.message.contains('c') && fault.message.contains('a'), "{fault}");
    let fault = bench.apply("filter", json!({"where": "a / 0 = 1"}), &[input]).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::DATA_INVALID, false), "{fault}");
}

#[tokio::test]
async fn configs_and_inputs_are_checked_before_anything_runs() {
    let bench = Bench::new();
    let input = bench.table("a\n1\n").await;
    let fault = bench.apply("filter", json!({"when": "a"}), std::slice::from_ref(&input)).await.unwrap_err();
    assert_eq!(fault.code, code::CONFIG_INVALID);
    assert!(fault.message.contains("/where is required") && fault.message.contains("/when unknown setting"), "{fault}");
    let fault = bench.apply("filter", json!({"where": "true"}), &[]).await.unwrap_err();
    assert_eq!(
        (fault.code.as_str(), fault.message.as_str()),
        (code::CONFIG_INVALID, "filter takes 1 inputs and got 0")
    );
    let fault = bench.apply("join", json!({"on": ["a"]}), &vec![input.clone(); 3]).await.unwrap_err();
    assert_eq!(fault.message, "join takes 2 inputs and got 3");
    let fault = bench.apply("no-such-atom", json!({}), &[]).await.unwrap_err();
    assert_eq!(fault.code, code::ATOM_UNKNOWN);
    let mut gone = input.clone();
    gone.storage_key = "tenant-t/gone.parquet".into();
    let fault = bench.apply("filter", json!({"where": "true"}), &[gone]).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::INPUT_MISSING, false));
    bench.storage.put_bytes("tenant-t/odd.parquet", "this is no Parquet file at all").await.unwrap();
    let mut odd = input;
    odd.storage_key = "tenant-t/odd.parquet".into();
    let fault = bench.apply("filter", json!({"where": "true"}), &[odd]).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::PARQUET_MALFORMED, false));
}

#[tokio::test]
async fn a_sort_larger_than_its_memory_goes_through_the_disk() {
    let bench = Bench::with_memory(32 << 20);
    let mut file = String::from("n,text\n");
    (0..150_000_u64).for_each(|n| file.push_str(&format!("{},padding-{n:0250}\n", n.wrapping_mul(7_919) % 150_000)));
    let input = bench.table(&file).await;
    let outcome = bench.apply("sort", json!({"by": ["n"]}), &[input]).await.unwrap();
    let batches = bench.batches(&outcome.outputs[0]);
    let mut next = 0;
    for batch in &batches {
        use datafusion::arrow::{array::AsArray, datatypes::Int64Type};
        for n in batch.column(0).as_primitive::<Int64Type>().values() {
            assert_eq!(*n, next);
            next += 1;
        }
    }
    assert_eq!(next, 150_000);
}

#[tokio::test]
async fn a_parquet_dataset_is_read_back() {
    let bench = Bench::new();
    let mut dataset = bench.table("a,b\n1,x\n2,y\n").await;
    dataset.dataset_id = Some(crate::support::DATASET.into());
    let mut task = bench.task("parquet-reader", json!({"dataset": crate::support::DATASET, "columns": ["b"]}));
    task.datasets = vec![dataset];
    let outcome = bench.run(&task).await.unwrap();
    assert_eq!(lines(&bench, &outcome), ["x", "y"]);
    let again = bench.apply("filter", json!({"where": "b = 'y'"}), &[as_input(&outcome.outputs[0])]).await.unwrap();
    assert_eq!(lines(&bench, &again), ["y"]);
}
