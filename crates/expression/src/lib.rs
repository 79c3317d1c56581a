//! Expressions that people write on a canvas: when an edge is followed, what a fan-out goes over, which key runs share.
//!
//! They are CEL, restricted so that whatever is written ends quickly and touches nothing outside: no nested loops, no
//! functions but a few, a bound on length and depth, and on the work over the data at hand, which is estimated before an
//! evaluation. Parse once, evaluate often. Where an expression stands, and what follows from it, is no matter of this crate.

mod cost;
mod environment;
mod expression;
mod restrict;
mod value;

pub use expression::{CONDITION, CONTEXT, Expression};
pub use value::Variables;

/// How long an expression may be, in bytes.
pub const MAX_BYTES: usize = 2_000;

/// The longest message, in characters; an evaluation's error may quote data.
const MAX_MESSAGE: usize = 300;

/// What is wrong with an expression, or why it gave no answer, in words for who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    pub message: String,
}

impl Fault {
    fn new(message: impl AsRef<str>) -> Self {
        let mut message = message.as_ref().replace(['\n', '\r'], " ");
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        Self { message }
    }
}
