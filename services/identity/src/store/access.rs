//! All that one caller or subject may do, in one statement: whether he is still good, his roles and his grants.
//!
//! What decides for services and what answers `Check` and `Explain` is read here and nowhere else.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_access::{Access, Grant, Permissions};
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::Result;
use trinity_ids::TenantId;
use uuid::Uuid;

use super::grant;
use crate::domain::{Roles, reading};

mod who;

pub use who::Who;

/// A binding as somebody holds it.
#[derive(Debug, Clone)]
pub struct Held {
    pub id: Uuid,
    pub role: String,
    pub permissions: Permissions,
    pub project: Option<Uuid>,
    /// The group through which it came.
    pub group: Option<Uuid>,
}

/// What somebody may do, and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub access: Access,
    pub bindings: Vec<Held>,
    /// The groups through which grants came, by grant.
    pub grant_groups: HashMap<Uuid, Uuid>,
    /// The words to which an API key is limited; no limit when it is empty.
    pub scopes: Vec<String>,
    pub key_expires_at: Option<DateTime<Utc>>,
}

/// What `who` may do in the context's tenant, in one round trip. None when he is not, or no longer, somebody.
pub async fn load(db: &Db, ctx: &RequestContext, who: Who) -> Result<Option<Loaded>> {
    let (statement, id, with) = who.query();
    let row = db.read_one::<Row>(ctx, statement, |query| match with {
        Some(with) => query.bind(id).bind(with),
        None => query.bind(id),
    });
    row.await?.map(|row| row.loaded(who)).transpose()
}

/// As [`load`], inside a transaction of the tenant, which may have locked what it asks about.
pub async fn load_in(tx: &mut PgConnection, tenant: TenantId, who: Who) -> Result<Option<Loaded>> {
    let (statement, id, with) = who.query();
    let query = sqlx::query_as::<_, Row>(statement).bind(tenant.to_string()).bind(id);
    let query = if let Some(with) = with { query.bind(with) } else { query };
    query.fetch_optional(tx).await?.map(|row| row.loaded(who)).transpose()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    name: String,
    active: bool,
    scopes: Option<Vec<String>>,
    key_expires_at: Option<DateTime<Utc>>,
    entered_as: Option<String>,
    binding_ids: Option<Vec<Uuid>>,
    binding_subjects: Option<Vec<Uuid>>,
    binding_roles: Option<Vec<String>>,
    binding_projects: Option<Vec<Option<Uuid>>>,
    binding_permissions: Option<Vec<Option<String>>>,
    grant_ids: Option<Vec<Uuid>>,
    grant_subjects: Option<Vec<Uuid>>,
    grant_types: Option<Vec<String>>,
    grant_objects: Option<Vec<Uuid>>,
    grant_levels: Option<Vec<String>>,
    grant_starts: Option<Vec<Option<DateTime<Utc>>>>,
    grant_ends: Option<Vec<Option<DateTime<Utc>>>>,
}

impl Row {
    fn loaded(mut self, who: Who) -> Result<Loaded> {
        let bindings = self.held();
        let (grants, grant_groups) = self.grants()?;
        let scopes = self.scopes.take().unwrap_or_default();
        let mut loaded = Loaded {
            access: Access { name: self.name, ..Access::default() },
            bindings: Vec::new(),
            grant_groups,
            key_expires_at: self.key_expires_at,
            scopes,
        };
        if !self.active {
            return Ok(loaded);
        }
        let access = &mut loaded.access;
        access.owner = who.owner();
        access.grants = grants;
        access.scopes = (!loaded.scopes.is_empty()).then(|| Permissions::of(loaded.scopes.iter().map(String::as_str)));
        let mut roles: Vec<String> = self.entered_as.into_iter().collect();
        access.tenant = roles.iter().map(|role| entered(role)).fold(Permissions::NONE, Permissions::union);
        for held in &bindings {
            if let Some(project) = held.project {
                let all = access.projects.entry(project).or_insert(Permissions::NONE);
                *all = all.union(held.permissions);
            } else {
                access.tenant = access.tenant.union(held.permissions);
                roles.push(held.role.clone());
            }
        }
        access.roles = Roles::stored(roles).names().to_vec();
        loaded.bindings = bindings;
        Ok(loaded)
    }

    fn held(&mut self) -> Vec<Held> {
        let own = self.id;
        let subjects = self.binding_subjects.take().unwrap_or_default();
        let roles = self.binding_roles.take().unwrap_or_default();
        let projects = self.binding_projects.take().unwrap_or_default();
        let permissions = self.binding_permissions.take().unwrap_or_default();
        let ids = self.binding_ids.take().unwrap_or_default();
        let rows = ids.into_iter().zip(subjects).zip(roles).zip(projects).zip(permissions);
        rows.map(|((((id, subject), role), project), words)| Held {
            id,
            permissions: given(&role, words.as_deref()),
            role,
            project,
            group: (subject != own).then_some(subject),
        })
        .collect()
    }

    fn grants(&mut self) -> Result<(Vec<Grant>, HashMap<Uuid, Uuid>)> {
        let (mut grants, mut groups) = (Vec::new(), HashMap::new());
        let subjects = self.grant_subjects.take().unwrap_or_default();
        let types = self.grant_types.take().unwrap_or_default();
        let objects = self.grant_objects.take().unwrap_or_default();
        let levels = self.grant_levels.take().unwrap_or_default();
        let starts = self.grant_starts.take().unwrap_or_default();
        let ends = self.grant_ends.take().unwrap_or_default();
        for (place, id) in self.grant_ids.take().unwrap_or_default().into_iter().enumerate() {
            grants.push(Grant {
                id,
                object: grant::object(&types[place], objects[place])?,
                level: grant::level(&levels[place])?,
                starts_at: starts[place],
                expires_at: ends[place],
            });
            if subjects[place] != self.id {
                groups.insert(id, subjects[place]);
            }
        }
        Ok((grants, groups))
    }
}

/// What a role lets its holders do; `words` are those of the tenant's own.
fn given(role: &str, words: Option<&str>) -> Permissions {
    match trinity_access::role(role) {
        Some(built_in) => built_in.permissions(),
        None => Permissions::of(words.unwrap_or_default().split(' ')),
    }
}

/// What a role lets staff do who have entered: read.
fn entered(role: &str) -> Permissions {
    given(role, None).intersection(reading())
}
