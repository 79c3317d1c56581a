//! Whether, where and why somebody may do something: always by the same statement and the same [`Access`].

use chrono::{DateTime, Utc};
use trinity_access::{Access, Path, Permissions, Reason};
use trinity_context::{Caller, RequestContext, read_word};
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{TenantId, UserId};
use trinity_proto::identity as pb;
use trinity_proto::identity::get_access_request::Who as Asked;
use uuid::Uuid;

use super::{locate, reach};
use crate::convert;
use crate::domain::{Subject, SubjectKind};
use crate::store::access::{Held, Loaded, Who, load};
use crate::wiring::App;

/// A question that can be answered.
struct Question {
    loaded: Loaded,
    /// None asks about the whole tenant.
    path: Option<Path>,
}

/// Answers whether somebody may do something. What the caller cannot see answers like what does not exist: no.
///
/// # Errors
/// `InvalidArgument` naming the field; `PermissionDenied` about others without `access.read`; `NotFound` without the
/// subject.
pub async fn check(app: &App, ctx: &RequestContext, request: &pb::CheckRequest) -> Result<pb::CheckResponse> {
    let question = ask(app, ctx, request).await?;
    let allowed = question.is_some_and(|question| {
        let reasons = question.loaded.access.reasons(&request.permission, question.path.as_ref(), Utc::now());
        reasons.count() > 0
    });
    Ok(pb::CheckResponse { allowed })
}

/// Lists where the caller may do something.
///
/// # Errors
/// `InvalidArgument` when there is no such permission.
pub async fn list_accessible(
    app: &App,
    ctx: &RequestContext,
    request: &pb::ListAccessibleRequest,
) -> Result<pb::ListAccessibleResponse> {
    require_word(&request.permission)?;
    let loaded = load(&app.db, ctx, caller(ctx)?).await?.ok_or_else(Error::unauthenticated)?;
    Ok(convert::access::accessible(loaded.access.visible(&request.permission, Utc::now())))
}

/// Says what lets somebody do something.
///
/// # Errors
/// As [`check`].
pub async fn explain(app: &App, ctx: &RequestContext, request: pb::ExplainRequest) -> Result<pb::ExplainResponse> {
    let pb::ExplainRequest { permission, object_type, object_id, subject } = request;
    let request = pb::CheckRequest { permission, object_type, object_id, subject };
    let Some(question) = ask(app, ctx, &request).await? else { return Ok(pb::ExplainResponse::default()) };
    let Question { loaded, path } = question;
    let reasons: Vec<_> = loaded
        .access
        .reasons(&request.permission, path.as_ref(), Utc::now())
        .flat_map(|reason| explained(&loaded, &request.permission, reason))
        .collect();
    Ok(pb::ExplainResponse { allowed: !reasons.is_empty(), reasons })
}

/// Everything that a caller may do, for the services.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound` when the caller is not, or no longer, somebody; `Unavailable` when nobody can say
/// what is in the folders that are shared with him.
pub async fn get(app: &App, ctx: &RequestContext, request: &pb::GetAccessRequest) -> Result<pb::GetAccessResponse> {
    let tenant = match request.tenant_id.as_str() {
        "" => None,
        id => Some(parse_id::<TenantId>("tenant_id", id)?),
    };
    let who = match (request.who.as_ref().ok_or_else(|| Error::required("who"))?, tenant) {
        (Asked::User(user), Some(_)) => {
            Who::Session(parse_id("user.user_id", &user.user_id)?, parse_id("user.session_id", &user.session_id)?)
        }
        (Asked::ServiceAccount(account), Some(_)) => Who::Key(
            parse_id("service_account.service_account_id", &account.service_account_id)?,
            parse_id("service_account.key_id", &account.key_id)?,
        ),
        (Asked::Staff(staff), tenant) => {
            let id = parse_id("staff.staff_id", &staff.staff_id)?;
            let session = parse_id("staff.session_id", &staff.session_id)?;
            if tenant.is_some() { Who::Entry(id, session) } else { Who::Staff(id, session) }
        }
        (_, None) => return Err(Error::required("tenant_id")),
    };
    let ctx = ctx.for_tenant(tenant.unwrap_or(TenantId::NIL));
    let loaded = load(&app.db, &ctx, who).await?.ok_or_else(|| Error::not_found("caller"))?;
    let reaches = reach::of(app, &ctx, &loaded.access).await?;
    if let (Who::Key(_, key), Some(tenant)) = (who, tenant) {
        app.key_uses.note(tenant, key);
    }
    Ok(convert::access::loaded(loaded, reaches))
}

/// Answers whether a user may do something now, for a service that is about to do it in his name.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub async fn check_user(
    app: &App,
    ctx: &RequestContext,
    request: &pb::CheckUserRequest,
) -> Result<pb::CheckUserResponse> {
    require_word(&request.permission)?;
    let ctx = ctx.for_tenant(parse_id("tenant_id", &request.tenant_id)?);
    let user: UserId = parse_id("user_id", &request.user_id)?;
    let subject = Subject { kind: SubjectKind::User, id: user.uuid() };
    let object = locate::parse(&request.object_type, &request.object_id)?;
    let (Some(loaded), Some(path)) =
        (load(&app.db, &ctx, Who::Subject(subject)).await?, locate::find(app, &ctx, object).await?)
    else {
        return Ok(pb::CheckUserResponse::default());
    };
    Ok(pb::CheckUserResponse { allowed: loaded.access.allows(&request.permission, &path, Utc::now()) })
}

