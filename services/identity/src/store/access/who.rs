//! Whose access can be asked for, and the statement for each.

use trinity_ids::{ApiKeyId, ServiceAccountId, SessionId, StaffId, UserId};
use uuid::Uuid;

use crate::domain::{Subject, SubjectKind};

/// Whose access is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    /// A user, while this session of his lives.
    Session(UserId, SessionId),
    /// A service account, while this key of its is good and the person who answers for it is active.
    Key(ServiceAccountId, ApiKeyId),
    /// A member of staff outside of every tenant, while this session of his lives.
    Staff(StaffId, SessionId),
    /// A member of staff in a tenant, while this entry and the session that it was made in live.
    Entry(StaffId, SessionId),
    /// Whom a role or grant can be given to, signed in or not.
    Subject(Subject),
}

/// Puts the statement together around the subquery that finds the caller.
macro_rules! statement {
    ($who:literal) => {
        concat!(
            "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
            SELECT own.* FROM context CROSS JOIN LATERAL (
                SELECT who.id, who.name, who.active, who.scopes, who.key_expires_at, who.entered_as, held.*, shared.*
                FROM (",
            $who,
            ") AS who
                CROSS JOIN LATERAL (
                    SELECT array_append(array_agg(m.group_id), who.id) AS ids
                    FROM group_members AS m
                    WHERE m.tenant_id = context.tenant::uuid AND m.user_id = who.id
                ) AS subject
                CROSS JOIN LATERAL (
                    SELECT array_agg(b.id) AS binding_ids,
                        array_agg(b.subject_id) AS binding_subjects,
                        array_agg(b.role) AS binding_roles,
                        array_agg(b.project_id) AS binding_projects,
                        array_agg(array_to_string(r.permissions, ' ')) AS binding_permissions
                    FROM bindings AS b
                    LEFT JOIN roles AS r ON r.tenant_id = b.tenant_id AND r.name = b.role
                    WHERE b.tenant_id = context.tenant::uuid AND b.subject_id = ANY(subject.ids)
                ) AS held
                CROSS JOIN LATERAL (
                    SELECT array_agg(g.id) AS grant_ids,
                        array_agg(g.subject_id) AS grant_subjects,
                        array_agg(g.object_type) AS grant_types,
                        array_agg(g.object_id) AS grant_objects,
                        array_agg(g.level) AS grant_levels,
                        array_agg(g.starts_at) AS grant_starts,
                        array_agg(g.expires_at) AS grant_ends
                    FROM grants AS g
                    WHERE g.tenant_id = context.tenant::uuid AND g.subject_id = ANY(subject.ids)
                        AND (g.expires_at IS NULL OR g.expires_at > now())
                ) AS shared
                OFFSET 0
            ) AS own"
        )
    };
}

const OF_SESSION: &str = statement!(
    "SELECT u.id, u.email AS name, u.active, NULL::text[] AS scopes, NULL::timestamptz AS key_expires_at,
        NULL::text AS entered_as
    FROM sessions AS s
    JOIN users AS u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
    WHERE s.tenant_id = context.tenant::uuid AND s.id = $3 AND s.user_id = $2
        AND s.revoked_at IS NULL AND s.expires_at > now() AND u.active"
);

const OF_KEY: &str = statement!(
    "SELECT a.id, a.name, true AS active, k.scopes, k.expires_at AS key_expires_at, NULL::text AS entered_as
    FROM api_keys AS k
    JOIN service_accounts AS a ON a.tenant_id = k.tenant_id AND a.id = k.service_account_id
    JOIN users AS u ON u.tenant_id = a.tenant_id AND u.id = a.owner_id
    WHERE k.tenant_id = context.tenant::uuid AND k.id = $3 AND k.service_account_id = $2
        AND k.revoked_at IS NULL AND k.expires_at > now() AND u.active"
);

const OF_STAFF: &str = statement!(
    "SELECT f.id, f.email AS name, f.active, NULL::text[] AS scopes, NULL::timestamptz AS key_expires_at,
        NULL::text AS entered_as
    FROM staff_sessions AS s
    JOIN staff AS f ON f.id = s.staff_id
    WHERE s.id = $3 AND s.staff_id = $2 AND s.revoked_at IS NULL AND s.expires_at > now() AND f.active"
);

const OF_ENTRY: &str = statement!(
    "SELECT f.id, f.email AS name, f.active, NULL::text[] AS scopes, NULL::timestamptz AS key_expires_at,
        e.role AS entered_as
    FROM staff_entries AS e
    JOIN staff_sessions AS s ON s.id = e.session_id
    JOIN staff AS f ON f.id = e.staff_id
    WHERE e.tenant_id = context.tenant::uuid AND e.id = $3 AND e.staff_id = $2 AND e.expires_at > now()
        AND s.revoked_at IS NULL AND s.expires_at > now() AND f.active"
);

const OF_USER: &str = statement!(
    "SELECT u.id, u.email AS name, u.active, NULL::text[] AS scopes, NULL::timestamptz AS key_expires_at,
        NULL::text AS entered_as
    FROM users AS u
    WHERE u.tenant_id = context.tenant::uuid AND u.id = $2"
);

const OF_GROUP: &str = statement!(
    "SELECT g.id, g.name, true AS active, NULL::text[] AS scopes, NULL::timestamptz AS key_expires_at,
        NULL::text AS entered_as
    FROM groups AS g
    WHERE g.tenant_id = context.tenant::uuid AND g.id = $2"
);

const OF_ACCOUNT: &str = statement!(
    "SELECT a.id, a.name, u.active, NULL::text[] AS scopes, NULL::timestamptz AS key_expires_at,
        NULL::text AS entered_as
    FROM service_accounts AS a
    JOIN users AS u ON u.tenant_id = a.tenant_id AND u.id = a.owner_id
    WHERE a.tenant_id = context.tenant::uuid AND a.id = $2"
);

impl Who {
    /// The statement, the caller's id, and that of what he signed in with.
    pub(super) fn query(self) -> (&'static str, Uuid, Option<Uuid>) {
        match self {
            Self::Session(user, session) => (OF_SESSION, user.uuid(), Some(session.uuid())),
            Self::Key(account, key) => (OF_KEY, account.uuid(), Some(key.uuid())),
            Self::Staff(staff, session) => (OF_STAFF, staff.uuid(), Some(session.uuid())),
            Self::Entry(staff, entry) => (OF_ENTRY, staff.uuid(), Some(entry.uuid())),
            Self::Subject(Subject { kind: SubjectKind::User, id }) => (OF_USER, id, None),
            Self::Subject(Subject { kind: SubjectKind::Group, id }) => (OF_GROUP, id, None),
            Self::Subject(Subject { kind: SubjectKind::ServiceAccount, id }) => (OF_ACCOUNT, id, None),
        }
    }

    /// The person whose own objects are the caller's.
    pub(super) fn owner(self) -> Option<UserId> {
        match self {
            Self::Session(user, _) => Some(user),
            Self::Subject(Subject { kind: SubjectKind::User, id }) => Some(id.into()),
            _ => None,
        }
    }
}
