//! An independent mapping between messages and JSON: prost-reflect's canonical one, bent to the house's rules by a walk
//! over the tree. Slow and plain, so that the transcoder can be held against it.

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, SerializeOptions, Value,
};
use serde_json::{Map, Value as Json, json};
use trinity_gateway::transcode::schema::is_required;

/// What the transcoder must write for a message.
pub fn to_json(message: &DynamicMessage) -> Json {
    let options = SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true);
    let mut text = Vec::new();
    message.serialize_with_options(&mut serde_json::Serializer::new(&mut text), &options).unwrap();
    house_form(&message.descriptor(), &serde_json::from_slice(&text).unwrap())
}

fn house_form(descriptor: &MessageDescriptor, canonical: &Json) -> Json {
    let fields = descriptor.fields().map(|field| {
        let value = match canonical.get(field.name()) {
            None => absent(&field),
            Some(value) if field.is_map() => {
                let Kind::Message(entry) = field.kind() else { unreachable!() };
                let inner = entry.map_entry_value_field();
                value.as_object().unwrap().iter().map(|(key, value)| (key.clone(), single(&inner, value))).collect()
            }
            Some(value) if field.is_list() => {
                value.as_array().unwrap().iter().map(|item| single(&field, item)).collect()
            }
            Some(value) => single(&field, value),
        };
        (field.name().to_owned(), value)
    });
    Json::Object(fields.collect())
}

fn single(field: &FieldDescriptor, canonical: &Json) -> Json {
    match field.kind() {
        Kind::Enum(descriptor) => {
            // The prefix is what stands before UNSPECIFIED.
            let zero = descriptor.get_value(0).unwrap();
            let prefix = zero.name().strip_suffix("UNSPECIFIED").unwrap();
            Json::from(canonical.as_str().unwrap().strip_prefix(prefix).unwrap().to_lowercase())
        }
        Kind::Message(message) if message.full_name() == "trinity.common.v1.Json" => {
            canonical.get("text").map_or(Json::Null, |text| serde_json::from_str(text.as_str().unwrap()).unwrap())
        }
        Kind::Message(message) if message.full_name() == "google.protobuf.Timestamp" => canonical.clone(),
        Kind::Message(message) => house_form(&message, canonical),
        _ => canonical.clone(),
    }
}

fn absent(field: &FieldDescriptor) -> Json {
    if field.is_map() {
        return json!({});
    }
    if field.is_list() {
        return json!([]);
    }
    if field.supports_presence() {
        return Json::Null;
    }
    match field.kind() {
        Kind::Bool => json!(false),
        Kind::String | Kind::Bytes => json!(""),
        Kind::Enum(_) => json!("unspecified"),
        Kind::Float | Kind::Double => json!(0.0),
        _ => json!(0),
    }
}

/// Bytes that decide what is generated; when they run out, everything is small and empty.
pub struct Entropy<'a>(pub std::slice::Iter<'a, u8>);

impl Entropy<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or_default()
    }

    fn number(&mut self) -> u64 {
        match self.byte() % 4 {
            0 => u64::from(self.byte()),
            1 => u64::MAX - u64::from(self.byte()),
            2 => i64::MIN as u64,
            _ => (0..8).fold(0, |sum, _| sum << 8 | u64::from(self.byte())),
        }
    }

    fn text(&mut self) -> String {
        let letters = ["a", "\"", "\\", "\n", "é", "\u{1}", "😀", "/", "</script>", "\u{2028}", " ", "{"];
        (0..self.byte() % 5).map(|_| letters[usize::from(self.byte()) % letters.len()]).collect()
    }

    fn document(&mut self, depth: usize) -> Json {
        match self.byte() % if depth == 0 { 5 } else { 7 } {
            0 => json!(self.text()),
            1 => json!(self.number()),
            2 => json!(self.number() as i64),
            3 => Json::Null,
            4 => json!(self.byte().is_multiple_of(2)),
            5 => (0..self.byte() % 4).map(|_| self.document(depth - 1)).collect(),
            _ => Json::Object(
                (0..self.byte() % 4).map(|_| (self.text(), self.document(depth - 1))).collect::<Map<_, _>>(),
            ),
        }
    }
}

/// A message that the bytes describe.
pub fn message(descriptor: &MessageDescriptor, entropy: &mut Entropy<'_>, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        // What a request must have, and not empty, an answer has as well.
        let required = is_required(&field);
        if entropy.byte().is_multiple_of(3) && !required {
            continue;
        }
        let count = (entropy.byte() % 4).max(u8::from(required));
        let deep_enough = matches!(field.kind(), Kind::Message(ref inner) if depth == 0 && inner.full_name().starts_with("everything"));
        if deep_enough {
            continue;
        }
        let value = if field.is_map() {
            let Kind::Message(entry) = field.kind() else { unreachable!() };
            let inner = entry.map_entry_value_field();
            let pairs = (0..count).map(|_| (MapKey::String(entropy.text()), value(&inner, entropy, depth)));
            Value::Map(pairs.collect())
        } else if field.is_list() {
            Value::List((0..count).map(|_| value(&field, entropy, depth)).collect())
        } else {
            match value(&field, entropy, depth) {
                Value::String(text) if required && text.is_empty() => Value::String("x".to_owned()),
                Value::Bytes(bytes) if required && bytes.is_empty() => Value::Bytes(b"x".as_slice().into()),
                value => value,
            }
        };
        message.set_field(&field, value);
    }
    message
}

fn value(field: &FieldDescriptor, entropy: &mut Entropy<'_>, depth: usize) -> Value {
    match field.kind() {
        Kind::Bool => Value::Bool(entropy.byte().is_multiple_of(2)),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(entropy.number() as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(entropy.number() as i64),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(entropy.number() as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(entropy.number()),
        Kind::Float => Value::F32(entropy.number() as f32 / 3.0),
        Kind::Double => Value::F64(entropy.number() as f64 / 7.0),
        Kind::String => Value::String(entropy.text()),
        Kind::Bytes => Value::Bytes((0..entropy.byte() % 9).map(|_| entropy.byte()).collect()),
        Kind::Enum(descriptor) => {
            let values: Vec<_> = descriptor.values().collect();
            Value::EnumNumber(values[usize::from(entropy.byte()) % values.len()].number())
        }
        Kind::Message(inner) => Value::Message(match inner.full_name() {
            "google.protobuf.Timestamp" => timestamp(&inner, entropy),
            "trinity.common.v1.Json" => {
                let mut json = DynamicMessage::new(inner);
                // Why: a bare null cannot be told from an unset field.
                let document = match entropy.document(3) {
                    Json::Null => json!([null]),
                    document => document,
                };
                json.set_field_by_name("text", Value::String(document.to_string()));
                json
            }
            _ => message(&inner, entropy, depth.saturating_sub(1)),
        }),
    }
}

fn timestamp(descriptor: &MessageDescriptor, entropy: &mut Entropy<'_>) -> DynamicMessage {
    let mut time = DynamicMessage::new(descriptor.clone());
    let span = 253_402_300_799_u64 + 62_135_596_800; // From the year 1 to the year 9999.
    time.set_field_by_name("seconds", Value::I64((entropy.number() % span) as i64 - 62_135_596_800));
    let nanos = [0, 1, 999_999_999, 500_000_000, 123_456_000, 120_000_000];
    time.set_field_by_name("nanos", Value::I32(nanos[usize::from(entropy.byte()) % nanos.len()]));
    time
}
