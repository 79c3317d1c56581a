//! Who calls, in which tenant, and by which request: what every handler gets first.
//!
//! A context comes out of the policy layer of `trinity-rpc`, after authentication and the policy's check; holding one
//! is the permission to do what the RPC says. No logic lives here.

use trinity_error::{Error, Result};
use trinity_ids::{SessionId, TenantId, UserId};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        /// Names of built-in roles.
        roles: Vec<String>,
    },
    /// Another service of this installation, such as `orchestration`.
    Service {
        /// Its name.
        name: String,
    },
}

/// One request, as every room of a service sees it.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Who calls.
    pub caller: Caller,
    /// Set by [`RequestContext::for_tenant`] when a service works for a tenant.
    acting_for: Option<TenantId>,
    /// The access token as it came, to be handed on to other services.
    pub bearer: Option<String>,
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
            acting_for: None,
            bearer: None,
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
        match (&self.caller, self.acting_for) {
            (Caller::User { tenant, .. }, _) => Ok(*tenant),
            (_, Some(tenant)) => Ok(tenant),
            _ => Err(Error::unauthenticated()),
        }
    }

    /// The person who calls.
    ///
    /// # Errors
    /// `Unauthenticated` when no person calls.
    pub fn user(&self) -> Result<UserId> {
        match &self.caller {
            Caller::User { user, .. } => Ok(*user),
            _ => Err(Error::unauthenticated()),
        }
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
        match &self.caller {
            Caller::Anonymous => ("anonymous", String::new(), String::new()),
            Caller::User { user, .. } => ("user", user.to_string(), String::new()),
            Caller::Service { name } => ("service", String::new(), name.clone()),
        }
    }
}
