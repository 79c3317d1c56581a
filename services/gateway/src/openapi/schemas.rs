//! JSON Schemas of messages, as the transcoder reads and writes them.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::comments::Comments;
use crate::transcode::schema::is_required;
use crate::transcode::words::word;

/// The components of the document, filled as operations name them.
pub struct Schemas<'c> {
    comments: &'c Comments,
    components: Map<String, Value>,
}

/// Whether a schema describes what is sent or what is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Fields may be left out unless they are required.
    Request,
    /// Every field is there, null when unset.
    Response,
}

impl<'c> Schemas<'c> {
    /// Starts without components.
    #[must_use]
    pub fn new(comments: &'c Comments) -> Self {
        Self { comments, components: Map::new() }
    }

    /// The components, by name.
    #[must_use]
    pub fn finish(mut self) -> Map<String, Value> {
        self.components.sort_keys();
        self.components
    }

    /// A reference to the component of a message.
    pub fn message(&mut self, message: &MessageDescriptor, direction: Direction) -> Value {
        let name = component_name(message, direction);
        if !self.components.contains_key(&name) {
            self.components.insert(name.clone(), Value::Null); // Why: a message may hold itself.
            let schema = self.object(message, direction, |_| true);
            self.components.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    /// A message's schema in place, with the fields that `keep` names.
    pub fn object(
        &mut self,
        message: &MessageDescriptor,
        direction: Direction,
        keep: impl Fn(&FieldDescriptor) -> bool,
    ) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in message.fields().filter(keep) {
            if direction == Direction::Response || is_required(&field) {
                required.push(field.name().to_owned());
            }
            properties.insert(field.name().to_owned(), self.field(&field, direction));
        }
        let mut schema = json!({"type": "object", "properties": properties});
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        if direction == Direction::Request {
            schema["additionalProperties"] = false.into();
        }
        describe(&mut schema, self.comments.of_message(message));
        schema
    }

    /// A field's schema with its comment.
    pub fn field(&mut self, field: &FieldDescriptor, direction: Direction) -> Value {
        let one = |this: &mut Self, field: &FieldDescriptor| this.value(field, direction);
        let mut schema = if field.is_map() {
            let Kind::Message(entry) = field.kind() else { return json!({}) };
            json!({"type": "object", "additionalProperties": one(self, &entry.map_entry_value_field())})
        } else if field.is_list() {
            json!({"type": "array", "items": one(self, field)})
        } else if field.supports_presence() {
            nullable(one(self, field))
        } else {
            one(self, field)
        };
        describe(&mut schema, self.comments.of_field(field));
        schema
    }

    fn value(&mut self, field: &FieldDescriptor, direction: Direction) -> Value {
        match field.kind() {
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer", "format": "int32"}),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({"type": "integer", "format": "int64"}),
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            Kind::Uint64 | Kind::Fixed64 => json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}),
            Kind::Float | Kind::Double => json!({"type": "number"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Enum(descriptor) => json!({"type": "string", "enum": words(&descriptor)}),
            Kind::Message(message) => match message.full_name() {
                "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
                "trinity.common.v1.Json" => json!({"title": "any JSON"}),
                _ => self.message(&message, direction),
            },
        }
    }
}

/// Adds a description, beside a reference too.
fn describe(schema: &mut Value, text: &str) {
    if !text.is_empty() {
        schema["description"] = text.into();
    }
}

fn nullable(schema: Value) -> Value {
    match schema.get("type").cloned() {
        Some(Value::String(name)) if schema.get("enum").is_none() => {
            let mut schema = schema;
            schema["type"] = json!([name, "null"]);
            schema
        }
        None if schema.get("$ref").is_none() => schema, // Any JSON: null already is.
        _ => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

fn words(descriptor: &EnumDescriptor) -> Vec<String> {
    descriptor.values().map(|value| word(descriptor.name(), value.name())).collect()
}

/// `Project`; with its package when it is not the only one, and marked when it is sent rather than answered.
fn component_name(message: &MessageDescriptor, direction: Direction) -> String {
    let pool = trinity_proto::descriptors::pool();
    let namesakes =
        pool.all_messages().filter(|other| other.name() == message.name() && other.full_name().starts_with("trinity."));
    let suffix = if direction == Direction::Request { "Input" } else { "" };
    match namesakes.count() {
        1 => format!("{}{suffix}", message.name()),
        _ => {
            let package = message.full_name().split('.').nth(1).unwrap_or_default();
            format!("{package}.{}{suffix}", message.name())
        }
    }
}
