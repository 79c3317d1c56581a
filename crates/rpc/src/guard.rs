//! The layer in front of every RPC: policy, authentication, permission, deadline, metrics.
//!
//! A handler gets its [`RequestContext`] from here and from nowhere else.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures::future::OptionFuture;
use http::HeaderMap;
use tracing::Instrument;
use trinity_authz::Authenticator;
use trinity_context::{Caller, RequestContext};
use trinity_error::{Code, Error, Result};
use trinity_proto::common::{Access, Policy};

use crate::Runtime;
use crate::told_calls::ToldCalls;

const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// What the guard knows, made once at start.
#[derive(Clone)]
pub(crate) struct Guard {
    rpcs: Arc<HashMap<String, Rules>>,
    authenticator: Arc<Authenticator>,
    calls: ToldCalls,
}

struct Rules {
    policy: Policy,
    /// Seconds of calls that succeeded; registered at the first one, when there is somebody to register with.
    succeeded: OnceLock<metrics::Histogram>,
    /// None for streams without a deadline of their own.
    deadline: Option<Duration>,
}

impl Guard {
    /// Reads the policies of every RPC.
    ///
    /// # Errors
    /// Names the first RPC without a policy, or with one that makes no sense.
    pub(crate) fn new(runtime: &Runtime) -> anyhow::Result<Self> {
        let mut rpcs = HashMap::new();
        for rpc in trinity_proto::descriptors::rpcs()? {
            let access = rpc.policy.access();
            anyhow::ensure!(access != Access::Unspecified, "the policy of {} names no access", rpc.path);
            anyhow::ensure!(
                (access == Access::Permission) != rpc.policy.permission.is_empty(),
                "the policy of {} must name a permission if, and only if, access is ACCESS_PERMISSION",
                rpc.path
            );
            let streams = rpc.method.is_client_streaming() || rpc.method.is_server_streaming();
            let deadline = match rpc.policy.deadline_ms {
                0 if streams => None,
                0 => Some(DEFAULT_DEADLINE),
                given => Some(Duration::from_millis(given.into())),
            };
            rpcs.insert(rpc.path, Rules { policy: rpc.policy, succeeded: OnceLock::new(), deadline });
        }
        Ok(Self {
            rpcs: Arc::new(rpcs),
            authenticator: Arc::clone(&runtime.authenticator),
            calls: runtime.calls.clone(),
        })
    }

    /// Finds the caller and checks the policy's access.
    async fn admit(&self, policy: &Policy, headers: &HeaderMap) -> Result<RequestContext> {
        let mut ctx = context(headers);
        let token = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        if policy.access() == Access::Public {
            return Ok(ctx);
        }
        let caller = self.authenticator.authenticate(token.ok_or_else(Error::unauthenticated)?).await?;
        ctx.caller = caller.as_ref().clone();
        ask(&self.authenticator, &caller, &mut ctx).await?;
        match judge(policy, &ctx) {
            Ok(()) => Ok(ctx),
            Err(error) => {
                self.calls.record(&ctx, policy, error.reason());
                Err(error)
            }
        }
    }

    /// Tells the trail of a call that a handler has answered, as far as the handler has not: that it was refused, and
    /// whatever staff do in a tenant. Staff get no answer that the trail cannot hold.
    fn tell(&self, ctx: &RequestContext, policy: &Policy, response: Response) -> Response {
        let outcome = match status_of(&response) {
            "0" => "OK",
            "5" => "NOT_FOUND",
            "7" => "PERMISSION_DENIED",
            _ => "FAILED",
        };
        let staff = matches!(ctx.caller, Caller::Staff { entered: Some(_), .. });
        if !staff && outcome != "PERMISSION_DENIED" {
            return response;
        }
        let told = self.calls.record(ctx, policy, outcome);
        if staff && !told {
            return tonic::Status::from(Error::unavailable("the audit trail")).into_http();
        }
        response
    }
}

/// Objects whose containment decides who may do what: their handlers ask the context about each.
const CONTAINED: [&str; 8] = ["project", "folder", "job", "workflow", "run", "dataset", "schedule", "hook"];

/// Asks what the caller may do, and what his tenant may use.
async fn ask(authenticator: &Authenticator, caller: &Arc<Caller>, ctx: &mut RequestContext) -> Result<()> {
    let is_service = matches!(ctx.caller, Caller::Service { .. });
    let access = OptionFuture::from((!is_service).then(|| authenticator.access(caller)));
    let standing = OptionFuture::from(ctx.caller.tenant().map(|tenant| authenticator.standing(tenant)));
    // Why at once: with nothing remembered each is a call to another service.
    let (access, standing) = futures::join!(access, standing);
    (ctx.access, ctx.standing) = (access.transpose()?, standing.transpose()?);
    Ok(())
}

/// The context of a caller who was admitted a while ago, with what he may do now: for handlers that wait (ADR 8).
///
/// # Errors
/// `Unauthenticated` his session, key or account is no longer good; `PermissionDenied` `TENANT_SUSPENDED`; `Unavailable`.
pub async fn renew(authenticator: &Authenticator, ctx: &RequestContext) -> Result<RequestContext> {
    let mut ctx = ctx.clone();
    ask(authenticator, &Arc::new(ctx.caller.clone()), &mut ctx).await?;
    require_active(&ctx)?;
    Ok(ctx)
}

