//! Descriptors compiled into flat tables: what the reader and the writer look up while they run.

use std::collections::HashMap;

use prost_reflect::{Cardinality, FieldDescriptor, Kind as ProtoKind, MessageDescriptor};

use super::wire::WireType;
use super::words::Words;

/// The place of a message in its schema.
pub type MessageId = usize;

/// Every message and enum that the given RPCs can carry.
#[derive(Debug, Default)]
pub struct Schema {
    messages: Vec<Message>,
    enums: Vec<Words>,
    message_ids: HashMap<String, MessageId>,
    enum_ids: HashMap<String, usize>,
}

/// One message.
#[derive(Debug, Default)]
pub struct Message {
    /// The full name, such as `trinity.registry.v1.Project`.
    pub name: String,
    /// In the order of their numbers.
    pub fields: Vec<Field>,
    /// Bits of the fields that a request must set.
    pub required: u128,
    by_name: HashMap<Box<str>, usize>,
}

/// One field of a message.
#[derive(Debug)]
pub struct Field {
    pub name: Box<str>,
    pub number: u32,
    pub kind: Kind,
    pub label: Label,
    /// The name as a JSON key with its colon.
    pub key: Box<str>,
    /// The fields that may not be set beside this one: the rest of its oneof.
    pub rivals: u128,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    String,
    Bytes,
    Enum(usize),
    Message(MessageId),
    /// `google.protobuf.Timestamp`, RFC 3339 in JSON.
    Timestamp,
    /// `trinity.common.v1.Json`, plain JSON in place.
    Json,
}

/// How often a field occurs, and what its absence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Absent means the default.
    Implicit,
    /// Absent means null.
    Explicit,
    /// A list, one record per element.
    Repeated,
    /// A list in one record.
    Packed,
    /// An object with free keys; the kind is the entry message.
    Map,
}

