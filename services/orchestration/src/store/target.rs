//! What schedules and hooks run, with who owns it: columns that both tables have.

use trinity_access::{ObjectKind, Path};
use trinity_ids::{JobId, ProjectId, UserId, WorkflowId};

use crate::domain::order::Target;

/// A workflow or a job, and what contains it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Columns {
    pub project_id: ProjectId,
    pub workflow_id: Option<WorkflowId>,
    pub job_id: Option<JobId>,
    pub target_owner_id: UserId,
    pub project_owner_id: UserId,
}

impl Columns {
    /// What is to run: the newest version of a workflow.
    #[must_use]
    pub fn target(&self) -> Option<Target> {
        let workflow = self.workflow_id.map(|id| Target::Workflow(id, None));
        workflow.or_else(|| self.job_id.map(Target::Job))
    }

    /// The target and what contains it: who may do something with them may do it with the schedule or hook.
    #[must_use]
    pub fn path(&self) -> Path {
        let project = Path::project(self.project_id, self.project_owner_id);
        match (self.workflow_id, self.job_id) {
            (Some(id), _) => Path::workflow(id, self.target_owner_id, project),
            (None, Some(id)) => project.containing(ObjectKind::Job, id, Some(self.target_owner_id)),
            (None, None) => project,
        }
    }
}

/// Whether the caller may see a row `r`, by the five arguments from `$n` on: everything, owner, projects, jobs, workflows.
macro_rules! visible {
    ($everything:literal, $owner:literal, $projects:literal, $jobs:literal, $workflows:literal) => {
        concat!(
            "(",
            $everything,
            " OR r.target_owner_id = ",
            $owner,
            " OR r.project_owner_id = ",
            $owner,
            " OR r.project_id = ANY (",
            $projects,
            ") OR r.job_id = ANY (",
            $jobs,
            ") OR r.workflow_id = ANY (",
            $workflows,
            "))"
        )
    };
}
pub(crate) use visible;
