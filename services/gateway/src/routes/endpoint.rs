//! How one HTTP route maps onto the messages of its RPC.

use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderName, Method, StatusCode};
use trinity_proto::common::Access;
use trinity_proto::descriptors::{self, Route, Rpc};

use crate::transcode::{Field, Kind, Label, Message, MessageId, Schema};

use super::PREFIX;

/// How long an RPC may take when its policy says nothing.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// One HTTP route of one RPC.
pub struct Endpoint {
    pub rpc: Rpc,
    pub route: Route,
    /// The path with its prefix, as in the contract.
    pub path: String,
    /// `ProjectService/GetProject`, for logs and metrics.
    pub name: String,
    pub grpc_path: PathAndQuery,
    pub is_public: bool,
    /// None for streams that may take as long as they do.
    pub deadline: Option<Duration>,
    /// What a success answers.
    pub success: StatusCode,
    pub request: Inbound,
    pub response: Outbound,
}

/// How a request becomes a message.
pub struct Inbound {
    pub message: MessageId,
    /// The fields that the path's parameters fill, in their order.
    pub path_fields: Vec<usize>,
    /// Bits of the fields that the query may fill.
    pub query_fields: u128,
    /// The fields that headers fill.
    pub header_fields: Vec<(usize, HeaderName)>,
    pub body: BodyRule,
    /// The field that `If-Match` fills.
    pub version: Option<usize>,
    /// The field that takes the name of an uploaded file.
    pub filename: Option<usize>,
}

/// What the HTTP body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRule {
    None,
    /// A JSON object: the message.
    Whole,
    /// JSON: one field of it.
    Field(usize),
    /// The bytes themselves, at most as many as JSON may have, as this field.
    Raw(usize),
    /// The bytes themselves, streamed in messages that carry this field.
    Stream(usize),
}

/// How an answer becomes a response.
pub struct Outbound {
    pub message: MessageId,
    pub shape: Shape,
    /// Whether the answer stands without an envelope.
    pub bare: bool,
    /// The number of the `version` field in the data, for `ETag`.
    pub version: Option<u32>,
}

/// What part of the answer is the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Whole,
    Field(usize),
    /// A list and its `PageInfo`.
    Page {
        items: usize,
        page: usize,
    },
    /// A header message first, then bytes.
    Stream(StreamFields),
}

/// The field numbers of a stream of bytes with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamFields {
    pub header: u32,
    pub chunk: u32,
    pub content_type: u32,
    pub filename: u32,
    pub size_bytes: u32,
}

impl Endpoint {
    pub(super) fn new(
        schema: &Schema,
        rpc: &Rpc,
        route: &Route,
        request: MessageId,
        response: MessageId,
    ) -> Result<Self, String> {
        let bare = route.template.starts_with("/.well-known/");
        let is_stream = rpc.method.is_client_streaming() || rpc.method.is_server_streaming();
        let deadline = match rpc.policy.deadline_ms {
            0 if is_stream => None,
            0 => Some(DEFAULT_DEADLINE),
            millis => Some(Duration::from_millis(millis.into())),
        };
        let creates = ["Create", "Upload"].iter().any(|verb| rpc.method.name().starts_with(verb));
        Ok(Self {
            path: if bare { route.template.clone() } else { format!("{PREFIX}{}", route.template) },
            name: format!("{}/{}", rpc.method.parent_service().name(), rpc.method.name()),
            grpc_path: PathAndQuery::try_from(rpc.path.as_str()).map_err(|error| error.to_string())?,
            is_public: rpc.policy.access() == Access::Public,
            deadline,
            success: if creates && route.verb == "POST" { StatusCode::CREATED } else { StatusCode::OK },
            request: inbound(schema, rpc, route, request)?,
            response: outbound(schema, rpc, route, response, bare)?,
            rpc: rpc.clone(),
            route: route.clone(),
        })
    }

    /// The HTTP verb.
    #[must_use]
    pub fn method(&self) -> Method {
        Method::from_bytes(self.route.verb.as_bytes()).unwrap_or(Method::GET)
    }
}

