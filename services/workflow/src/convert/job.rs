//! Jobs between messages and domain types.

use trinity_error::{Error, Result, parse_id};
use trinity_proto::common::Json;
use trinity_proto::workflow as pb;

use super::{text, timestamp, version_of, wanted};
use crate::domain::job::{self as rules, ChangeJob, NewJob, Step};
use crate::domain::{notifications, workflow};
use crate::store;

impl TryFrom<pb::CreateJobRequest> for NewJob {
    type Error = Error;

    fn try_from(request: pb::CreateJobRequest) -> Result<Self> {
        Ok(Self {
            wanted: wanted(&request.project_id, &request.folder_id)?,
            name: workflow::name(&request.name)?,
            description: workflow::description(request.description)?,
            package: workflow::package(&request.package)?,
            steps: steps(request.steps)?,
            notifications: text(request.notifications).map_or_else(|| Ok("{}".to_owned()), notifications::check)?,
        })
    }
}

impl TryFrom<pb::UpdateJobRequest> for ChangeJob {
    type Error = Error;

    fn try_from(request: pb::UpdateJobRequest) -> Result<Self> {
        Ok(Self {
            job: parse_id("job_id", &request.job_id)?,
            version: request.version.map(|version| version_of("version", version)).transpose()?,
            name: request.name.map(|name| workflow::name(&name)).transpose()?,
            description: request.description.map(workflow::description).transpose()?,
            package: request.package.map(|package| workflow::package(&package)).transpose()?,
            steps: (!request.steps.is_empty()).then(|| steps(request.steps)).transpose()?,
            notifications: text(request.notifications).map(notifications::check).transpose()?,
        })
    }
}

fn steps(steps: Vec<pb::JobStep>) -> Result<Vec<Step>> {
    let step = |(index, step): (usize, pb::JobStep)| {
        let dependencies = step.depends_on.iter().enumerate();
        Ok(Step {
            workflow: parse_id(&format!("steps[{index}].workflow_id"), &step.workflow_id)?,
            depends_on: dependencies
                .map(|(at, id)| parse_id(&format!("steps[{index}].depends_on[{at}]"), id))
                .collect::<Result<_>>()?,
        })
    };
    let steps: Vec<Step> = steps.into_iter().enumerate().map(step).collect::<Result<_>>()?;
    rules::check(&steps)?;
    Ok(steps)
}

/// A job as the contract shows it.
pub fn job(row: store::job::Row, steps: Vec<Step>) -> pb::Job {
    let step = |step: Step| pb::JobStep {
        workflow_id: step.workflow.into(),
        depends_on: step.depends_on.into_iter().map(String::from).collect(),
    };
    pb::Job {
        id: row.id.into(),
        project_id: row.project_id.into(),
        name: row.name,
        description: row.description,
        package: row.package,
        steps: steps.into_iter().map(step).collect(),
        notifications: Some(Json::new(row.notifications)),
        version: row.version.unsigned_abs(),
        created_by: row.created_by.into(),
        created_at: Some(timestamp(row.created_at)),
        updated_at: Some(timestamp(row.updated_at)),
        deleted_at: row.deleted_at.map(timestamp),
        folder_id: row.folder_id.map(String::from),
    }
}
