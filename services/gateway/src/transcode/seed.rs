//! What the JSON parser is handed at each place of a request: a message, a field, a list, a map or a single value.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::PASSED_OVER;
use super::fault::{Reason, Step};
use super::read::Reader;
use super::scalar;
use super::schema::{Field, Kind, Label, Message};
use super::wire::{self, WireType};

/// An object with the fields of a message; gives the bits of those that were set.
pub(super) struct MessageSeed<'r, 's> {
    pub reader: &'r mut Reader<'s>,
    pub message: &'s Message,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_, '_> {
    type Value = u128;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u128, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_, '_> {
    type Value = u128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u128, A::Error> {
        let Self { reader, message } = self;
        let (mut named, mut seen) = (0_u128, 0_u128);
        while let Some(known) = map.next_key_seed(KeySeed { reader, message })? {
            let Some(index) = known else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let field = &message.fields[index];
            let bit = 1 << index;
            reader.steps.push(Step::Field(&field.name));
            if named & bit != 0 {
                return Err(reader.fail(Reason::DuplicateField, "is given twice"));
            }
            named |= bit;
            if map.next_value_seed(FieldSeed { reader, field })? {
                if seen & field.rivals != 0 {
                    return Err(reader.fail(Reason::DuplicateField, "cannot be set beside another field of its group"));
                }
                seen |= bit;
            }
            reader.steps.pop();
        }
        Ok(seen)
    }
}

/// The key of an object: the place of its field; `None` for one that is passed over.
struct KeySeed<'r, 's> {
    reader: &'r mut Reader<'s>,
    message: &'s Message,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_, '_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        let known = self.message.find(name);
        if known.is_some() || (name == PASSED_OVER && self.reader.steps.is_empty()) {
            return Ok(known);
        }
        self.reader.steps.push(Step::Key(name.to_owned()));
        Err(self.reader.fail(Reason::UnknownField, "is not a field here"))
    }
}

/// A field's value or null; says whether it was set.
pub(super) struct FieldSeed<'r, 's> {
    pub reader: &'r mut Reader<'s>,
    pub field: &'s Field,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_none<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        let Self { reader, field } = self;
        match field.label {
            Label::Map => deserializer.deserialize_map(ManyVisitor { reader, field }),
            Label::Repeated | Label::Packed => deserializer.deserialize_seq(ManyVisitor { reader, field }),
            Label::Implicit | Label::Explicit => ValueSeed { reader, field }.deserialize(deserializer),
        }
    }
}

/// The elements of a list or a map.
struct ManyVisitor<'r, 's> {
    reader: &'r mut Reader<'s>,
    field: &'s Field,
}

impl<'de> Visitor<'de> for ManyVisitor<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.field.label == Label::Map { "an object" } else { "a list" })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let Self { reader, field } = self;
        let before = reader.out.len();
        let packed = (field.label == Label::Packed).then(|| {
            wire::put_tag(&mut reader.out, field.number, WireType::Bytes);
            wire::open(&mut reader.out)
        });
        let mut count = 0;
        reader.steps.push(Step::Index(0));
        while list.next_element_seed(ValueSeed { reader, field })?.is_some() {
            count += 1;
            *reader.steps.last_mut().expect("pushed above") = Step::Index(count);
        }
        reader.steps.pop();
        match packed {
            _ if count == 0 => reader.out.truncate(before),
            Some(start) => wire::close(&mut reader.out, start),
            None => {}
        }
        Ok(count > 0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self { reader, field } = self;
        let Kind::Message(entry) = field.kind else { return Err(A::Error::custom("a map holds entries")) };
        let value = &reader.schema.message(entry).fields[1];
        let mut any = false;
        while let Some(key) = map.next_key::<String>()? {
            wire::put_tag(&mut reader.out, field.number, WireType::Bytes);
            let start = wire::open(&mut reader.out);
            wire::put_bytes(&mut reader.out, 1, key.as_bytes());
            reader.steps.push(Step::Key(key));
            map.next_value_seed(ValueSeed { reader, field: value })?;
            reader.steps.pop();
            wire::close(&mut reader.out, start);
            any = true;
        }
        Ok(any)
    }
}

/// One value that is not null.
struct ValueSeed<'r, 's> {
    reader: &'r mut Reader<'s>,
    field: &'s Field,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        let Self { reader, field } = self;
        match field.kind {
            Kind::Message(id) => {
                let message = reader.schema.message(id);
                wire::put_tag(&mut reader.out, field.number, WireType::Bytes);
                let start = wire::open(&mut reader.out);
                let seen = MessageSeed { reader, message }.deserialize(deserializer)?;
                wire::close(&mut reader.out, start);
                let missing = message.required & !seen;
                if missing != 0 {
                    let name = &message.fields[missing.trailing_zeros() as usize].name;
                    reader.steps.push(Step::Field(name));
                    return Err(reader.fail(Reason::Required, "is required"));
                }
                Ok(true)
            }
            Kind::Json => {
                let raw = <&RawValue>::deserialize(deserializer)?;
                reader.put_json(field, raw.get())
            }
            Kind::Bool => deserializer.deserialize_bool(ScalarVisitor { reader, field }),
            Kind::String | Kind::Bytes | Kind::Enum(_) | Kind::Timestamp => {
                deserializer.deserialize_str(ScalarVisitor { reader, field })
            }
            Kind::Float | Kind::Double => deserializer.deserialize_f64(ScalarVisitor { reader, field }),
            _ => deserializer.deserialize_i64(ScalarVisitor { reader, field }),
        }
    }
}

/// A number, a string or a truth value.
struct ScalarVisitor<'r, 's> {
    reader: &'r mut Reader<'s>,
    field: &'s Field,
}

impl Visitor<'_> for ScalarVisitor<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(scalar::expectation(self.field.kind))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        self.reader.put(self.field, scalar::from_bool(self.field.kind, value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<bool, E> {
        self.reader.put(self.field, scalar::from_integer(self.field.kind, number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<bool, E> {
        self.reader.put(self.field, scalar::from_integer(self.field.kind, number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<bool, E> {
        self.reader.put(self.field, scalar::from_float(self.field.kind, number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        self.reader.put_str(self.field, text)
    }
}
