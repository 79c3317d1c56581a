//! Where data came from and where it went.

use std::collections::HashSet;

use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{DatasetId, RunId};
use trinity_proto::orchestration as pb;

use super::run::find;
use crate::store::lineage::{self, Row};
use crate::wiring::App;

/// How many steps an answer has at the most.
const MAX_STEPS: usize = 500;
const DEFAULT_DEPTH: u32 = 5;
const MAX_DEPTH: u32 = 20;

/// Shows which datasets a run read and wrote, task by task.
///
/// # Errors
/// `NotFound`.
pub async fn of_run(
    app: &App,
    ctx: &RequestContext,
    request: pb::GetRunLineageRequest,
) -> Result<pb::GetRunLineageResponse> {
    let run: RunId = parse_id("run_id", &request.run_id)?;
    let mut tx = app.db.begin(ctx).await?;
    find(&mut tx, ctx, run, "run.read").await?;
    let limit = i64::try_from(MAX_STEPS).unwrap_or(i64::MAX);
    let rows = lineage::list_of_run(&mut tx, ctx.tenant()?, run, limit).await?;
    tx.commit().await?;
    Ok(pb::GetRunLineageResponse { steps: rows.into_iter().map(Into::into).collect() })
}

/// Follows a dataset up or down stream over all runs of its project.
///
/// # Errors
/// `NotFound` also for a dataset that no task made or read; `InvalidArgument` a bad depth.
pub async fn of_dataset(
    app: &App,
    ctx: &RequestContext,
    request: pb::GetDatasetLineageRequest,
) -> Result<pb::GetDatasetLineageResponse> {
    let (tenant, start): (_, DatasetId) = (ctx.tenant()?, parse_id("dataset_id", &request.dataset_id)?);
    let depth = depth(request.depth)?;
    let down = request.direction() == pb::LineageDirection::Down;
    let mut tx = app.db.begin(ctx).await?;
    let (project, path) =
        lineage::find_project(&mut tx, tenant, start).await?.ok_or_else(|| Error::not_found("dataset"))?;
    ctx.require("dataset.read", &path, "dataset")?;

    let (mut steps, mut seen): (Vec<Row>, HashSet<DatasetId>) = (Vec::new(), HashSet::new());
    let (mut frontier, mut truncated) = (vec![start], false);
    // Why one more than asked for: whether there is more shows only in the next step.
    for level in 0..=depth {
        if frontier.is_empty() || truncated {
            break;
        }
        let limit = i64::try_from(MAX_STEPS - steps.len() + 1).unwrap_or(i64::MAX);
        let found = if down {
            lineage::list_made(&mut tx, tenant, project, &frontier, limit).await?
        } else {
            lineage::list_makers(&mut tx, tenant, project, &frontier, limit).await?
        };
        let mut fresh: Vec<Row> = found.into_iter().filter(|row| seen.insert(row.output_dataset_id)).collect();
        truncated = if level == depth { !fresh.is_empty() } else { fresh.len() > MAX_STEPS - steps.len() };
        if level == depth {
            break;
        }
        fresh.truncate(MAX_STEPS - steps.len());
        frontier = follow(&fresh, down);
        steps.extend(fresh);
    }
    tx.commit().await?;
    Ok(pb::GetDatasetLineageResponse { steps: steps.into_iter().map(Into::into).collect(), truncated })
}

/// The datasets to go on from.
fn follow(steps: &[Row], down: bool) -> Vec<DatasetId> {
    let mut next: Vec<DatasetId> = if down {
        steps.iter().map(|row| row.output_dataset_id).collect()
    } else {
        steps.iter().flat_map(|row| row.input_dataset_ids.iter().copied().flatten()).collect()
    };
    next.sort_unstable();
    next.dedup();
    next
}

fn depth(asked: u32) -> Result<u32> {
    match asked {
        0 => Ok(DEFAULT_DEPTH),
        1..=MAX_DEPTH => Ok(asked),
        _ => Err(Error::invalid("depth", "is from 1 to 20")),
    }
}