fn inbound(schema: &Schema, rpc: &Rpc, route: &Route, id: MessageId) -> Result<Inbound, String> {
    let message = schema.message(id);
    let path_fields: Vec<usize> =
        parameters(&route.template)?.into_iter().map(|name| field(message, name)).collect::<Result<_, _>>()?;
    let body = match (route.body.as_str(), rpc.method.is_client_streaming()) {
        ("", false) => BodyRule::None,
        ("*", false) => BodyRule::Whole,
        (name, false) => match field(message, name)? {
            index if message.fields[index].kind == Kind::Bytes => BodyRule::Raw(index),
            index => BodyRule::Field(index),
        },
        (name, true) => {
            let chunk = field(message, name)?;
            if message.fields[chunk].kind != Kind::Bytes {
                return Err("the body of a client stream must be a field of bytes".into());
            }
            BodyRule::Stream(chunk)
        }
    };
    let mut query_fields = match body {
        BodyRule::Whole => 0,
        BodyRule::Field(taken) | BodyRule::Raw(taken) | BodyRule::Stream(taken) => all_but(message, taken),
        BodyRule::None => u128::MAX,
    };
    let header_fields = header_fields(rpc)?;
    if body == BodyRule::Whole && !header_fields.is_empty() {
        return Err("a field that comes from a header must not be part of the body".into());
    }
    for (index, found) in message.fields.iter().enumerate() {
        let in_header = header_fields.iter().any(|(taken, _)| *taken == index);
        if in_header || path_fields.contains(&index) || matches!(found.kind, Kind::Message(_)) {
            query_fields &= !(1 << index);
        }
    }
    let version = message.find("version").filter(|index| {
        let known = matches!(message.fields[*index].kind, Kind::Uint64 | Kind::Uint32 | Kind::Int64 | Kind::Int32);
        known && route.verb != "GET" && !path_fields.contains(index)
    });
    let filename = message.find("filename").filter(|_| matches!(body, BodyRule::Stream(_)));
    Ok(Inbound { message: id, path_fields, query_fields, header_fields, body, version, filename })
}

/// The fields of the request that headers fill, with their headers.
fn header_fields(rpc: &Rpc) -> Result<Vec<(usize, HeaderName)>, String> {
    let mut found = Vec::new();
    for (index, field) in rpc.method.input().fields().enumerate() {
        if let Some(name) = descriptors::header(&field) {
            found.push((index, HeaderName::try_from(name).map_err(|error| error.to_string())?));
        }
    }
    Ok(found)
}

fn outbound(schema: &Schema, rpc: &Rpc, route: &Route, id: MessageId, bare: bool) -> Result<Outbound, String> {
    let message = schema.message(id);
    let shape = if rpc.method.is_server_streaming() {
        stream_shape(schema, message, &route.response_body)?
    } else if route.response_body.is_empty() {
        page_shape(schema, message).unwrap_or(Shape::Whole)
    } else {
        Shape::Field(field(message, &route.response_body)?)
    };
    let data = match shape {
        Shape::Whole => Some(message),
        Shape::Field(index) => match &message.fields[index] {
            Field { kind: Kind::Message(id), label: Label::Explicit, .. } => Some(schema.message(*id)),
            _ => None,
        },
        _ => None,
    };
    let version = data.and_then(|data| {
        let found = &data.fields[data.find("version")?];
        matches!(found.kind, Kind::Uint64 | Kind::Uint32).then_some(found.number)
    });
    Ok(Outbound { message: id, shape, bare, version })
}

fn stream_shape(schema: &Schema, message: &Message, response_body: &str) -> Result<Shape, String> {
    let chunk = &message.fields[field(message, response_body)?];
    let header = &message.fields[field(message, "header")?];
    let (Kind::Bytes, Kind::Message(id)) = (chunk.kind, header.kind) else {
        return Err("a server stream needs a header message and a field of bytes".into());
    };
    let number = |name| field(schema.message(id), name).map(|index| schema.message(id).fields[index].number);
    Ok(Shape::Stream(StreamFields {
        header: header.number,
        chunk: chunk.number,
        content_type: number("content_type")?,
        filename: number("filename")?,
        size_bytes: number("size_bytes")?,
    }))
}

/// A `PageInfo` named `page` beside exactly one list.
fn page_shape(schema: &Schema, message: &Message) -> Option<Shape> {
    let page = message.find("page")?;
    let Kind::Message(id) = message.fields[page].kind else { return None };
    let mut lists = message.fields.iter().enumerate().filter(|(_, field)| field.label.is_many());
    let (items, _) = lists.next()?;
    (schema.message(id).name == "trinity.common.v1.PageInfo" && lists.next().is_none())
        .then_some(Shape::Page { items, page })
}

fn all_but(message: &Message, taken: usize) -> u128 {
    (0..message.fields.len()).filter(|index| *index != taken).fold(0, |bits, index| bits | 1 << index)
}

fn field(message: &Message, name: &str) -> Result<usize, String> {
    message.find(name).ok_or_else(|| format!("{} has no field {name:?}", message.name))
}

/// The names in a template's braces.
fn parameters(template: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    for segment in template.split('/') {
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => names.push(name),
            None if !segment.contains(['{', '}', '*', ':']) => {}
            _ => return Err(format!("the segment {segment:?} of {template:?} is not supported")),
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_templates_are_refused() {
        for template in ["/a/{b=**}", "/a/{b}:run", "/a/*", "/a/x{b}"] {
            assert!(parameters(template).is_err(), "{template}");
        }
        assert_eq!(parameters("/a/{b}/c/{d_e}").unwrap(), ["b", "d_e"]);
    }
}
