//! Which columns of the inputs a column of the result comes from, read off the engine's plan.

use std::collections::BTreeSet;

use datafusion::{
    common::DFSchema,
    logical_expr::{Expr, JoinType, LogicalPlan},
};

use crate::{ColumnLineage, ColumnSource, Task, job::input_name};

/// The sources of one column: table and column.
type Sources = BTreeSet<(String, String)>;

/// The sources of every column of a plan's result. What is made from nothing, as a number of rows, has none.
pub(crate) fn columns(plan: &LogicalPlan, task: &Task) -> Vec<ColumnLineage> {
    let names = plan.schema().fields().iter().map(|field| field.name().clone());
    names.zip(sources(plan)).map(|(column, found)| ColumnLineage { column, sources: resolved(&found, task) }).collect()
}

fn resolved(sources: &Sources, task: &Task) -> Vec<ColumnSource> {
    let place = |table: &str| match table {
        // A reader has one file, which comes after the inputs.
        DATASET => Some(task.inputs.len()),
        table => (0..task.inputs.len()).find(|at| input_name(*at) == table),
    };
    let known = sources.iter().filter_map(|(table, column)| {
        Some(ColumnSource { input: u32::try_from(place(table)?).ok()?, column: column.clone() })
    });
    known.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What the file behind a reader is called.
pub(crate) const DATASET: &str = "dataset";

fn sources(plan: &LogicalPlan) -> Vec<Sources> {
    match plan {
        LogicalPlan::TableScan(scan) => leaf(scan.table_name.table(), &scan.projected_schema),
        LogicalPlan::SubqueryAlias(alias) if is_input(alias.alias.table()) => leaf(alias.alias.table(), &alias.schema),
        LogicalPlan::SubqueryAlias(alias) => sources(&alias.input),
        LogicalPlan::Projection(node) => of_all(&node.expr, &node.input),
        LogicalPlan::Aggregate(node) => {
            let mut found = of_all(&node.group_expr, &node.input);
            found.extend(of_all(&node.aggr_expr, &node.input));
            found
        }
        LogicalPlan::Window(node) => {
            let mut found = sources(&node.input);
            found.extend(of_all(&node.window_expr, &node.input));
            found
        }
        LogicalPlan::Join(node) => {
            let (left, right) = (sources(&node.left), sources(&node.right));
            match node.join_type {
                JoinType::LeftSemi | JoinType::LeftAnti => left,
                JoinType::RightSemi | JoinType::RightAnti => right,
                _ => left.into_iter().chain(right).collect(),
            }
        }
        LogicalPlan::Union(node) => {
            let all = node.inputs.iter().map(|input| sources(input));
            all.reduce(|one, other| one.into_iter().zip(other).map(|(one, other)| &one | &other).collect())
                .unwrap_or_default()
        }
        _ => passed_on(plan),
    }
}

/// Nodes that keep their input's columns; for any other, every source counts for every column.
fn passed_on(plan: &LogicalPlan) -> Vec<Sources> {
    let inputs: Vec<Vec<Sources>> = plan.inputs().into_iter().map(sources).collect();
    let width = plan.schema().fields().len();
    match inputs.as_slice() {
        [one] if one.len() == width => one.clone(),
        _ => vec![inputs.into_iter().flatten().flatten().collect(); width],
    }
}

fn is_input(table: &str) -> bool {
    table == "input" || table == DATASET || table.starts_with("input_")
}

fn leaf(table: &str, schema: &DFSchema) -> Vec<Sources> {
    schema.fields().iter().map(|field| Sources::from([(table.to_owned(), field.name().clone())])).collect()
}

fn of_all(expressions: &[Expr], input: &LogicalPlan) -> Vec<Sources> {
    let below = sources(input);
    let of_one = |expression: &Expr| -> Sources {
        let columns = expression.column_refs();
        let indexes = columns.iter().filter_map(|column| input.schema().maybe_index_of_column(column));
        indexes.filter_map(|at| below.get(at)).flatten().cloned().collect()
    };
    expressions.iter().map(of_one).collect()
}
