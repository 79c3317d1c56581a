//! The transcoder against the oracle, byte fidelity of documents, and the table of bad input.

use std::sync::LazyLock;

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage as _};
use serde_json::Value as Json;
use trinity_gateway::transcode::{Fault, MessageId, Reader, Schema, Writer};

use crate::oracle::{self, Entropy};

static EVERYTHING: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    let set = protox::compile(["everything.proto"], ["tests/it", "../../proto"]).unwrap();
    DescriptorPool::from_file_descriptor_set(set).unwrap().get_message_by_name("everything.Everything").unwrap()
});

fn schema(descriptor: &MessageDescriptor) -> (Schema, MessageId) {
    let mut schema = Schema::default();
    let id = schema.add(descriptor).unwrap();
    (schema, id)
}

fn read(descriptor: &MessageDescriptor, json: &str) -> Result<DynamicMessage, Vec<Fault>> {
    let (schema, id) = schema(descriptor);
    let mut reader = Reader::new(&schema, id, 0);
    reader.body(json.as_bytes()).map_err(|fault| vec![fault])?;
    Ok(DynamicMessage::decode(descriptor.clone(), reader.finish()?.as_slice()).unwrap())
}

fn write(descriptor: &MessageDescriptor, wire: &[u8]) -> String {
    let (schema, id) = schema(descriptor);
    let mut out = Vec::new();
    Writer::new(&schema, &mut out).message(id, wire).unwrap();
    String::from_utf8(out).unwrap()
}

fn assert_agrees(message: &DynamicMessage) {
    let expected = oracle::to_json(message);
    let written = write(&message.descriptor(), &message.encode_to_vec());
    assert_eq!(serde_json::from_str::<Json>(&written).unwrap(), expected);
    let read = read(&message.descriptor(), &expected.to_string()).unwrap();
    assert_eq!(oracle::to_json(&read), expected, "{written}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_kind_of_field_agrees_with_the_oracle(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        assert_agrees(&oracle::message(&EVERYTHING, &mut Entropy(bytes.iter()), 2));
    }

    #[test]
    fn every_answer_of_the_contracts_agrees_with_the_oracle(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let rpcs = trinity_proto::descriptors::rpcs().unwrap();
        let index = bytes.first().map_or(0, |byte| usize::from(*byte)) % rpcs.len();
        assert_agrees(&oracle::message(&rpcs[index].method.output(), &mut Entropy(bytes.iter()), 3));
    }

    #[test]
    fn no_body_and_no_answer_can_panic_the_transcoder(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (schema, id) = schema(&EVERYTHING);
        let _ = Reader::new(&schema, id, 0).body(&bytes);
        let _ = Writer::new(&schema, &mut Vec::new()).message(id, &bytes);
    }

    #[test]
    fn documents_pass_byte_for_byte(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        // Numbers and escapes that a parser would change, in an order that a map would lose.
        let text = format!(
            r#"{{"z":1e400,"a":0.10,"big":123456789012345678901234567890,"esc":"\u00e9\/","bytes":{bytes:?},"a":-0}}"#
        );
        let message = read(&EVERYTHING, &format!("{{\"document\": {text} ,\"documents\":[{text}, null]}}")).unwrap();
        let written = write(&EVERYTHING, &message.encode_to_vec());
        let document = format!("\"document\":{text},");
        let documents = format!("\"documents\":[{text},null],");
        prop_assert!(written.contains(&document) && written.contains(&documents), "{written}");
    }
}

#[test]
fn fields_in_any_order_are_written_in_the_contracts_order() {
    let wire = [
        b"\xc2\x0c\x01x".as_slice(), // far = "x"
        b"\xf2\x01\x01\x02",         // colours = [DARK_BLUE], packed
        b"\xf0\x01\x01",             // colours += RED, loose
        b"\x28\x07",                 // u64 = 7
        b"\x28\x08",                 // u64 = 8: the last one counts
        b"\xa2\x7d\x01?",            // a field that the contract does not know
    ]
    .concat();
    let json: Json = serde_json::from_str(&write(&EVERYTHING, &wire)).unwrap();
    assert_eq!(json["far"], "x");
    assert_eq!(json["colours"], serde_json::json!(["dark_blue", "red"]));
    assert_eq!(json["u64"], 8);
}

