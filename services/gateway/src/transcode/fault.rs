//! What can be wrong with a request, and where.

use std::fmt::Write as _;

/// One thing wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The path of the field, such as `settings` or `tags[2]`; empty for the body as a whole.
    pub field: String,
    pub reason: Reason,
    /// Short, lower-case, without the value that was sent.
    pub message: String,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Not JSON at all.
    MalformedJson {
        line: usize,
        column: usize,
    },
    WrongType,
    UnknownField,
    DuplicateField,
    OutOfRange,
    UnknownWord,
    BadTimestamp,
    BadBase64,
    TooDeep,
    Required,
}

impl Reason {
    /// The stable word that clients may compare.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::MalformedJson { .. } => "malformed_json",
            Self::WrongType => "wrong_type",
            Self::UnknownField => "unknown_field",
            Self::DuplicateField => "duplicate_field",
            Self::OutOfRange => "out_of_range",
            Self::UnknownWord => "unknown_word",
            Self::BadTimestamp => "bad_timestamp",
            Self::BadBase64 => "bad_base64",
            Self::TooDeep => "too_deep",
            Self::Required => "required",
        }
    }
}

impl Fault {
    /// A fault of a field.
    pub fn new(field: impl Into<String>, reason: Reason, message: impl Into<String>) -> Self {
        Self { field: field.into(), reason, message: message.into() }
    }
}

/// A step on the way to a field.
#[derive(Debug, Clone)]
pub enum Step<'s> {
    Field(&'s str),
    Index(usize),
    /// A key that no schema knows.
    Key(String),
}

/// Writes steps as `a.b[2]`.
#[must_use]
pub fn path(steps: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in steps {
        let name = match step {
            Step::Field(name) => name,
            Step::Key(key) => key.as_str(),
            Step::Index(index) => {
                let _ = write!(text, "[{index}]");
                continue;
            }
        };
        if !text.is_empty() {
            text.push('.');
        }
        text.extend(name.chars().take(100));
    }
    text
}