/// A contract that has no JSON form here.
#[derive(Debug, thiserror::Error)]
#[error("{0}: {1}")]
pub struct CompileError(String, &'static str);

impl Schema {
    /// Adds a message and all that it holds, and returns its place.
    ///
    /// # Errors
    /// Names the first field that has no JSON form.
    pub fn add(&mut self, descriptor: &MessageDescriptor) -> Result<MessageId, CompileError> {
        if let Some(&id) = self.message_ids.get(descriptor.full_name()) {
            return Ok(id);
        }
        let id = self.messages.len();
        self.message_ids.insert(descriptor.full_name().to_owned(), id);
        self.messages.push(Message::default()); // Why: a message may hold itself.
        let descriptors: Vec<FieldDescriptor> = descriptor.fields().collect();
        if descriptors.len() > 128 {
            return Err(CompileError(descriptor.full_name().to_owned(), "has more than 128 fields"));
        }
        let mut message = Message { name: descriptor.full_name().to_owned(), ..Message::default() };
        for (index, field) in descriptors.iter().enumerate() {
            message.by_name.insert(field.name().into(), index);
            if is_required(field) {
                message.required |= 1 << index;
            }
            let field = Field {
                name: field.name().into(),
                number: field.number(),
                kind: self.kind(field)?,
                label: label(field)?,
                key: format!("\"{}\":", field.name()).into(),
                rivals: rivals(field, &descriptors) & !(1 << index),
            };
            message.fields.push(field);
        }
        self.messages[id] = message;
        Ok(id)
    }

    /// The message at a place.
    #[must_use]
    pub fn message(&self, id: MessageId) -> &Message {
        &self.messages[id]
    }

    /// The words of an enum.
    #[must_use]
    pub fn words(&self, id: usize) -> &Words {
        &self.enums[id]
    }

    fn kind(&mut self, field: &FieldDescriptor) -> Result<Kind, CompileError> {
        Ok(match field.kind() {
            ProtoKind::Bool => Kind::Bool,
            ProtoKind::Int32 => Kind::Int32,
            ProtoKind::Int64 => Kind::Int64,
            ProtoKind::Uint32 => Kind::Uint32,
            ProtoKind::Uint64 => Kind::Uint64,
            ProtoKind::Sint32 => Kind::Sint32,
            ProtoKind::Sint64 => Kind::Sint64,
            ProtoKind::Fixed32 => Kind::Fixed32,
            ProtoKind::Fixed64 => Kind::Fixed64,
            ProtoKind::Sfixed32 => Kind::Sfixed32,
            ProtoKind::Sfixed64 => Kind::Sfixed64,
            ProtoKind::Float => Kind::Float,
            ProtoKind::Double => Kind::Double,
            ProtoKind::String => Kind::String,
            ProtoKind::Bytes => Kind::Bytes,
            ProtoKind::Enum(descriptor) => Kind::Enum(self.add_enum(&descriptor)),
            ProtoKind::Message(message) => match message.full_name() {
                "google.protobuf.Timestamp" => Kind::Timestamp,
                "trinity.common.v1.Json" => Kind::Json,
                name if name.starts_with("google.protobuf.") => {
                    return Err(CompileError(field.full_name().to_owned(), "this well-known type is not supported"));
                }
                _ => Kind::Message(self.add(&message)?),
            },
        })
    }

    fn add_enum(&mut self, descriptor: &prost_reflect::EnumDescriptor) -> usize {
        if let Some(&id) = self.enum_ids.get(descriptor.full_name()) {
            return id;
        }
        let id = self.enums.len();
        self.enums.push(Words::new(descriptor));
        self.enum_ids.insert(descriptor.full_name().to_owned(), id);
        id
    }
}

impl Message {
    /// The place of the field with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The place of the field with this number.
    #[must_use]
    pub fn find_number(&self, number: u32) -> Option<usize> {
        let guess = (number as usize).wrapping_sub(1);
        if self.fields.get(guess).is_some_and(|field| field.number == number) {
            return Some(guess);
        }
        self.fields.binary_search_by_key(&number, |field| field.number).ok()
    }
}

impl Kind {
    /// How the value is written on the wire.
    #[must_use]
    pub fn wire_type(self) -> WireType {
        match self {
            Self::Bool
            | Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Uint64
            | Self::Sint32
            | Self::Sint64
            | Self::Enum(_) => WireType::Varint,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => WireType::Fixed64,
            Self::Fixed32 | Self::Sfixed32 | Self::Float => WireType::Fixed32,
            Self::String | Self::Bytes | Self::Message(_) | Self::Timestamp | Self::Json => WireType::Bytes,
        }
    }
}

impl Label {
    /// Whether the field holds more than one value.
    #[must_use]
    pub fn is_many(self) -> bool {
        matches!(self, Self::Repeated | Self::Packed | Self::Map)
    }
}

/// Whether a request must set the field.
#[must_use]
pub fn is_required(field: &FieldDescriptor) -> bool {
    const REQUIRED: i32 = 2;
    let options = field.options();
    options.extensions().any(|(extension, value)| {
        extension.full_name() == "google.api.field_behavior"
            && value.as_list().is_some_and(|list| list.iter().any(|item| item.as_enum_number() == Some(REQUIRED)))
    })
}

fn label(field: &FieldDescriptor) -> Result<Label, CompileError> {
    if field.is_map() {
        let ProtoKind::Message(entry) = field.kind() else { unreachable!("a map's kind is its entry message") };
        if entry.map_entry_key_field().kind() != ProtoKind::String {
            return Err(CompileError(field.full_name().to_owned(), "a map's keys must be strings"));
        }
        return Ok(Label::Map);
    }
    Ok(match field.cardinality() {
        Cardinality::Repeated if field.is_packed() => Label::Packed,
        Cardinality::Repeated => Label::Repeated,
        _ if field.supports_presence() => Label::Explicit,
        _ => Label::Implicit,
    })
}

fn rivals(field: &FieldDescriptor, all: &[FieldDescriptor]) -> u128 {
    let Some(oneof) = field.containing_oneof() else { return 0 };
    all.iter()
        .enumerate()
        .filter(|(_, other)| other.containing_oneof().as_ref() == Some(&oneof))
        .fold(0, |bits, (index, _)| bits | 1 << index)
}
