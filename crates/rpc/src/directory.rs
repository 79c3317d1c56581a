//! Keys, permissions and standings from the services that own them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tonic::{Code, Status};
use trinity_access::{Access, Grant, Level, Limits, Object, ObjectKind, Permissions, Standing};
use trinity_authz::{ApiKeyText, Directory, JsonWebKey};
use trinity_context::{Caller, RequestContext};
use trinity_error::{Error, Result};
use trinity_ids::TenantId;
use trinity_proto::Timestamp;
use trinity_proto::identity::access_service_client::AccessServiceClient;
use trinity_proto::identity::auth_service_client::AuthServiceClient;
use trinity_proto::identity::get_access_request::Who;
use trinity_proto::identity::service_account_service_client::ServiceAccountServiceClient;
use trinity_proto::identity::{self as pb, AuthenticateApiKeyRequest, GetAccessRequest, GetJwksRequest};
use trinity_proto::tenant::tenant_service_client::TenantServiceClient;
use trinity_proto::tenant::{GetStandingRequest, GetStandingResponse, TenantStatus};

use crate::{Channel, Peers};

/// The largest answer about a caller: many grants on folders, each with tens of thousands of ids that it reaches.
const MAX_ACCESS_BYTES: usize = 32 << 20;

/// A directory over the identity and tenant services.
pub struct PeerDirectory {
    peers: Peers,
    auth: AuthServiceClient<Channel>,
    access: AccessServiceClient<Channel>,
    accounts: ServiceAccountServiceClient<Channel>,
    tenant: TenantServiceClient<Channel>,
}

impl PeerDirectory {
    /// # Errors
    /// Names the setting of a peer that is missing.
    pub fn new(peers: &Peers) -> anyhow::Result<Self> {
        let identity = peers.channel("identity")?;
        Ok(Self {
            auth: AuthServiceClient::new(identity.clone()),
            access: AccessServiceClient::new(identity.clone()).max_decoding_message_size(MAX_ACCESS_BYTES),
            accounts: ServiceAccountServiceClient::new(identity),
            tenant: TenantServiceClient::new(peers.channel("tenant")?),
            peers: peers.clone(),
        })
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        self.peers.request(&RequestContext::service("directory"), message)
    }
}

#[async_trait]
impl Directory for PeerDirectory {
    async fn keys(&self) -> Result<Vec<JsonWebKey>> {
        let answer = self.auth.clone().get_jwks(self.request(GetJwksRequest {})).await?.into_inner();
        Ok(answer.keys.into_iter().map(|key| JsonWebKey { kid: key.kid, x: key.x }).collect())
    }

    async fn access(&self, caller: &Caller) -> Result<Option<Access>> {
        let (who, owner) = match caller {
            Caller::User { user, session, .. } => {
                let who = pb::UserSession { user_id: user.to_string(), session_id: session.to_string() };
                (Who::User(who), Some(*user))
            }
            Caller::ServiceAccount { account, key, .. } => {
                let who = pb::AccountKey { service_account_id: account.to_string(), key_id: key.to_string() };
                (Who::ServiceAccount(who), None)
            }
            Caller::Staff { staff, session, .. } => {
                let who = pb::StaffSession { staff_id: staff.to_string(), session_id: session.to_string() };
                (Who::Staff(who), None)
            }
            Caller::Anonymous | Caller::Service { .. } => return Ok(None),
        };
        let tenant_id = caller.tenant().map(String::from).unwrap_or_default();
        let request = self.request(GetAccessRequest { tenant_id, who: Some(who) });
        let answer = found(self.access.clone().get_access(request).await)?;
        answer.map(|answer| Ok(Access { owner, ..access(answer)? })).transpose()
    }

    async fn standing(&self, tenant: TenantId) -> Result<Standing> {
        let request = self.request(GetStandingRequest { tenant_id: tenant.to_string() });
        // Why: a tenant that is gone has no session left either; whoever still comes is nobody.
        let answer = found(self.tenant.clone().get_standing(request).await)?.ok_or_else(Error::unauthenticated)?;
        Ok(standing(answer))
    }

