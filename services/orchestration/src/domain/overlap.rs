//! What becomes of a fire time at which the run before has not ended.

/// The policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// No run.
    Skip,
    /// The run starts when the one before has ended.
    Queue,
    /// The run starts beside it.
    Allow,
}

impl Overlap {
    /// Its word in the database.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::Allow => "allow",
        }
    }

    /// The policy of this word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Skip, Self::Queue, Self::Allow].into_iter().find(|one| one.text() == text)
    }
}
