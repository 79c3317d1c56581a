//! The rows of a query in the order of the file that they come from, though parts of the file are read side by side.
//!
//! Taking a CSV apart is most of what reading it costs, and one thread does it where the rows' order counts. So a large
//! one is cut into parts, of which as many are read at once as there are threads, each whole into memory, and given on
//! one after the other.

use std::sync::Arc;

use datafusion::{
    arrow::array::RecordBatch,
    common::runtime::SpawnedTask,
    config::ConfigOptions,
    datasource::{
        physical_plan::{CsvSource, FileGroup},
        source::DataSourceExec,
    },
    execution::TaskContext,
    physical_plan::{
        Distribution, ExecutionPlan, ExecutionPlanProperties, execute_stream_partitioned,
        execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions},
    },
};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};

use crate::{Fault, fault::code};

/// How much of a file makes a part: enough that cutting costs nothing beside it, and little for a thread to hold.
const PART_BYTES: u64 = 1 << 20;
/// Parts of a file; those of a very large one are larger.
const MAX_PARTS: u64 = 4_096;

/// Executes a plan whose session does one thing at a time.
pub(crate) fn in_order(
    plan: Arc<dyn ExecutionPlan>,
    task: Arc<TaskContext>,
    threads: usize,
) -> Result<BoxStream<'static, Result<RecordBatch, Fault>>, Fault> {
    let cut = if threads > 1 { cut(&plan, task.session_config().options())? } else { None };
    let Some(cut) = cut else {
        let streams = execute_stream_partitioned(plan, task)?;
        return Ok(stream::iter(streams).flatten().map_err(Fault::from).boxed());
    };
    let count = cut.output_partitioning().partition_count();
    let read = move |at| {
        let part = cut.execute(at, task.clone());
        SpawnedTask::spawn(async { part?.try_collect::<Vec<_>>().await })
    };
    let parts = stream::iter(0..count).map(read).buffered(threads).map(|part| match part {
        Ok(batches) => Ok(stream::iter(batches?).map(Ok)),
        Err(_) => Err(Fault::passing(code::INTERNAL, "reading the file broke off")),
    });
    Ok(parts.try_flatten().boxed())
}

/// The plan with its CSV file in parts; none when it reads anything else, or does more than to change row by row.
fn cut(plan: &Arc<dyn ExecutionPlan>, options: &ConfigOptions) -> Result<Option<Arc<dyn ExecutionPlan>>, Fault> {
    if plan.fetch().is_some() {
        return Ok(None);
    }
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        let Some((config, _)) = scan.downcast_to_file_source::<CsvSource>() else { return Ok(None) };
        let size: u64 = config.file_groups.iter().flat_map(FileGroup::iter).map(|file| file.object_meta.size).sum();
        let parts = (size / PART_BYTES).min(MAX_PARTS);
        let mut options = options.clone();
        options.optimizer.repartition_file_min_size = 0;
        return Ok(if parts < 2 { None } else { plan.repartitioned(usize::try_from(parts).unwrap_or(1), &options)? });
    }
    let [below] = plan.children()[..] else { return Ok(None) };
    let distribution = plan.input_distribution_requirements();
    let row_by_row = matches!(distribution.child_distribution(0), Some(Distribution::UnspecifiedDistribution))
        && plan.maintains_input_order()[..] == [true]
        && plan.output_partitioning().partition_count() == below.output_partitioning().partition_count();
    if !row_by_row {
        return Ok(None);
    }
    let Some(below) = cut(below, options)? else { return Ok(None) };
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Ok(Some(plan.clone().replace_children(vec![below], options)?))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use datafusion::prelude::{CsvReadOptions, SessionConfig, SessionContext};

    use super::*;

    /// Into how many parts the file goes when it is read so; 1 for none.
    async fn parts(query: &str) -> usize {
        let mut file = tempfile::NamedTempFile::with_suffix(".csv").unwrap();
        file.write_all(b"a,b\n").unwrap();
        file.write_all("1,some text of no meaning\n".repeat(200_000).as_bytes()).unwrap();
        let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        session.register_csv("t", file.path().to_str().unwrap(), CsvReadOptions::new()).await.unwrap();
        let plan = session.sql(query).await.unwrap().create_physical_plan().await.unwrap();
        let cut = cut(&plan, session.state().config_options()).unwrap();
        cut.map_or(1, |plan| plan.output_partitioning().partition_count())
    }

    #[tokio::test]
    async fn a_file_is_cut_only_for_what_goes_row_by_row() {
        assert_eq!(parts("SELECT * FROM t").await, 4);
        assert_eq!(parts("SELECT a + 1, upper(b) FROM t WHERE a > 0").await, 4);
        for whole in [
            "SELECT * FROM t LIMIT 10",
            "SELECT * FROM t OFFSET 10",
            "SELECT * FROM t WHERE a > 0 LIMIT 10",
            "SELECT * FROM t ORDER BY a",
            "SELECT count(*) FROM t",
            "SELECT b, sum(a) FROM t GROUP BY b",
            "SELECT DISTINCT b FROM t",
            "SELECT sum(a) OVER (PARTITION BY b) FROM t",
            "SELECT row_number() OVER () FROM t",
            "SELECT * FROM t UNION ALL SELECT * FROM t",
            "SELECT * FROM t JOIN t AS o USING (a)",
        ] {
            assert_eq!(parts(whole).await, 1, "{whole}");
        }
    }
}
