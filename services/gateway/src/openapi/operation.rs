//! One operation of the document: a route of an RPC.

use prost_reflect::FieldDescriptor;
use serde_json::{Map, Value, json};
use trinity_proto::common::Access;

use super::comments::Comments;
use super::schemas::{Direction, Schemas};
use crate::routes::{BodyRule, Endpoint, Shape};
use crate::transcode::schema::is_required;

/// The tag of a service: `Projects` for `ProjectService`.
#[must_use]
pub fn tag(service: &str) -> String {
    let noun = service.strip_suffix("Service").unwrap_or(service);
    match noun {
        "Auth" | "Audit" => noun.to_owned(),
        _ => format!("{noun}s"),
    }
}

/// Describes a route.
#[must_use]
pub fn describe(endpoint: &Endpoint, id: &str, comments: &Comments, schemas: &mut Schemas<'_>) -> Value {
    let method = &endpoint.rpc.method;
    let description = comments.of_method(method);
    let summary = description.split_once(". ").map_or(description, |(first, _)| first).trim_end_matches('.');
    let mut operation = json!({
        "operationId": id,
        "tags": [tag(method.parent_service().name())],
        "summary": summary,
        "description": description,
    });
    let parameters = parameters(endpoint, schemas);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = request_body(endpoint, schemas) {
        operation["requestBody"] = body;
    }
    operation["responses"] = responses(endpoint, schemas);
    add_policy(&mut operation, endpoint);
    operation
}

fn add_policy(operation: &mut Value, endpoint: &Endpoint) {
    let policy = &endpoint.rpc.policy;
    if endpoint.is_public {
        operation["security"] = json!([]);
    }
    let access = match policy.access() {
        Access::Public => "public",
        Access::Platform => "platform",
        Access::Permission => "permission",
        _ => "authenticated",
    };
    operation["x-access"] = access.into();
    let facts = [("x-permission", &policy.permission), ("x-audit-action", &policy.audit_action)];
    for (name, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
        operation[name] = value.as_str().into();
    }
}

fn parameters(endpoint: &Endpoint, schemas: &mut Schemas<'_>) -> Vec<Value> {
    let fields = fields(endpoint);
    let mut parameters = Vec::new();
    for &index in &endpoint.request.path_fields {
        parameters.push(parameter(&fields[index], "path", schemas));
    }
    for (index, field) in fields.iter().enumerate() {
        if endpoint.request.query_fields & (1 << index) != 0 {
            parameters.push(parameter(field, "query", schemas));
        }
    }
    for (index, header) in &endpoint.request.header_fields {
        let mut described = parameter(&fields[*index], "header", schemas);
        described["name"] = header.as_str().into();
        parameters.push(described);
    }
    if endpoint.request.version.is_some() {
        parameters.push(json!({
            "name": "If-Match",
            "in": "header",
            "description": "The version that the change is based on, in quotes, as an ETag gave it; 412 when it is stale.",
            "schema": {"type": "string", "pattern": "^\"[0-9]+\"$"},
        }));
    }
    parameters
}

fn parameter(field: &FieldDescriptor, place: &str, schemas: &mut Schemas<'_>) -> Value {
    let mut schema = schemas.field(field, Direction::Request);
    let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    // A parameter is there or it is not: it has no null.
    if let Some(Value::Array(types)) = schema.get("type") {
        schema["type"] = types[0].clone();
    }
    let required = place == "path" || is_required(field);
    let mut parameter = json!({"name": field.name(), "in": place, "required": required, "schema": schema});
    if let Some(description) = description {
        parameter["description"] = description;
    }
    parameter
}

fn request_body(endpoint: &Endpoint, schemas: &mut Schemas<'_>) -> Option<Value> {
    let message = endpoint.rpc.method.input();
    let in_path: Vec<String> =
        endpoint.request.path_fields.iter().map(|index| fields(endpoint)[*index].name().to_owned()).collect();
    match endpoint.request.body {
        BodyRule::None => None,
        BodyRule::Field(index) => {
            let field = &fields(endpoint)[index];
            let schema = schemas.field(field, Direction::Request);
            Some(json!({"required": is_required(field), "content": {"application/json": {"schema": schema}}}))
        }
        BodyRule::Whole => {
            let keep = |field: &FieldDescriptor| !in_path.iter().any(|name| name == field.name());
            let schema = schemas.object(&message, Direction::Request, keep);
            let required = schema.get("required").is_some();
            Some(json!({"required": required, "content": {"application/json": {"schema": schema}}}))
        }
        BodyRule::Raw(_) => Some(json!({
            "required": false,
            "description": "The bytes themselves, whatever their type.",
            "content": {"application/json": {"schema": {}}, "application/octet-stream": {"schema": {}}},
        })),
        BodyRule::Stream(_) => {
            let form = json!({
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
            });
            Some(json!({
                "required": true,
                "description": "The file itself, or a form with a part \"file\".",
                "content": {"application/octet-stream": {"schema": {}}, "multipart/form-data": {"schema": form}},
            }))
        }
    }
}

fn responses(endpoint: &Endpoint, schemas: &mut Schemas<'_>) -> Value {
    let mut responses = Map::new();
    responses.insert(endpoint.success.as_str().to_owned(), success(endpoint, schemas));
    let mut refusals = vec!["400"];
    if !endpoint.is_public {
        refusals.extend(["401", "403"]);
    }
    if !endpoint.request.path_fields.is_empty() {
        refusals.push("404");
    }
    if endpoint.route.verb != "GET" {
        refusals.push("409");
    }
    if endpoint.request.version.is_some() {
        refusals.push("412");
    }
    refusals.extend(["429", "503", "default"]);
    for status in refusals {
        responses.insert(status.to_owned(), json!({"$ref": "#/components/responses/Error"}));
    }
    responses.into()
}

fn success(endpoint: &Endpoint, schemas: &mut Schemas<'_>) -> Value {
    let message = endpoint.rpc.method.output();
    let fields: Vec<FieldDescriptor> = message.fields().collect();
    let (data, meta) = match endpoint.response.shape {
        Shape::Stream(_) => {
            let file = json!({"application/octet-stream": {"schema": {}}});
            return json!({"description": "The file.", "content": file});
        }
        Shape::Whole => (schemas.message(&message, Direction::Response), "Meta"),
        Shape::Field(index) => {
            let mut data = schemas.field(&fields[index], Direction::Response);
            // A success has its data: only inside of messages may a message be null.
            if let Some(message) = data.get("anyOf").and_then(|variants| variants.get(0)) {
                data = message.clone();
            }
            (data, "Meta")
        }
        Shape::Page { items, page } => {
            schemas.field(&fields[page], Direction::Response);
            (schemas.field(&fields[items], Direction::Response), "PagedMeta")
        }
    };
    if endpoint.response.bare {
        return json!({"description": "The answer.", "content": {"application/json": {"schema": data}}});
    }
    let schema = json!({
        "type": "object",
        "required": ["success", "data", "meta"],
        "properties": {
            "success": {"type": "boolean", "const": true},
            "data": data,
            "meta": {"$ref": format!("#/components/schemas/{meta}")},
        },
    });
    let mut response = json!({"description": "Done.", "content": {"application/json": {"schema": schema}}});
    if endpoint.response.version.is_some() {
        response["headers"] = json!({"ETag": {"description": "The version, in quotes.", "schema": {"type": "string"}}});
    }
    response
}

fn fields(endpoint: &Endpoint) -> Vec<FieldDescriptor> {
    endpoint.rpc.method.input().fields().collect()
}
