//! Who calls, in which tenant, and by which request: what every handler gets first.
//!
//! A context comes out of the policy layer of `trinity-rpc`, after authentication and the policy's check; holding one
//! is the permission to do what the RPC says in the tenant. Where the RPC is about a project, workflow, run or dataset,
//! the handler asks the context about that object: [`RequestContext::require`] and [`RequestContext::visible`].

use std::sync::Arc;

use chrono::Utc;
use trinity_access::{Access, Path, Standing, Visible};
use trinity_error::{Code, Error, Result};
use trinity_ids::{ApiKeyId, ServiceAccountId, SessionId, StaffId, TenantId, UserId};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Nobody we know; public RPCs only.
    Anonymous,
    /// A signed-in person.
    User {
        /// The tenant that the person belongs to.
        tenant: TenantId,
        /// The person.
        user: UserId,
        /// The login that the access token came from.
        session: SessionId,
    },
    /// A program of a tenant, signed in with an API key.
    ServiceAccount {
        /// The tenant that it belongs to.
        tenant: TenantId,
        /// The account.
        account: ServiceAccountId,
        /// The key.
        key: ApiKeyId,
        /// The person who answers for it and owns what it makes.
        owner: UserId,
    },
    /// An operator of the installation.
    Staff {
        /// The person.
        staff: StaffId,
        /// The login, or the entry into a tenant.
        session: SessionId,
        /// The tenant that he has entered, with a reason; he may only read there.
        entered: Option<TenantId>,
    },
    /// Another service of this installation, such as `orchestration`.
    Service {
        /// Its name.
        name: String,
    },
}

impl Caller {
    /// The tenant whose data the caller may reach.
    #[must_use]
    pub const fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::User { tenant, .. } | Self::ServiceAccount { tenant, .. } => Some(*tenant),
            Self::Staff { entered, .. } => *entered,
            Self::Anonymous | Self::Service { .. } => None,
        }
    }
}

/// One request, as every room of a service sees it.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Who calls.
    pub caller: Caller,
    /// What the caller may do; for those who act in a tenant.
    pub access: Option<Arc<Access>>,
    /// What the caller's tenant may use.
    pub standing: Option<Arc<Standing>>,
    /// Set by [`RequestContext::for_tenant`] when a service works for a tenant.
    acting_for: Option<TenantId>,
    /// The request's id, from the edge.
    pub request_id: String,
    /// W3C trace parent, empty when there is none.
    pub traceparent: String,
    /// The client's address, as the edge saw it.
    pub client_ip: String,
    /// The client's program.
    pub user_agent: String,
    /// The Host header without its port.
    pub host: String,
}

impl RequestContext {
    /// A context for `caller` with nothing known about the request.
    #[must_use]
    pub fn new(caller: Caller) -> Self {
        Self {
            caller,
            access: None,
            standing: None,
            acting_for: None,
            request_id: String::new(),
            traceparent: String::new(),
            client_ip: String::new(),
            user_agent: String::new(),
            host: String::new(),
        }
    }

    /// A context for work that a service does by itself, in the background.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self::new(Caller::Service { name: name.to_owned() })
    }

    /// The tenant whose rows this request may touch.
    ///
    /// # Errors
    /// `Unauthenticated` when there is none.
    pub fn tenant(&self) -> Result<TenantId> {
        self.caller.tenant().or(self.acting_for).ok_or_else(Error::unauthenticated)
    }

    /// The person who calls.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody has signed in; `PermissionDenied` `PERSON_REQUIRED` when a program or staff calls.
    pub fn user(&self) -> Result<UserId> {
        match &self.caller {
            Caller::User { user, .. } => Ok(*user),
            Caller::ServiceAccount { .. } | Caller::Staff { .. } => {
                Err(Error::new(Code::PermissionDenied, "PERSON_REQUIRED", "only a user of the tenant can do this"))
            }
            Caller::Anonymous | Caller::Service { .. } => Err(Error::unauthenticated()),
        }
    }

    /// The person who is to own what this request makes: the user, or who answers for the program that calls.
    ///
    /// # Errors
    /// As [`RequestContext::user`].
    pub fn responsible(&self) -> Result<UserId> {
        match &self.caller {
            Caller::ServiceAccount { owner, .. } => Ok(*owner),
            _ => self.user(),
        }
    }

    /// What the caller may do.
    ///
    /// # Errors
    /// `Unauthenticated` for who does not act in a tenant.
    pub fn access(&self) -> Result<&Access> {
        self.access.as_deref().ok_or_else(Error::unauthenticated)
    }

    /// What the caller's tenant may use.
    ///
    /// # Errors
    /// `Unauthenticated` for who does not act in a tenant.
    pub fn standing(&self) -> Result<&Standing> {
        self.standing.as_deref().ok_or_else(Error::unauthenticated)
    }

    /// Lets the caller do `permission` on the object of `path`, which is a `noun` ("project", "workflow", "run" …).
    ///
    /// # Errors
    /// `NotFound` when the caller may not even see it, exactly as if it did not exist; `PermissionDenied` when he may.
    pub fn require(&self, permission: &str, path: &Path, noun: &str) -> Result<()> {
        let (access, now) = (self.access()?, Utc::now());
        if access.allows(permission, path, now) {
            Ok(())
        } else if access.allows(&read_word(noun), path, now) {
            Err(Error::permission_denied(permission))
        } else {
            Err(Error::not_found(noun))
        }
    }

    /// Where the caller has the permission, for a list to be filtered by in SQL.
    ///
    /// # Errors
    /// `Unauthenticated` for who does not act in a tenant.
    pub fn visible(&self, permission: &str) -> Result<Visible> {
        Ok(self.access()?.visible(permission, Utc::now()))
    }

    /// The same request by a service (or by nobody yet: a login), working for `tenant`.
    ///
    /// A person's context keeps the person's own tenant whatever is asked for.
    #[must_use]
    pub fn for_tenant(&self, tenant: TenantId) -> Self {
        Self { acting_for: Some(tenant), ..self.clone() }
    }

    /// The kind, id and name of the caller, as the audit trail shows them.
    #[must_use]
    pub fn actor(&self) -> (&'static str, String, String) {
        let name = || self.access.as_ref().map(|access| access.name.clone()).unwrap_or_default();
        match &self.caller {
            Caller::Anonymous => ("anonymous", String::new(), String::new()),
            Caller::User { user, .. } => ("user", user.to_string(), name()),
            Caller::ServiceAccount { account, .. } => ("service_account", account.to_string(), name()),
            Caller::Staff { staff, .. } => ("staff", staff.to_string(), name()),
            Caller::Service { name } => ("service", String::new(), name.clone()),
        }
    }
}

/// The word that lets see an object. What only says how workflows run is seen by who sees workflows, and a folder by who
/// sees its project, or what is in it.
#[must_use]
pub fn read_word(noun: &str) -> String {
    match noun {
        "job" | "schedule" | "hook" => "workflow.read".to_owned(),
        "folder" => "project.read".to_owned(),
        _ => format!("{noun}.read"),
    }
}
