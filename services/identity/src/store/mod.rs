//! The cellar: rows and SQL, nothing else.

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod api_key;
pub(crate) mod binding;
pub(crate) mod credential;
pub(crate) mod grant;
pub(crate) mod group;
pub(crate) mod invitation;
pub(crate) mod mail;
pub(crate) mod mail_request;
pub(crate) mod one_time_token;
pub(crate) mod role;
pub(crate) mod seat;
pub(crate) mod second_factor;
pub(crate) mod service_account;
pub(crate) mod session;
pub(crate) mod signing_key;
pub(crate) mod staff;
pub(crate) mod staff_session;
pub(crate) mod subject;
pub(crate) mod tenant_key;
pub(crate) mod user;
pub(crate) mod variable;

/// A user `u` as [`user::Row`].
macro_rules! user_columns {
    () => {
        "u.id, u.email, u.username, u.full_name, u.utc_offset_minutes, u.settings::text AS settings,
        ARRAY(
            SELECT b.role
            FROM bindings AS b
            WHERE b.tenant_id = u.tenant_id AND b.subject_id = u.id AND b.project_id IS NULL
        ) AS roles,
        u.active, u.verified, u.photo_url, u.mfa_enabled, u.version, u.last_login_at, u.created_at, u.updated_at"
    };
}
pub(crate) use user_columns;
