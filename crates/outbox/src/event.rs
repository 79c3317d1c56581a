//! Something that happened in this service.

/// What a handler announces. Documents are JSON texts, kept as they are.
#[derive(Debug, Clone, Default)]
pub struct Event {
    /// Such as `project.create`; the same word as the policy's audit action.
    pub action: &'static str,
    /// `OK` unless it tells of a refusal.
    pub outcome: Option<String>,
    /// The kind of object, such as `project`.
    pub object_type: &'static str,
    /// The object's id.
    pub object_id: String,
    /// The object's name at that time.
    pub object_name: String,
    /// The object before, as JSON.
    pub before: Option<String>,
    /// The object after, as JSON.
    pub after: Option<String>,
    /// The actor's id when it is not the caller's: the user of a login, who is nobody before it.
    pub actor_id: Option<String>,
}
