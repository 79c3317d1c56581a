//! Identifiers as types of their own, so that a run's id can never stand where a task's is asked for.
//!
//! Every id is a UUID version 7: new ones sort by the time at which they were made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a UUID")
    }
}

impl std::error::Error for InvalidId {}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new id of this moment.
            #[must_use]
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id that no row has: for what belongs to the installation and not to a tenant.
            pub const NIL: Self = Self(Uuid::nil());

            /// The id as a plain UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.to_string()
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                // Why: one spelling only, so that an id can be compared as text anywhere.
                let id = Uuid::try_parse(text).map_err(|_| InvalidId)?;
                if text.len() == 36 { Ok(Self(id)) } else { Err(InvalidId) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )+};
}

ids! {
    /// A company.
    TenantId,
    /// A person of a tenant.
    UserId,
    /// One login on one device.
    SessionId,
    /// A container of datasets and workflows.
    ProjectId,
    /// A shelf in a project.
    FolderId,
    /// A table stored as a file.
    DatasetId,
    /// A versioned graph of atoms.
    WorkflowId,
    /// Workflows that run together.
    JobId,
    /// When runs start by the clock.
    ScheduleId,
    /// A secret address that starts runs.
    HookId,
    /// One execution of a workflow.
    RunId,
    /// One atom's execution in a run.
    TaskId,
    /// A process that executes tasks.
    WorkerId,
    /// Something that happened.
    EventId,
    /// Users who share permissions.
    GroupId,
    /// A role given to somebody.
    BindingId,
    /// An object shared with somebody.
    GrantId,
    /// A program of a tenant.
    ServiceAccountId,
    /// What a program signs in with.
    ApiKeyId,
    /// An open door for one address.
    InvitationId,
    /// An operator of the installation.
    StaffId,
    /// Days on which schedules do not fire.
    CalendarId,
    /// Something that one person should know.
    NotificationId,
    /// An address of another system.
    WebhookTargetId,
    /// A message on its way to such an address, or to a mailbox.
    DeliveryId,
}
