//! The OpenAPI 3.1 document, made once at start from the same descriptors as the routes.

mod comments;
mod operation;
mod schemas;

use serde_json::{Map, Value, json};

use crate::routes::Table;
use comments::Comments;
use schemas::Schemas;

/// Writes the document.
#[must_use]
pub fn document(table: &Table) -> Value {
    let comments = Comments::read();
    let mut schemas = Schemas::new(&comments);
    let mut paths = Map::new();
    let mut tags: Vec<(String, String)> = Vec::new();
    let mut operation_ids = std::collections::HashMap::new();
    for endpoint in &table.endpoints {
        let service = endpoint.rpc.method.parent_service();
        let tag = operation::tag(service.name());
        if !tags.iter().any(|(name, _)| *name == tag) {
            tags.push((tag, comments.of_service(service).to_owned()));
        }
        let uses = operation_ids.entry(endpoint.rpc.method.name().to_owned()).or_insert(0);
        *uses += 1;
        let id = match uses {
            1 => endpoint.rpc.method.name().to_owned(),
            more => format!("{}_{more}", endpoint.rpc.method.name()),
        };
        let operation = operation::describe(endpoint, &id, &comments, &mut schemas);
        let path = paths.entry(endpoint.path.clone()).or_insert_with(|| json!({}));
        path[endpoint.route.verb.to_lowercase()] = operation;
    }
    let mut components = schemas.finish();
    components.insert("Meta".into(), meta(false));
    components.insert("PagedMeta".into(), meta(true));
    components.insert("Error".into(), error());
    tags.sort();
    let tags: Vec<Value> = tags.into_iter().map(|(name, text)| json!({"name": name, "description": text})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Trinity",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Build data workflows from reusable atoms, run them durably, and show afterwards who did what.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {"Error": error_response()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    })
}

fn meta(paged: bool) -> Value {
    let mut properties = json!({
        "timestamp": {"type": "string", "format": "date-time"},
        "version": {"type": "string", "const": "v1"},
        "request_id": {"type": "string"},
    });
    let mut required = vec!["timestamp", "version", "request_id"];
    if paged {
        properties["pagination"] = json!({"$ref": "#/components/schemas/PageInfo"});
        required.push("pagination");
    }
    json!({"type": "object", "required": required, "properties": properties})
}

fn error() -> Value {
    let violation = json!({
        "type": "object",
        "required": ["field", "reason", "message"],
        "properties": {
            "field": {"type": "string", "description": "Where, such as `tags[2]`."},
            "reason": {"type": "string", "description": "A stable word, such as `required`."},
            "message": {"type": "string"},
        },
    });
    json!({
        "type": "object",
        "required": ["success", "error", "meta"],
        "properties": {
            "success": {"type": "boolean", "const": false},
            "error": {
                "type": "object",
                "required": ["code", "message", "details"],
                "properties": {
                    "code": {"type": "string", "description": "A stable word, such as `PROJECT_NOT_FOUND`."},
                    "message": {"type": "string", "description": "For people."},
                    "details": {
                        "type": "object",
                        "properties": {"violations": {"type": "array", "items": violation}},
                        "additionalProperties": true,
                    },
                },
            },
            "meta": {"$ref": "#/components/schemas/Meta"},
        },
    })
}

fn error_response() -> Value {
    json!({
        "description": "What stands against it.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    })
}
