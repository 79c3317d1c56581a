//! Responses: wire bytes into JSON text, without a tree in between.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::scalar;
use super::schema::{Field, Kind, Label, Message, MessageId, Schema};
use super::wire::{Records, Value};

/// Bytes from a service that do not fit its contract: a fault on this side of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an answer that does not fit its contract: {0}")]
pub struct BadWire(pub &'static str);

// Why: bounds the recursion; no contract nests nearly so deep.
const MAX_NESTING: usize = 64;

/// Writes JSON into a buffer that the caller has begun.
pub struct Writer<'s, 'o> {
    schema: &'s Schema,
    out: &'o mut Vec<u8>,
    /// A stack of the fields found in each open message: one allocation for a whole answer.
    slots: Vec<Slot>,
    nesting: usize,
}

/// Where a field was found in its message.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// The offset of the only record, or of the first of a list.
    offset: usize,
    count: usize,
}

impl<'s, 'o> Writer<'s, 'o> {
    /// Appends to `out`.
    pub fn new(schema: &'s Schema, out: &'o mut Vec<u8>) -> Self {
        Self { schema, out, slots: Vec::new(), nesting: 0 }
    }

    /// Writes a message as an object with all its fields.
    ///
    /// # Errors
    /// The bytes do not fit the contract.
    pub fn message(&mut self, id: MessageId, wire: &[u8]) -> Result<(), BadWire> {
        if self.nesting == MAX_NESTING {
            return Err(BadWire("nested too deep"));
        }
        self.nesting += 1;
        let message = self.schema.message(id);
        let base = self.slots.len();
        self.find_fields(message, wire)?;
        self.out.push(b'{');
        for (index, field) in message.fields.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(field.key.as_bytes());
            self.field_at(field, wire, self.slots[base + index])?;
        }
        self.out.push(b'}');
        self.slots.truncate(base);
        self.nesting -= 1;
        Ok(())
    }

    /// Writes the value of one field of a message.
    ///
    /// # Errors
    /// The bytes do not fit the contract.
    pub fn field(&mut self, field: &Field, wire: &[u8]) -> Result<(), BadWire> {
        let mut slot = Slot::default();
        let mut records = Records::new(wire, 0);
        while !records.is_done() {
            let offset = records.offset();
            if records.next_record()?.0 == field.number {
                slot.found(offset, field.label);
            }
        }
        self.field_at(field, wire, slot)
    }

    fn find_fields(&mut self, message: &Message, wire: &[u8]) -> Result<(), BadWire> {
        let base = self.slots.len();
        self.slots.resize(base + message.fields.len(), Slot::default());
        let mut records = Records::new(wire, 0);
        while !records.is_done() {
            let offset = records.offset();
            let (number, _) = records.next_record()?;
            // Unknown numbers are fields of a newer contract: not ours to show.
            if let Some(index) = message.find_number(number) {
                self.slots[base + index].found(offset, message.fields[index].label);
            }
        }
        Ok(())
    }

    fn field_at(&mut self, field: &Field, wire: &[u8], slot: Slot) -> Result<(), BadWire> {
        match field.label {
            Label::Map => self.map(field, wire, slot),
            Label::Repeated | Label::Packed => self.list(field, wire, slot),
            _ if slot.count > 0 => {
                let (_, value) = Records::new(wire, slot.offset).next_record()?;
                self.value(field.kind, value)
            }
            Label::Explicit => {
                self.out.extend_from_slice(b"null");
                Ok(())
            }
            Label::Implicit => self.default(field.kind),
        }
    }

    fn list(&mut self, field: &Field, wire: &[u8], slot: Slot) -> Result<(), BadWire> {
        self.out.push(b'[');
        let mut first = true;
        let element = field.kind.wire_type();
        for value in Occurrences::new(field.number, wire, slot) {
            match value? {
                Value::Bytes(packed) if field.label == Label::Packed => {
                    let mut elements = Records::new(packed, 0);
                    while !elements.is_done() {
                        self.comma(&mut first);
                        self.value(field.kind, elements.next_packed(element)?)?;
                    }
                }
                value => {
                    self.comma(&mut first);
                    self.value(field.kind, value)?;
                }
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn map(&mut self, field: &Field, wire: &[u8], slot: Slot) -> Result<(), BadWire> {
        let Kind::Message(entry) = field.kind else { return Err(BadWire("a map without entries")) };
        let value = &self.schema.message(entry).fields[1];
        self.out.push(b'{');
        let mut first = true;
        for occurrence in Occurrences::new(field.number, wire, slot) {
            let Value::Bytes(entry) = occurrence? else { return Err(BadWire("wrong wire type")) };
            self.comma(&mut first);
            self.string(super::wire::find_bytes(entry, 1)?.unwrap_or_default())?;
            self.out.push(b':');
            self.field(value, entry)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn value(&mut self, kind: Kind, value: Value<'_>) -> Result<(), BadWire> {
        match (kind, value) {
            (Kind::Bool, Value::Varint(value)) => self.plain(value != 0),
            (Kind::Int32, Value::Varint(value)) => self.plain(value as i32),
            (Kind::Int64, Value::Varint(value)) | (Kind::Sfixed64, Value::Fixed64(value)) => self.plain(value as i64),
            (Kind::Uint32, Value::Varint(value)) => self.plain(value as u32),
            (Kind::Uint64, Value::Varint(value)) | (Kind::Fixed64, Value::Fixed64(value)) => self.plain(value),
            (Kind::Sint32 | Kind::Sint64, Value::Varint(value)) => self.plain(scalar::unzigzag(value)),
            (Kind::Fixed32, Value::Fixed32(value)) => self.plain(value),
            (Kind::Sfixed32, Value::Fixed32(value)) => self.plain(value as i32),
            (Kind::Float, Value::Fixed32(bits)) => self.plain(f32::from_bits(bits)),
            (Kind::Double, Value::Fixed64(bits)) => self.plain(f64::from_bits(bits)),
            (Kind::Enum(id), Value::Varint(value)) => match self.schema.words(id).word(value as i32) {
                Some(word) => self.plain(word),
                None => self.plain(value as i32), // A word of a newer contract.
            },
            (Kind::String, Value::Bytes(bytes)) => self.string(bytes),
            (Kind::Bytes, Value::Bytes(bytes)) => self.plain(STANDARD.encode(bytes)),
            (Kind::Timestamp, Value::Bytes(bytes)) => scalar::write_timestamp(self.out, bytes),
            (Kind::Json, Value::Bytes(bytes)) => {
                self.out.extend_from_slice(scalar::json_text(bytes)?.unwrap_or(b"null"));
                Ok(())
            }
            (Kind::Message(id), Value::Bytes(bytes)) => self.message(id, bytes),
            _ => Err(BadWire("wrong wire type")),
        }
    }

    fn default(&mut self, kind: Kind) -> Result<(), BadWire> {
        match kind {
            Kind::Bool => self.plain(false),
            Kind::String | Kind::Bytes => self.plain(""),
            Kind::Float | Kind::Double => self.plain(0.0),
            Kind::Enum(_) => self.value(kind, Value::Varint(0)),
            Kind::Message(_) | Kind::Timestamp | Kind::Json => {
                self.out.extend_from_slice(b"null");
                Ok(())
            }
            _ => self.plain(0),
        }
    }

    fn string(&mut self, bytes: &[u8]) -> Result<(), BadWire> {
        self.plain(std::str::from_utf8(bytes).map_err(|_| BadWire("a string that is not UTF-8"))?)
    }

    fn plain(&mut self, value: impl serde::Serialize) -> Result<(), BadWire> {
        serde_json::to_writer(&mut *self.out, &value).map_err(|_| BadWire("a value that has no JSON form"))
    }

    fn comma(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(b',');
        }
    }
}

impl Slot {
    /// Invariant: the last record of a single value counts, the first of a list is remembered.
    fn found(&mut self, offset: usize, label: Label) {
        if self.count == 0 || !label.is_many() {
            self.offset = offset;
        }
        self.count += 1;
    }
}

/// The records of one field, from where the first was found until all were.
struct Occurrences<'a> {
    number: u32,
    records: Records<'a>,
    left: usize,
}

impl<'a> Occurrences<'a> {
    fn new(number: u32, wire: &'a [u8], slot: Slot) -> Self {
        Self { number, records: Records::new(wire, slot.offset), left: slot.count }
    }
}

impl<'a> Iterator for Occurrences<'a> {
    type Item = Result<Value<'a>, BadWire>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            match self.records.next_record() {
                Ok((number, value)) if number == self.number => {
                    self.left -= 1;
                    return Some(Ok(value));
                }
                Ok(_) => {}
                Err(error) => {
                    self.left = 0;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