/// Gathers what a question needs. None when it is about an object that is not there for the caller.
async fn ask(app: &App, ctx: &RequestContext, request: &pb::CheckRequest) -> Result<Option<Question>> {
    require_word(&request.permission)?;
    let other = other(ctx, request.subject.as_ref())?;
    let path = match (request.object_type.as_str(), request.object_id.as_str()) {
        ("", "") => None,
        ("", _) => return Err(Error::required("object_type")),
        (object_type, id) => match find_for(app, ctx, object_type, id, other.is_some()).await? {
            Some(path) => Some(path),
            None => return Ok(None),
        },
    };
    let who = other.map_or_else(|| caller(ctx), |subject| Ok(Who::Subject(subject)))?;
    let loaded = load(&app.db, ctx, who).await?;
    let loaded = loaded.ok_or_else(|| other.map_or_else(Error::unauthenticated, |subject| subject.kind.not_found()))?;
    Ok(Some(Question { loaded, path }))
}

/// Finds an object; about others one may ask only on what one sees oneself.
async fn find_for(app: &App, ctx: &RequestContext, kind: &str, id: &str, about_other: bool) -> Result<Option<Path>> {
    let object = locate::parse(kind, id)?;
    let path = locate::find(app, ctx, object).await?;
    let (access, now) = (ctx.access()?, Utc::now());
    Ok(path.filter(|path| !about_other || sees(access, object.kind.name(), path, now)))
}

fn sees(access: &Access, noun: &str, path: &Path, now: DateTime<Utc>) -> bool {
    access.allows(&read_word(noun), path, now)
}

/// The subject that is asked about, when it is not the caller himself.
fn other(ctx: &RequestContext, asked: Option<&pb::Subject>) -> Result<Option<Subject>> {
    let Some(asked) = asked else { return Ok(None) };
    let subject = convert::access::subject(Some(asked))?;
    let own = match &ctx.caller {
        Caller::User { user, .. } => Some(user.uuid()),
        Caller::ServiceAccount { account, .. } => Some(account.uuid()),
        _ => None,
    };
    if own == Some(subject.id) {
        return Ok(None);
    }
    if !ctx.access()?.allows_in_tenant("access.read") {
        return Err(Error::permission_denied("access.read"));
    }
    Ok(Some(subject))
}

fn caller(ctx: &RequestContext) -> Result<Who> {
    match &ctx.caller {
        Caller::User { user, session, .. } => Ok(Who::Session(*user, *session)),
        Caller::ServiceAccount { account, key, .. } => Ok(Who::Key(*account, *key)),
        Caller::Staff { staff, session, entered: Some(_) } => Ok(Who::Entry(*staff, *session)),
        Caller::Staff { entered: None, .. } | Caller::Anonymous | Caller::Service { .. } => {
            Err(Error::unauthenticated())
        }
    }
}

fn require_word(permission: &str) -> Result<()> {
    match permission {
        "" => Err(Error::required("permission")),
        word if Permissions::exists(word) => Ok(()),
        _ => Err(Error::invalid("permission", "is not a permission")),
    }
}

/// Every binding, grant or ownership behind a reason.
fn explained(loaded: &Loaded, permission: &str, reason: Reason<'_>) -> Vec<pb::Reason> {
    let bindings = |project: Option<Uuid>| {
        let behind = move |held: &&Held| held.project == project && held.permissions.has(permission);
        loaded.bindings.iter().filter(behind).map(of_binding).collect()
    };
    match reason {
        Reason::Tenant if loaded.bindings.is_empty() => vec![pb::Reason {
            kind: "entry".to_owned(),
            gives: loaded.access.roles.join(" "),
            object_type: "tenant".to_owned(),
            ..pb::Reason::default()
        }],
        Reason::Tenant => bindings(None),
        Reason::Project(id) => bindings(Some(id)),
        Reason::Ownership(object) => vec![pb::Reason {
            kind: "ownership".to_owned(),
            id: object.id.to_string(),
            gives: trinity_access::Level::Admin.name().to_owned(),
            group_id: String::new(),
            object_type: object.kind.name().to_owned(),
            object_id: object.id.to_string(),
        }],
        Reason::Grant(grant) => vec![pb::Reason {
            kind: "grant".to_owned(),
            id: grant.id.to_string(),
            gives: grant.level.name().to_owned(),
            group_id: loaded.grant_groups.get(&grant.id).map(Uuid::to_string).unwrap_or_default(),
            object_type: grant.object.kind.name().to_owned(),
            object_id: grant.object.id.to_string(),
        }],
    }
}

fn of_binding(held: &Held) -> pb::Reason {
    pb::Reason {
        kind: "binding".to_owned(),
        id: held.id.to_string(),
        gives: held.role.clone(),
        group_id: held.group.map(|group| group.to_string()).unwrap_or_default(),
        object_type: if held.project.is_some() { "project" } else { "tenant" }.to_owned(),
        object_id: held.project.map(|project| project.to_string()).unwrap_or_default(),
    }
}
