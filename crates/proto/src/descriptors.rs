//! The descriptor set and what it says about each RPC: its policy and its routes.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::common::Policy;
use crate::google::api::{HttpRule, http_rule::Pattern};

/// The encoded `FileDescriptorSet` of every contract, options included.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the embedded descriptor set is well formed"));

/// The descriptors of every contract.
#[must_use]
pub fn pool() -> &'static DescriptorPool {
    &POOL
}

/// One RPC as its contract declares it.
#[derive(Debug, Clone)]
pub struct Rpc {
    /// The descriptor itself.
    pub method: MethodDescriptor,
    /// The HTTP/2 path, such as `/trinity.registry.v1.ProjectService/GetProject`.
    pub path: String,
    /// Who may call it.
    pub policy: Policy,
    /// Its HTTP routes, the main one first; empty for internal RPCs.
    pub routes: Vec<Route>,
}

impl Rpc {
    /// The service that answers it: `registry` for `trinity.registry.v1`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.path.split('.').nth(1).unwrap_or_default()
    }
}

/// One HTTP route of an RPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub verb: &'static str,
    /// The path template below `/api/v1` (or the root for `/.well-known/`).
    pub template: String,
    /// The body rule: empty, `*`, or a field of bytes that takes the raw body.
    pub body: String,
    /// The response field that becomes the body; empty for the whole message.
    pub response_body: String,
}

/// Every RPC of Trinity's contracts.
///
/// # Errors
/// Names the first RPC that has no policy.
pub fn rpcs() -> Result<Vec<Rpc>, MissingPolicy> {
    let policy = extension("trinity.common.v1.policy");
    let http = extension("google.api.http");
    let mut rpcs = Vec::new();
    for service in pool().services() {
        for method in service.methods() {
            let options = method.options();
            let path = format!("/{}/{}", service.full_name(), method.name());
            if !options.has_extension(&policy) {
                return Err(MissingPolicy(path));
            }
            let policy: Policy = decode(options.get_extension(&policy).as_ref());
            let mut routes = Vec::new();
            if options.has_extension(&http) {
                let rule: HttpRule = decode(options.get_extension(&http).as_ref());
                routes.extend(route(&rule));
                routes.extend(rule.additional_bindings.iter().filter_map(route));
            }
            rpcs.push(Rpc { method, path, policy, routes });
        }
    }
    Ok(rpcs)
}

/// The HTTP header that fills a field of a request at the gateway, if one does.
#[must_use]
pub fn header(field: &prost_reflect::FieldDescriptor) -> Option<String> {
    let header = extension("trinity.common.v1.header");
    let options = field.options();
    let value = options.has_extension(&header).then(|| options.get_extension(&header).into_owned());
    value.and_then(|value| value.as_str().map(ToOwned::to_owned))
}

/// An RPC without a policy: nothing starts with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPolicy(pub String);

impl std::fmt::Display for MissingPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the RPC {} has no trinity.common.v1.policy", self.0)
    }
}

impl std::error::Error for MissingPolicy {}

fn extension(name: &str) -> prost_reflect::ExtensionDescriptor {
    pool().get_extension_by_name(name).expect("the contracts declare their own options")
}

fn decode<M: Message + Default>(value: &prost_reflect::Value) -> M {
    value
        .as_message()
        .and_then(|message| message.transcode_to().ok())
        .expect("the option has the type that it was declared with")
}

fn route(rule: &HttpRule) -> Option<Route> {
    let (verb, template) = match rule.pattern.as_ref()? {
        Pattern::Get(template) => ("GET", template),
        Pattern::Put(template) => ("PUT", template),
        Pattern::Post(template) => ("POST", template),
        Pattern::Delete(template) => ("DELETE", template),
        Pattern::Patch(template) => ("PATCH", template),
    };
    Some(Route { verb, template: template.clone(), body: rule.body.clone(), response_body: rule.response_body.clone() })
}
