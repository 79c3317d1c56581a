//! What the workflow service says about what is to run.

use trinity_access::{ObjectKind, Path};
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result, Violation};
use trinity_ids::{ProjectId, TenantId, UserId};
use trinity_proto::workflow::{Fault, GetJobPlanRequest, GetPlanRequest, Plan};

use super::Launcher;
use crate::domain::order::Target;

/// The executable form of a workflow's version or of a job, and whose it is.
#[derive(Debug, Clone)]
pub struct Planned {
    pub target: Target,
    pub name: String,
    pub project: ProjectId,
    pub owner: UserId,
    pub project_owner: UserId,
    pub version: u64,
    pub plan: Plan,
    /// Not empty when it cannot run.
    pub faults: Vec<Fault>,
    /// Who is told how runs end, as JSON.
    pub notify: Option<String>,
}

impl Planned {
    /// What is to run and what contains it.
    #[must_use]
    pub fn path(&self) -> Path {
        let project = Path::project(self.project, self.project_owner);
        match self.target {
            Target::Workflow(id, _) => Path::workflow(id, self.owner, project),
            Target::Job(id) => project.containing(ObjectKind::Job, id, Some(self.owner)),
        }
    }

    /// Its kind, as permissions and errors name it.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self.target {
            Target::Workflow(..) => "workflow",
            Target::Job(_) => "job",
        }
    }

    /// Lets pass what can run.
    ///
    /// # Errors
    /// `FailedPrecondition` `WORKFLOW_NOT_RUNNABLE` with every reason.
    pub fn require_runnable(&self) -> Result<()> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let violation = |fault: &Fault| Violation {
            field: fault.place.clone(),
            reason: fault.code.clone(),
            message: fault.message.clone(),
        };
        let message = format!("the {} has faults and cannot run", self.noun());
        Err(Error::new(Code::FailedPrecondition, "WORKFLOW_NOT_RUNNABLE", message)
            .with_violations(self.faults.iter().map(violation)))
    }
}

/// Asks for the plan.
///
/// # Errors
/// `NotFound` no such workflow, version or job; `Unavailable`.
pub(super) async fn ask(
    launcher: &Launcher,
    ctx: &RequestContext,
    tenant: TenantId,
    target: Target,
) -> Result<Planned> {
    // The two answers hold the same under names of their own.
    macro_rules! planned {
        ($answer:ident, $name:ident) => {
            Ok(Planned {
                target,
                name: $answer.$name,
                project: $answer.project_id.parse().map_err(Error::internal)?,
                owner: $answer.owner_id.parse().map_err(Error::internal)?,
                project_owner: $answer.project_owner_id.parse().map_err(Error::internal)?,
                version: $answer.version,
                plan: $answer.plan.unwrap_or_default(),
                faults: $answer.faults,
                notify: $answer.notifications.map(|json| json.text).filter(|text| !matches!(text.trim(), "" | "{}")),
            })
        };
    }
    let tenant_id = tenant.to_string();
    match target {
        Target::Workflow(workflow, version) => {
            let message = GetPlanRequest { tenant_id, workflow_id: workflow.to_string(), version };
            let request = launcher.peers.request(ctx, message);
            let answer = launcher.workflows.clone().get_plan(request).await?.into_inner();
            planned!(answer, workflow_name)
        }
        Target::Job(job) => {
            let message = GetJobPlanRequest { tenant_id, job_id: job.to_string() };
            let request = launcher.peers.request(ctx, message);
            let answer = launcher.jobs.clone().get_job_plan(request).await?.into_inner();
            planned!(answer, job_name)
        }
    }
}
