//! Whom roles and grants are given to.

use trinity_error::{Error, Result};
use uuid::Uuid;

/// The kinds of subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    User,
    Group,
    ServiceAccount,
}

impl SubjectKind {
    /// Its name in rows and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::ServiceAccount => "service_account",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::User, Self::Group, Self::ServiceAccount].into_iter().find(|kind| kind.name() == name)
    }

    /// What is answered when there is none of this id.
    pub fn not_found(self) -> Error {
        Error::not_found(self.name())
    }
}

/// One subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    pub kind: SubjectKind,
    pub id: Uuid,
}

impl Subject {
    /// Takes a subject as it was stored.
    ///
    /// # Errors
    /// `Internal` for a kind that the table does not admit.
    pub fn stored(kind: &str, id: Uuid) -> Result<Self> {
        let kind = SubjectKind::parse(kind).ok_or_else(|| Error::internal("a stored subject has no known kind"))?;
        Ok(Self { kind, id })
    }
}