/// Whether the policy lets the caller in.
fn judge(policy: &Policy, ctx: &RequestContext) -> Result<()> {
    match (policy.access(), &ctx.caller) {
        (Access::Internal, Caller::Service { .. }) | (Access::Platform, Caller::Staff { entered: None, .. }) => Ok(()),
        (Access::Authenticated | Access::Permission, caller) if caller.tenant().is_some() => {
            judge_standing(policy, ctx)?;
            let (access, permission) = (ctx.access()?, &policy.permission);
            let contained = CONTAINED.contains(&policy.object_type.as_str());
            let possible = !matches!(caller, Caller::Staff { .. }) || permission.ends_with(".read");
            let allowed = if contained { access.may(permission) } else { access.allows_in_tenant(permission) };
            if permission.is_empty() || (possible && allowed) {
                Ok(())
            } else {
                Err(Error::permission_denied(permission))
            }
        }
        _ => Err(Error::new(Code::PermissionDenied, "PERMISSION_DENIED", "you may not do this")),
    }
}

/// Whether the caller's tenant may be used so.
fn judge_standing(policy: &Policy, ctx: &RequestContext) -> Result<()> {
    require_active(ctx)?;
    if matches!(ctx.caller, Caller::Staff { .. }) {
        return Ok(());
    }
    // Why permissions alone: whoever may not write can still sign out, change his password and see to his sessions.
    let writes = policy.access() == Access::Permission && !policy.audit_action.is_empty();
    if writes && !ctx.standing()?.writable {
        return Err(Error::new(
            Code::PermissionDenied,
            "SUBSCRIPTION_EXPIRED",
            "the subscription has expired, so nothing can be changed",
        ));
    }
    Ok(())
}

/// Staff see to suspended tenants, too.
fn require_active(ctx: &RequestContext) -> Result<()> {
    if !matches!(ctx.caller, Caller::Staff { .. }) && ctx.standing()?.suspended {
        return Err(Error::new(Code::PermissionDenied, "TENANT_SUSPENDED", "this tenant is suspended"));
    }
    Ok(())
}

/// Takes a request apart for a handler.
///
/// # Panics
/// When the RPC is served without its guard, which `Service::new` makes impossible.
pub fn open<T>(request: tonic::Request<T>) -> (RequestContext, T) {
    let (_, mut extensions, message) = request.into_parts();
    let ctx = extensions.remove::<RequestContext>().expect("the guard puts a context in front of every RPC");
    (ctx, message)
}

/// The middleware itself.
pub(crate) async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let Some((path, rules)) = guard.rpcs.get_key_value(request.uri().path()) else {
        return next.run(request).await;
    };
    let ctx = match guard.admit(&rules.policy, request.headers()).await {
        Ok(ctx) => ctx,
        Err(error) => return rules.finish(path, started, tonic::Status::from(error).into_http()),
    };
    // Why not always: a call from this very process runs in its caller's span already.
    let span = match tracing::Span::current() {
        none if none.is_none() => tracing::info_span!("rpc", method = path, request_id = ctx.request_id),
        callers => callers,
    };
    let deadline = shorter(rules.deadline, grpc_timeout(request.headers()));
    request.extensions_mut().insert(ctx.clone());
    let answer = next.run(request).instrument(span);
    let response = match deadline {
        None => answer.await,
        Some(limit) => tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
            let error = Error::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "this took too long");
            tonic::Status::from(error).into_http()
        }),
    };
    rules.finish(path, started, guard.tell(&ctx, &rules.policy, response))
}

/// The code of a call. A status in the trailers of a streamed body is not seen; unary errors are always in the headers.
fn status_of(response: &Response) -> &str {
    response.headers().get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0")
}

impl Rules {
    fn finish(&self, path: &str, started: Instant, response: Response) -> Response {
        const SECONDS: &str = "trinity_rpc_seconds";
        let code = status_of(&response);
        let register = || metrics::histogram!(SECONDS, "method" => path.to_owned(), "code" => code.to_owned());
        if code == "0" {
            self.succeeded.get_or_init(register).record(started.elapsed());
        } else {
            register().record(started.elapsed());
        }
        response
    }
}

fn context(headers: &HeaderMap) -> RequestContext {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut ctx = RequestContext::new(Caller::Anonymous);
    ctx.request_id = text("x-request-id");
    if ctx.request_id.is_empty() {
        ctx.request_id = uuid::Uuid::now_v7().to_string();
    }
    ctx.traceparent = text("traceparent");
    ctx.client_ip = text("x-client-ip");
    ctx.user_agent = text("x-user-agent");
    ctx.host = text("x-host");
    ctx
}

fn shorter(own: Option<Duration>, asked: Option<Duration>) -> Option<Duration> {
    match (own, asked) {
        (Some(own), Some(asked)) => Some(own.min(asked)),
        (own, asked) => own.or(asked),
    }
}

/// Reads the header `grpc-timeout`.
///
/// Source: "Timeout" in <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.
fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            grpc_timeout(&headers)
        };
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("2S"), Some(Duration::from_secs(2)));
        assert_eq!(read("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(read("123456789S"), None);
        assert_eq!(read("S"), None);
        assert_eq!(read("12x"), None);
    }
}
