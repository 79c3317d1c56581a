//! What can be wrong with a canvas, and where.

use serde::{Deserialize, Serialize};

/// Longest message in characters; messages may quote what was sent.
const MAX_MESSAGE: usize = 300;

/// The kind of a fault: a stable word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// Not JSON, a wrong type, a missing field, a limit passed.
    Malformed,
    /// An id that stands for two things.
    DuplicateId,
    /// An atom that the catalogue does not have.
    UnknownAtom,
    /// A version that the catalogue does not have.
    UnknownVersion,
    /// A config that the atom's schema refuses.
    BadConfig,
    /// A connection that leads to nothing.
    DanglingEdge,
    /// A connection from a thing to itself.
    SelfEdge,
    /// Connections that lead back to their start.
    Cycle,
    /// A connection of no known type.
    BadEdge,
    /// A conditional connection without its expression.
    MissingWhen,
    /// An expression that is none.
    BadExpression,
    /// A workflow that is a part of itself.
    SelfCall,
    /// More inputs than the atom takes.
    TooManyInputs,
    /// Fewer inputs than the atom needs.
    MissingInput,
    /// An atom that needs input and is connected to nothing.
    Unconnected,
    /// A config whose dataset has yet to be chosen.
    MissingDataset,
    /// A config whose workflow has yet to be chosen.
    MissingWorkflow,
    /// A workflow that the project does not have, or not any more.
    UnknownWorkflow,
    /// A molecule or a canvas without atoms, or a job without steps.
    Empty,
}

impl FaultCode {
    /// The word itself.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::DuplicateId => "duplicate_id",
            Self::UnknownAtom => "unknown_atom",
            Self::UnknownVersion => "unknown_version",
            Self::BadConfig => "bad_config",
            Self::DanglingEdge => "dangling_edge",
            Self::SelfEdge => "self_edge",
            Self::Cycle => "cycle",
            Self::BadEdge => "bad_edge",
            Self::MissingWhen => "missing_when",
            Self::BadExpression => "bad_expression",
            Self::SelfCall => "self_call",
            Self::TooManyInputs => "too_many_inputs",
            Self::MissingInput => "missing_input",
            Self::Unconnected => "unconnected",
            Self::MissingDataset => "missing_dataset",
            Self::MissingWorkflow => "missing_workflow",
            Self::UnknownWorkflow => "unknown_workflow",
            Self::Empty => "empty",
        }
    }

    /// Whether a draft may have it: it can be saved, and not run.
    #[must_use]
    pub const fn is_draft(self) -> bool {
        matches!(
            self,
            Self::MissingInput
                | Self::Unconnected
                | Self::MissingDataset
                | Self::MissingWorkflow
                | Self::UnknownWorkflow
                | Self::Empty
        )
    }
}

/// Something wrong with a canvas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Such as `molecules[0].atoms[1].config.where`; `canvas` for the whole.
    pub place: String,
    pub code: FaultCode,
    /// For a person.
    pub message: String,
}

impl Fault {
    /// A fault at a place; the message is cut when it is very long.
    #[must_use]
    pub fn new(place: impl Into<String>, code: FaultCode, message: impl Into<String>) -> Self {
        let (mut place, mut message) = (place.into(), message.into());
        if place.is_empty() {
            "canvas".clone_into(&mut place);
        }
        for text in [&mut place, &mut message] {
            if let Some((end, _)) = text.char_indices().nth(MAX_MESSAGE) {
                text.truncate(end);
                text.push('…');
            }
        }
        Self { place, code, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_word_is_the_one_shown() {
        for code in [FaultCode::Malformed, FaultCode::BadExpression, FaultCode::UnknownWorkflow, FaultCode::SelfEdge] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.word());
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let fault = Fault::new("", FaultCode::Cycle, "→".repeat(1000));
        assert_eq!(fault.place, "canvas");
        assert_eq!(fault.message.chars().count(), MAX_MESSAGE + 1);
    }
}
