//! Which columns of the inputs a column of the result comes from, read off the engine's plan.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::{
    common::DFSchema,
    logical_expr::{Expr, JoinType, LogicalPlan},
};

/// The sources of one column, as `input.column`.
type Sources = BTreeSet<String>;

/// The sources of every column of a plan's result, by name.
pub(crate) fn columns(plan: &LogicalPlan) -> BTreeMap<String, Sources> {
    plan.schema().fields().iter().map(|field| field.name().clone()).zip(sources(plan)).collect()
}

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
    table == "input" || table == "dataset" || table.starts_with("input_")
}

fn leaf(table: &str, schema: &DFSchema) -> Vec<Sources> {
    schema.fields().iter().map(|field| Sources::from([format!("{table}.{}", field.name())])).collect()
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
