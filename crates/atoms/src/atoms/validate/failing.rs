//! Some of the rows that fail each rule, with their number in the table.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, StringArray},
        compute,
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    functions_window::expr_fn::row_number,
};

use super::{
    check::{Checked, Plan},
    rule::Rule,
};
use crate::{Fault, OutputTable, atoms::select::named, job::Job, output::Table, types};

/// The number of a row while rows are looked for; a name that no column of people's tables has.
const ROW: &str = " row";

/// Writes the first failing rows of each failed rule.
pub(super) async fn write(
    job: &Job<'_>,
    plan: &Plan,
    rules: &[Rule],
    checked: &[Checked],
    most: usize,
) -> Result<OutputTable, Fault> {
    let (schema, shown) = shape(plan);
    let mut table = Table::start(job, "failing_rows", schema.clone()).await?;
    if most > 0 {
        let numbered = plan.frame.clone().window(vec![named(row_number(), ROW)])?;
        let back: Vec<_> = std::iter::once(ROW).chain(shown.iter().map(String::as_str)).map(types::column).collect();
        for (at, rule) in rules.iter().enumerate().filter(|(at, _)| checked[*at].failed > 0) {
            let Some(failing) = plan.rows_failing(numbered.clone(), rule, at)? else { continue };
            let first = failing.sort(vec![types::column(ROW).sort(true, false)])?.limit(0, Some(most))?;
            for batch in first.select(back.clone())?.collect().await? {
                table.write(&labelled(&schema, rule, &batch)?).await?;
            }
        }
    }
    table.finish(job, Vec::new()).await
}

/// The columns of the output, and those of the input among them.
fn shape(plan: &Plan) -> (SchemaRef, Vec<String>) {
    let input = plan.frame.schema().as_arrow();
    let free = |wanted: &str| {
        let mut name = wanted.to_owned();
        while input.column_with_name(&name).is_some() {
            name.push('_');
        }
        name
    };
    let mut fields =
        vec![Field::new(free("rule"), DataType::Utf8, false), Field::new(free("row"), DataType::Int64, true)];
    fields.extend(input.fields().iter().map(|field| Field::new(field.name(), field.data_type().clone(), true)));
    let shown = input.fields().iter().map(|field| field.name().clone()).collect();
    (Arc::new(Schema::new(fields)), shown)
}

fn labelled(schema: &SchemaRef, rule: &Rule, batch: &RecordBatch) -> Result<RecordBatch, Fault> {
    let names: ArrayRef = Arc::new(StringArray::from(vec![rule.name(); batch.num_rows()]));
    let numbers: ArrayRef = compute::cast(batch.column(0), &DataType::Int64)?;
    let columns = [names, numbers].into_iter().chain(batch.columns()[1..].iter().cloned()).collect();
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}
