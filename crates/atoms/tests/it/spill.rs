//! Tables larger than a task's memory: everything that has to see all rows goes through the disk.

use serde_json::{Value, json};
use trinity_atoms::{InputTable, Outcome};

use crate::support::{Bench, as_input};

/// What the engine may hold; the tables have more than four times as much.
const MEMORY: usize = 12 << 20;
const ROWS: u64 = 320_000;

/// Rows in no order: `n` is each number below [`ROWS`] once, `k` each below a quarter of it four times.
async fn large(bench: &Bench) -> InputTable {
    let query = format!(
        "SELECT (value * 7919) % {ROWS} AS n, (value * 7919) % {ROWS} / 4 AS k, \
         concat('padding-', lpad(CAST(value AS VARCHAR), 150, '0')) AS t FROM generate_series(0, {ROWS} - 1)"
    );
    let seed = bench.table("a\n1\n").await;
    let outcome = bench.apply("sql", json!({"query": query}), &[seed]).await.unwrap();
    as_input(&outcome.outputs[0])
}

async fn apply(atom: &str, config: Value) -> (Bench, Outcome) {
    let bench = Bench::with_memory(MEMORY);
    let input = large(&bench).await;
    let outcome = bench.apply(atom, config, &[input]).await.unwrap_or_else(|fault| panic!("{atom}: {fault}"));
    (bench, outcome)
}

async fn summed(bench: &Bench, outcome: &Outcome, query: &str) -> String {
    let input = as_input(&outcome.outputs[0]);
    let summed = bench.apply("sql", json!({"query": query}), &[input]).await.unwrap();
    bench.lines(&summed.outputs[0]).remove(0)
}

/// The sum of all numbers below [`ROWS`].
const TOTAL: u64 = ROWS * (ROWS - 1) / 2;

#[tokio::test]
async fn a_large_table_is_sorted() {
    let (bench, outcome) = apply("sort", json!({"by": ["n"]})).await;
    assert_eq!(outcome.rows_out, ROWS);
    let mut next = 0_u64;
    for batch in bench.batches(&outcome.outputs[0]) {
        use datafusion::arrow::{array::AsArray, datatypes::Int64Type};
        for n in batch.column(0).as_primitive::<Int64Type>().values() {
            assert_eq!(u64::try_from(*n).unwrap(), next);
            next += 1;
        }
    }
}

#[tokio::test]
async fn large_tables_are_joined() {
    let bench = Bench::with_memory(MEMORY);
    let input = large(&bench).await;
    let config = json!({"on": ["n"]});
    let outcome = bench.apply("join", config, &[input.clone(), input]).await.unwrap();
    assert_eq!(outcome.rows_out, ROWS);
    let query = "SELECT count(*), sum(n), sum(CASE WHEN t = t_right THEN 0 ELSE 1 END) FROM input";
    assert_eq!(summed(&bench, &outcome, query).await, format!("{ROWS}|{TOTAL}|0"));
}

#[tokio::test]
async fn a_join_holds_the_smaller_table_only() {
    let bench = Bench::with_memory(MEMORY);
    let large = large(&bench).await;
    let query = "SELECT n, k AS other FROM input WHERE n % 1000 = 0";
    let small = bench.apply("sql", json!({"query": query}), std::slice::from_ref(&large)).await.unwrap();
    let small = as_input(&small.outputs[0]);
    for (first, second) in [(&large, &small), (&small, &large)] {
        let config = json!({"on": ["n"], "max_rows": ROWS});
        let outcome = bench.apply("join", config, &[first.clone(), second.clone()]).await.unwrap();
        assert_eq!(outcome.rows_out, ROWS / 1_000);
    }
    let log = bench.log.lock().unwrap();
    assert!(!log.iter().any(|line| line.level == "warn"), "{log:?}");
}

#[tokio::test]
async fn a_large_table_is_grouped() {
    let config = json!({"group_by": ["t"], "aggregations": [
        {"column": "n", "function": "sum", "as": "n"}, {"column": "k", "function": "max", "as": "k"}]});
    let (bench, outcome) = apply("aggregate", config).await;
    let query = "SELECT count(*), sum(n) FROM input";
    assert_eq!(summed(&bench, &outcome, query).await, format!("{ROWS}|{TOTAL}"));
}

#[tokio::test]
async fn repeated_rows_of_a_large_table_go() {
    let (bench, outcome) = apply("distinct", json!({})).await;
    assert_eq!(summed(&bench, &outcome, "SELECT count(*), sum(n) FROM input").await, format!("{ROWS}|{TOTAL}"));
}

#[tokio::test]
async fn the_first_rows_of_a_large_table_are_found() {
    let (bench, outcome) = apply("distinct", json!({"columns": ["k"]})).await;
    let groups = ROWS / 4;
    assert_eq!(outcome.rows_out, groups);
    let query = "SELECT count(DISTINCT k), max(k) FROM input";
    assert_eq!(summed(&bench, &outcome, query).await, format!("{groups}|{}", groups - 1));
}

#[tokio::test]
async fn windows_go_over_a_large_table() {
    let config = json!({"partition_by": ["k"], "order_by": ["n"], "columns": [
        {"function": "row_number", "as": "place"},
        {"function": "sum", "column": "n", "as": "so_far"},
        {"function": "lag", "column": "t", "as": "before"}]});
    let (bench, outcome) = apply("window", config).await;
    let query = "SELECT count(*), sum(place), sum(CASE WHEN before IS NULL THEN 1 ELSE 0 END) FROM input";
    let places = ROWS / 4 * (1 + 2 + 3 + 4);
    assert_eq!(summed(&bench, &outcome, query).await, format!("{ROWS}|{places}|{}", ROWS / 4));
}

#[tokio::test]
async fn a_figure_of_all_rows_goes_beside_each_row_of_a_large_table() {
    let config = json!({"columns": [{"function": "sum", "column": "n", "as": "total"}]});
    let (bench, outcome) = apply("window", config).await;
    let query = "SELECT count(*), min(total), max(total), sum(n) FROM input";
    assert_eq!(summed(&bench, &outcome, query).await, format!("{ROWS}|{TOTAL}|{TOTAL}|{TOTAL}"));
}

#[tokio::test]
async fn a_large_table_is_partitioned() {
    let bench = Bench::with_memory(MEMORY);
    let input = large(&bench).await;
    let config = json!({"columns": [{"as": "part", "expression": "n % 3"}]});
    let parted = bench.apply("derive", config, &[input]).await.unwrap();
    let outcome = bench.apply("partition", json!({"by": "part"}), &[as_input(&parted.outputs[0])]).await.unwrap();
    let rows: Vec<u64> = outcome.outputs.iter().map(|output| output.rows).collect();
    assert_eq!(rows, [ROWS.div_ceil(3), (ROWS - 1).div_ceil(3), (ROWS - 2).div_ceil(3)]);
}
