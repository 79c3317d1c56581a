//! The cellar: rows and SQL, nothing else.

pub(crate) mod credential;
pub(crate) mod session;
pub(crate) mod signing_key;
pub(crate) mod user;

/// A user `u` as [`user::Row`].
macro_rules! user_columns {
    () => {
        "u.id, u.email, u.username, u.full_name, u.utc_offset_minutes, u.settings::text AS settings, u.roles, u.active,
        u.verified, u.version, u.last_login_at, u.created_at, u.updated_at"
    };
}
pub(crate) use user_columns;
