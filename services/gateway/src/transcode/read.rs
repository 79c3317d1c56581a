//! Requests: a JSON body and parameters into wire bytes, without a tree in between.

use serde::de::{self, DeserializeSeed as _};
use serde_json::de::SliceRead;

use super::fault::{Fault, Reason, Step, path};
use super::scalar::{self, Wrong};
use super::schema::{Field, Label, Message, MessageId, Schema};
use super::seed::{FieldSeed, MessageSeed};
use super::wire::{self, Value, WireType};

type JsonText<'de> = serde_json::Deserializer<SliceRead<'de>>;

/// Builds the wire bytes of one request message.
///
/// Invariant: whatever is written later wins, so parameters come after the body.
pub struct Reader<'s> {
    pub(super) schema: &'s Schema,
    message: &'s Message,
    pub(super) out: Vec<u8>,
    scratch: Vec<u8>,
    /// Where the parser is; after a fault, where it was.
    pub(super) steps: Vec<Step<'s>>,
    wrong: Option<Wrong>,
    seen: u128,
}

impl<'s> Reader<'s> {
    /// Starts an empty message.
    #[must_use]
    pub fn new(schema: &'s Schema, message: MessageId, capacity: usize) -> Self {
        Self {
            schema,
            message: schema.message(message),
            out: Vec::with_capacity(capacity),
            scratch: Vec::new(),
            steps: Vec::new(),
            wrong: None,
            seen: 0,
        }
    }

    /// Takes the whole message from a JSON object.
    ///
    /// # Errors
    /// The first fault.
    pub fn body(&mut self, json: &[u8]) -> Result<(), Fault> {
        let message = self.message;
        self.seen |= self.parse(json, |reader, text| MessageSeed { reader, message }.deserialize(text))?;
        Ok(())
    }

    /// Takes one field from a JSON text.
    ///
    /// # Errors
    /// The first fault.
    pub fn body_field(&mut self, index: usize, json: &[u8]) -> Result<(), Fault> {
        let field = &self.message.fields[index];
        self.steps.push(Step::Field(&field.name));
        if self.parse(json, |reader, text| FieldSeed { reader, field }.deserialize(text))? {
            self.seen |= 1 << index;
        }
        self.steps.clear();
        Ok(())
    }

    /// Takes one field of bytes as they are.
    pub fn raw_field(&mut self, index: usize, bytes: &[u8]) {
        let field = &self.message.fields[index];
        if !bytes.is_empty() {
            wire::put_tag(&mut self.out, field.number, field.kind.wire_type());
            scalar::put_value(&mut self.out, Value::Bytes(bytes));
            self.seen |= 1 << index;
        }
    }

    /// Takes one field from a parameter's text; a list grows by one element.
    ///
    /// # Errors
    /// The text does not fit the field.
    pub fn parameter(&mut self, index: usize, text: &str) -> Result<(), Fault> {
        let field = &self.message.fields[index];
        let value = scalar::from_parameter(self.schema, field.kind, text, &mut self.scratch)
            .map_err(|(reason, message)| Fault::new(&*field.name, reason, message))?;
        wire::put_tag(&mut self.out, field.number, field.kind.wire_type());
        scalar::put_value(&mut self.out, value);
        if value != Value::Bytes(&[]) || field.label != Label::Implicit {
            self.seen |= 1 << index;
        }
        Ok(())
    }

    /// Whether a field was given.
    #[must_use]
    pub fn has(&self, index: usize) -> bool {
        self.seen & (1 << index) != 0
    }

    /// The finished message.
    ///
    /// # Errors
    /// One fault for every required field that is missing.
    pub fn finish(self) -> Result<Vec<u8>, Vec<Fault>> {
        if self.message.required & !self.seen == 0 {
            return Ok(self.out);
        }
        let missing = self.message.fields.iter().enumerate().filter(|(index, _)| {
            let bit = 1 << index;
            self.message.required & bit != 0 && self.seen & bit == 0
        });
        Err(missing.map(|(_, field)| Fault::new(&*field.name, Reason::Required, "is required")).collect())
    }

    fn parse<'de, T>(
        &mut self,
        json: &'de [u8],
        read: impl FnOnce(&mut Self, &mut JsonText<'de>) -> serde_json::Result<T>,
    ) -> Result<T, Fault> {
        let mut text = JsonText::from_slice(json);
        let outcome = read(self, &mut text).and_then(|value| text.end().map(|()| value));
        outcome.map_err(|error| self.fault(&error))
    }

    fn fault(&mut self, error: &serde_json::Error) -> Fault {
        let field = path(&self.steps);
        if let Some((reason, message)) = self.wrong.take() {
            return Fault::new(field, reason, message);
        }
        let text = error.to_string();
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        if error.is_data() {
            // Why: the part before it repeats the value, which may be long or secret.
            let expected = text.rsplit_once("expected ").map_or("something else", |(_, expected)| expected);
            return Fault::new(field, Reason::WrongType, format!("must be {expected}"));
        }
        if text == "number out of range" {
            return Fault::new(field, Reason::OutOfRange, text);
        }
        let (line, column) = (error.line(), error.column());
        let message = format!("malformed JSON at line {line} column {column}: {text}");
        Fault::new(field, Reason::MalformedJson { line, column }, message)
    }

    /// Notes what is wrong here; the error itself only unwinds the parser.
    pub(super) fn fail<E: de::Error>(&mut self, reason: Reason, message: impl Into<String>) -> E {
        self.wrong = Some((reason, message.into()));
        E::custom("")
    }

    /// Writes a value of a field as its label asks; says whether it counts as given.
    pub(super) fn put<E: de::Error>(&mut self, field: &Field, value: Result<Value<'_>, Wrong>) -> Result<bool, E> {
        let value = match value {
            Ok(value) => value,
            Err((reason, message)) => return Err(self.fail(reason, message)),
        };
        if field.label == Label::Implicit && scalar::is_default(value) {
            return Ok(value != Value::Bytes(&[]));
        }
        if field.label != Label::Packed {
            wire::put_tag(&mut self.out, field.number, field.kind.wire_type());
        }
        scalar::put_value(&mut self.out, value);
        Ok(true)
    }

    /// Writes what a JSON string means for a field.
    pub(super) fn put_str<E: de::Error>(&mut self, field: &Field, text: &str) -> Result<bool, E> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let value = scalar::from_str(self.schema, field.kind, text, &mut scratch);
        let outcome = self.put(field, value);
        self.scratch = scratch;
        outcome
    }

    /// Writes a document as its text.
    pub(super) fn put_json<E: de::Error>(&mut self, field: &Field, text: &str) -> Result<bool, E> {
        if scalar::is_too_deep(text) {
            return Err(self.fail(Reason::TooDeep, format!("nests deeper than {} levels", super::MAX_DEPTH)));
        }
        let length = text.len() as u64;
        wire::put_tag(&mut self.out, field.number, WireType::Bytes);
        wire::put_varint(&mut self.out, 1 + wire::varint_len(length) as u64 + length);
        wire::put_bytes(&mut self.out, 1, text.as_bytes());
        Ok(true)
    }
}
