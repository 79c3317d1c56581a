//! Database errors that no `store` has given a name: unavailable when Postgres is away, otherwise our bug.

use crate::{Code, Error};

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let away = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            // A connection that breaks off in the middle of a message.
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            // Source: https://www.postgresql.org/docs/current/errcodes-appendix.html, classes 08 (connection),
            // 53 (resources) and 57P (operator intervention).
            sqlx::Error::Database(cause) => cause
                .code()
                .is_some_and(|code| code.starts_with("08") || code.starts_with("53") || code.starts_with("57P")),
            _ => false,
        };
        if away {
            return Self::unavailable("the database").with_cause(error);
        }
        match sql_state(&error).as_deref() {
            Some("40001" | "40P01") => {
                Self::new(Code::Aborted, "CONFLICT", "lost a race with another change, try again").with_cause(error)
            }
            Some("57014") => {
                Self::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "the database took too long").with_cause(error)
            }
            Some(state) if REFUSED.iter().any(|class| state.starts_with(class)) => {
                Self::new(Code::Internal, DATA_REFUSED, "something went wrong on our side").with_cause(error)
            }
            _ => Self::internal(error),
        }
    }
}

/// The reason of an error that the data itself caused: the same statement would fail for ever.
pub const DATA_REFUSED: &str = "DATA_REFUSED";
/// Source: <https://www.postgresql.org/docs/current/errcodes-appendix.html>, classes 22 (data), 23 (integrity) and 54
/// (program limit).
const REFUSED: [&str; 3] = ["22", "23", "54"];

impl Error {
    /// Whether `error` is the breach of the constraint (or unique index) of this name.
    #[must_use]
    pub fn breaches(error: &sqlx::Error, constraint: &str) -> bool {
        matches!(error, sqlx::Error::Database(cause) if cause.constraint() == Some(constraint))
    }
}

fn sql_state(error: &sqlx::Error) -> Option<String> {
    match error {
        sqlx::Error::Database(cause) => cause.code().map(std::borrow::Cow::into_owned),
        _ => None,
    }
}
