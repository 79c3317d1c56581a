//! The route table: which RPC answers a verb and a path, and how its messages map to HTTP. Built once at start.

mod endpoint;

use std::collections::BTreeMap;

use http::{HeaderValue, Method};
use trinity_proto::common::Access;
use trinity_proto::descriptors::Rpc;

use crate::transcode::Schema;
use crate::transcode::schema::CompileError;

pub use endpoint::{BodyRule, DEFAULT_DEADLINE, Endpoint, Inbound, Outbound, Shape, StreamFields};

/// Where every route but those of `/.well-known/` begins.
pub const PREFIX: &str = "/api/v1";

/// All that the edge knows about the contracts.
pub struct Table {
    pub schema: Schema,
    pub endpoints: Vec<Endpoint>,
    router: matchit::Router<Verbs>,
}

/// What answers a verb and a path.
pub enum Found<'t, 'p> {
    Endpoint(usize, matchit::Params<'t, 'p>),
    /// The path is known with other verbs.
    OtherVerbs(&'t HeaderValue),
    Nothing,
}

/// A contract that the edge cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("{rpc}: {problem}")]
    Route { rpc: String, problem: String },
    #[error(transparent)]
    Message(#[from] CompileError),
}

/// The endpoints of one path.
#[derive(Default)]
struct Verbs {
    endpoints: Vec<(Method, usize)>,
    allow: Option<HeaderValue>,
}

impl Table {
    /// Compiles the routes of all RPCs that are not internal.
    ///
    /// # Errors
    /// Names the RPC whose route or message cannot be served.
    pub fn new(rpcs: Vec<Rpc>) -> Result<Self, TableError> {
        let mut schema = Schema::default();
        let mut endpoints = Vec::new();
        for rpc in rpcs.into_iter().filter(|rpc| rpc.policy.access() != Access::Internal) {
            let request = schema.add(&rpc.method.input())?;
            let response = schema.add(&rpc.method.output())?;
            for route in &rpc.routes {
                let endpoint = Endpoint::new(&schema, &rpc, route, request, response)
                    .map_err(|problem| TableError::Route { rpc: rpc.path.clone(), problem })?;
                endpoints.push(endpoint);
            }
        }
        let router = router(&endpoints)?;
        Ok(Self { schema, endpoints, router })
    }

    /// Finds what answers; `HEAD` is answered as `GET`.
    #[must_use]
    pub fn find<'t, 'p>(&'t self, method: &Method, path: &'p str) -> Found<'t, 'p> {
        let Ok(found) = self.router.at(path) else { return Found::Nothing };
        let method = if method == Method::HEAD { &Method::GET } else { method };
        match found.value.endpoints.iter().find(|(verb, _)| verb == method) {
            Some(&(_, index)) => Found::Endpoint(index, found.params),
            None => found.value.allow.as_ref().map_or(Found::Nothing, Found::OtherVerbs),
        }
    }
}

fn router(endpoints: &[Endpoint]) -> Result<matchit::Router<Verbs>, TableError> {
    let mut paths: BTreeMap<String, Verbs> = BTreeMap::new();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let route_error = |problem: String| TableError::Route { rpc: endpoint.rpc.path.clone(), problem };
        let verbs = paths.entry(nameless(&endpoint.path)).or_default();
        let method = endpoint.method();
        if verbs.endpoints.iter().any(|(known, _)| *known == method) {
            return Err(route_error(format!("{method} {} is taken", endpoint.path)));
        }
        verbs.endpoints.push((method, index));
    }
    let mut router = matchit::Router::new();
    for (path, mut verbs) in paths {
        let names: Vec<&str> = verbs.endpoints.iter().map(|(method, _)| method.as_str()).collect();
        verbs.allow = HeaderValue::try_from(names.join(", ")).ok();
        router
            .insert(path.as_str(), verbs)
            .map_err(|error| TableError::Route { rpc: path.clone(), problem: error.to_string() })?;
    }
    Ok(router)
}

/// The template with its parameters numbered, so that two names for one place do not conflict.
fn nameless(path: &str) -> String {
    let mut count = 0;
    let segments = path.split('/').map(|segment| {
        if segment.starts_with('{') {
            count += 1;
            format!("{{p{count}}}")
        } else {
            segment.to_owned()
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::new(trinity_proto::descriptors::rpcs().unwrap()).unwrap()
    }

    fn found(method: &Method, path: &str) -> Option<String> {
        let table = table();
        match table.find(method, path) {
            Found::Endpoint(index, params) => {
                let values: Vec<&str> = params.iter().map(|(_, value)| value).collect();
                Some(format!("{}({})", table.endpoints[index].name, values.join(",")))
            }
            Found::OtherVerbs(allow) => Some(format!("405 {}", allow.to_str().unwrap())),
            Found::Nothing => None,
        }
    }

    #[test]
    fn paths_lead_to_their_rpcs() {
        let get = |path: &str| found(&Method::GET, path);
        assert_eq!(get("/api/v1/projects/7").as_deref(), Some("ProjectService/GetProject(7)"));
        assert_eq!(get("/api/v1/workspaces/7").as_deref(), Some("ProjectService/GetProject(7)"));
        assert_eq!(get("/api/v1/workflows/a/versions/3").as_deref(), Some("WorkflowService/GetVersion(a,3)"));
        assert_eq!(get("/.well-known/jwks.json").as_deref(), Some("AuthService/GetJwks()"));
        assert_eq!(get("/api/v1/projects/7/"), None);
        assert_eq!(get("/projects/7"), None);
        assert_eq!(found(&Method::HEAD, "/api/v1/apps").as_deref(), Some("ProjectService/ListApps()"));
        assert_eq!(found(&Method::PUT, "/api/v1/runs").as_deref(), Some("405 GET"));
    }

    #[test]
    fn internal_rpcs_have_no_endpoint() {
        assert!(table().endpoints.iter().all(|endpoint| endpoint.rpc.policy.access() != Access::Internal));
    }
}