/// Body, field at fault, reason.
const BAD: &[(&str, &str, &str)] = &[
    ("", "", "malformed_json"),
    ("{", "", "malformed_json"),
    ("{\"text\": \"a\"} x", "", "malformed_json"),
    ("{\"document\": {\"a\": tru}}", "document", "malformed_json"),
    ("{\"document\": {\"a\": \"\t\"}}", "document", "malformed_json"),
    ("{\"document\": [1,]}", "document", "malformed_json"),
    ("[]", "", "wrong_type"),
    ("null", "", "wrong_type"),
    ("{\"i32\": \"1\"}", "i32", "wrong_type"),
    ("{\"i32\": 1.5}", "i32", "wrong_type"),
    ("{\"i32\": true}", "i32", "wrong_type"),
    ("{\"flag\": 1}", "flag", "wrong_type"),
    ("{\"flag\": \"true\"}", "flag", "wrong_type"),
    ("{\"text\": 1}", "text", "wrong_type"),
    ("{\"text\": {}}", "text", "wrong_type"),
    ("{\"texts\": \"a\"}", "texts", "wrong_type"),
    ("{\"texts\": [\"a\", \"b\", 3]}", "texts[2]", "wrong_type"),
    ("{\"texts\": [null]}", "texts[0]", "wrong_type"),
    ("{\"inner\": []}", "inner", "wrong_type"),
    ("{\"inner\": {\"inners\": [{}, {\"u32\": -1}]}}", "inner.inners[1].u32", "out_of_range"),
    ("{\"counts\": {\"x\": \"y\"}}", "counts.x", "wrong_type"),
    ("{\"at\": 5}", "at", "wrong_type"),
    ("{\"Text\": \"a\"}", "Text", "unknown_field"),
    ("{\"maybeText\": \"a\"}", "maybeText", "unknown_field"),
    ("{\"inner\": {\"colour\": \"red\", \"nope\": 1}}", "inner.nope", "unknown_field"),
    ("{\"text\": \"a\", \"text\": \"b\"}", "text", "duplicate_field"),
    ("{\"left\": \"a\", \"right\": 1}", "right", "duplicate_field"),
    ("{\"i32\": 2147483648}", "i32", "out_of_range"),
    ("{\"i64\": 9223372036854775808}", "i64", "out_of_range"),
    ("{\"u64\": 18446744073709551616}", "u64", "out_of_range"),
    ("{\"u64\": -1}", "u64", "out_of_range"),
    ("{\"double\": 1e400}", "double", "out_of_range"),
    ("{\"single\": 1e300}", "single", "out_of_range"),
    ("{\"colour\": \"RED\"}", "colour", "unknown_word"),
    ("{\"colour\": \"COLOUR_RED\"}", "colour", "unknown_word"),
    ("{\"colours\": [\"red\", \"pink\"]}", "colours[1]", "unknown_word"),
    ("{\"colour\": 1}", "colour", "wrong_type"),
    ("{\"at\": \"yesterday\"}", "at", "bad_timestamp"),
    ("{\"at\": \"2026-02-30T00:00:00Z\"}", "at", "bad_timestamp"),
    ("{\"at\": \"2026-01-01\"}", "at", "bad_timestamp"),
    ("{\"at\": \"0000-01-01T00:00:00Z\"}", "at", "bad_timestamp"),
    ("{\"blob\": \"a?\"}", "blob", "bad_base64"),
    ("{\"blob\": \"YQ\"}", "blob", "bad_base64"),
];

#[test]
fn every_fault_names_its_field_and_reason() {
    for (body, field, reason) in BAD {
        let faults = read(&EVERYTHING, body).expect_err(body);
        assert_eq!((faults[0].field.as_str(), faults[0].reason.word()), (*field, *reason), "{body}: {faults:?}");
        assert!(!faults[0].message.is_empty() && faults[0].message.len() < 200, "{body}: {faults:?}");
    }
}

#[test]
fn malformed_json_is_placed_by_line_and_column() {
    let faults = read(&EVERYTHING, "{\n  \"text\": \"a\",\n  \"flag\": maybe\n}").unwrap_err();
    let expected = trinity_gateway::transcode::Reason::MalformedJson { line: 3, column: 11 };
    assert_eq!(faults[0].reason, expected, "{faults:?}");
}

#[test]
fn documents_nest_up_to_the_limit() {
    let nested = |depth: usize| format!("{{\"document\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&EVERYTHING, &nested(128)).is_ok());
    for depth in [129, 200_000] {
        let faults = read(&EVERYTHING, &nested(depth)).unwrap_err();
        assert_eq!((faults[0].field.as_str(), faults[0].reason.word()), ("document", "too_deep"));
    }
}

#[test]
fn every_required_field_that_is_missing_is_named() {
    let request =
        trinity_proto::descriptors::pool().get_message_by_name("trinity.registry.v1.CreateProjectRequest").unwrap();
    for body in ["{}", "{\"name\": null, \"app\": \"\"}"] {
        let faults = read(&request, body).unwrap_err();
        let named: Vec<_> = faults.iter().map(|fault| (fault.field.as_str(), fault.reason.word())).collect();
        assert_eq!(named, [("name", "required"), ("app", "required")]);
    }
}

#[test]
fn integral_numbers_may_be_written_with_a_point_or_an_exponent() {
    let message = read(&EVERYTHING, "{\"i32\": 7.0, \"u64\": 1e3, \"double\": 3}").unwrap();
    let json = oracle::to_json(&message);
    assert_eq!((&json["i32"], &json["u64"], &json["double"]), (&Json::from(7), &Json::from(1000), &Json::from(3.0)));
}

#[test]
fn a_service_that_breaks_the_contract_is_found_out() {
    let (schema, id) = schema(&EVERYTHING);
    let bad: [&[u8]; 5] = [
        b"\x72\x02\xff\xfe",                         // text that is not UTF-8
        b"\x92\x01\x03\x0a\x01{",                    // a document that is not JSON
        b"\x72\x05ab",                               // truncated
        b"\x70\x01",                                 // text as a number
        b"\x8a\x01\x07\x08\xff\xff\xff\xff\xff\x7f", // a time after the year 9999
    ];
    for wire in bad {
        assert!(Writer::new(&schema, &mut Vec::new()).message(id, wire).is_err(), "{wire:x?}");
    }
}