    async fn api_key(&self, key: &ApiKeyText) -> Result<Option<Caller>> {
        let request = self.request(AuthenticateApiKeyRequest { key: key.text().to_owned() });
        let answer = found(self.accounts.clone().authenticate_api_key(request).await)?;
        answer
            .map(|answer| {
                Ok(Caller::ServiceAccount {
                    tenant: answered(&answer.tenant_id)?,
                    account: answered(&answer.service_account_id)?,
                    key: answered(&answer.api_key_id)?,
                    owner: answered(&answer.owner_id)?,
                })
            })
            .transpose()
    }
}

fn found<T>(answer: Result<tonic::Response<T>, Status>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

fn access(answer: pb::GetAccessResponse) -> Result<Access> {
    let words = |names: &[String]| Permissions::of(names.iter().map(String::as_str));
    let project = |project: &pb::ProjectPermissions| Ok((answered(&project.project_id)?, words(&project.permissions)));
    let mut grants: Vec<Grant> =
        answer.grants.iter().filter_map(|grant| self::grant(grant).transpose()).collect::<Result<_>>()?;
    for reach in &answer.reaches {
        extend(&mut grants, reach)?;
    }
    Ok(Access {
        name: answer.name,
        roles: answer.roles,
        tenant: words(&answer.permissions),
        projects: answer.projects.iter().map(project).collect::<Result<_>>()?,
        grants,
        owner: None,
        scopes: (!answer.scopes.is_empty()).then(|| words(&answer.scopes)),
    })
}

/// A grant; `None` for one on a kind of object, or of a level, that this version does not know.
fn grant(grant: &pb::Grant) -> Result<Option<Grant>> {
    let (Some(kind), Some(level)) = (ObjectKind::parse(&grant.object_type), level(grant.level())) else {
        return Ok(None);
    };
    Ok(Some(Grant {
        id: answered(&grant.id)?,
        object: Object { kind, id: answered(&grant.object_id)? },
        level,
        starts_at: grant.starts_at.as_ref().map(moment),
        expires_at: grant.expires_at.as_ref().map(moment),
    }))
}

/// Adds to a grant on a folder the same on all that the folder contains, so that every service can judge an object by
/// itself and its project.
fn extend(grants: &mut Vec<Grant>, reach: &pb::Reach) -> Result<()> {
    let id: uuid::Uuid = answered(&reach.grant_id)?;
    let Some(grant) = grants.iter().find(|grant| grant.id == id).cloned() else { return Ok(()) };
    let reached = [
        (ObjectKind::Folder, &reach.folder_ids),
        (ObjectKind::Job, &reach.job_ids),
        (ObjectKind::Workflow, &reach.workflow_ids),
    ];
    for (kind, ids) in reached {
        for id in ids {
            grants.push(Grant { object: Object { kind, id: answered(id)? }, ..grant.clone() });
        }
    }
    Ok(())
}

const fn level(level: pb::Level) -> Option<Level> {
    match level {
        pb::Level::View => Some(Level::View),
        pb::Level::Edit => Some(Level::Edit),
        pb::Level::Admin => Some(Level::Admin),
        pb::Level::Unspecified => None,
    }
}

fn moment(at: &Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp(at.seconds, at.nanos.try_into().unwrap_or_default()).unwrap_or_default()
}

fn standing(answer: GetStandingResponse) -> Standing {
    let suspended = answer.status() != TenantStatus::Active;
    let limits = answer.limits.unwrap_or_default();
    Standing {
        suspended,
        writable: answer.writable,
        limits: Limits {
            seats: some(limits.seats),
            projects: some(limits.projects),
            concurrent_runs: some(limits.concurrent_runs),
            concurrent_tasks: some(limits.concurrent_tasks),
            storage_bytes: some(limits.storage_bytes),
            requests_per_minute: some(limits.requests_per_minute),
        },
        allowed_apps: answer.allowed_apps,
        flags: answer.flags.into_iter().collect(),
    }
}

/// A limit; 0 stands for none.
fn some<N: PartialEq + Default>(limit: N) -> Option<N> {
    (limit != N::default()).then_some(limit)
}

fn answered<T: std::str::FromStr>(id: &str) -> Result<T> {
    id.parse().map_err(|_| Error::internal("a service answered with an id that is none"))
}
