//! Columns of documents good and hostile.

use proptest::prelude::*;

use super::*;

fn described(text: &str, format: Format) -> Description {
    describe(text.as_bytes(), format)
}

fn columns(description: &Description) -> Vec<(&str, &str, bool)> {
    let column = |column: &Column| (column.name.as_str().to_owned(), column.kind.clone(), column.nullable);
    let owned: Vec<_> = description.columns.iter().map(column).collect();
    owned.into_iter().map(|(name, kind, nullable)| (&*name.leak(), &*kind.leak(), nullable)).collect()
}

#[test]
fn nested_objects_become_columns_with_dots() {
    let text = r#"[{"id": 1, "at": {"city": "Köln", "deep": {"x": 1.5}}, "tags": [1, {"a": 2}], "none": null},
        {"id": 2, "at": {"city": "Bonn"}, "day": "2012-01-31", "seen": "2012-01-31T10:00:00Z", "ok": true, "big": 12345678901234567890}]"#;
    let found = described(text, Format::Json);
    assert_eq!((found.rows, found.problem.as_deref()), (Some(2), None));
    let expected = [
        ("id", "int64", false),
        ("at.city", "string", false),
        ("at.deep.x", "float64", true),
        ("tags", "string", true),
        ("none", "string", true),
        ("day", "date", true),
        ("seen", "timestamp", true),
        ("ok", "boolean", true),
        ("big", "string", true),
    ];
    assert_eq!(columns(&found), expected);
    let rows = first_rows(
        text.as_bytes(),
        Format::Json,
        &found.columns.iter().map(|c| (c.name.clone(), Value::Null)).collect(),
        1,
    );
    let row = r#"{"id":1,"at.city":"Köln","at.deep.x":1.5,"tags":"[1, {\"a\": 2}]","none":null,"day":null,"seen":null,"ok":null,"big":null}"#;
    assert_eq!(rows, [row]);
}

#[test]
fn lines_are_records_whatever_they_are_named() {
    let lines = "\u{feff}\n{\"a\": 1}\n\n{\"a\": 2.5}\r\n{\"a\": null}";
    for format in [Format::Json, Format::Ndjson] {
        let found = described(lines, format);
        assert_eq!((found.rows, columns(&found)), (Some(3), vec![("a", "float64", true)]));
    }
    let plain = described("[1, 2, 3]", Format::Json);
    assert_eq!((plain.rows, columns(&plain)), (Some(3), vec![("value", "int64", false)]));
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let cases = [
        ("", "the file is empty"),
        (" \n ", "the file is empty"),
        ("[]", "there is no record with a value"),
        ("[{}, {}]", "there is no record with a value"),
        ("[{\"a\": 1},\n {\"a\": }]", "line 2: expected value"),
        ("\n\n[{\"a\": 1}\n", "line 4: EOF while parsing a list"),
        ("[{\"a\": 1}] x", "line 1: trailing characters"),
    ];
    for (text, problem) in cases {
        assert_eq!(described(text, Format::Json).problem.as_deref(), Some(problem), "{text}");
    }
    let broken = described("{\"a\": 1}\n{\"a\": 2}\n{\"a\"", Format::Ndjson);
    assert_eq!((broken.rows, broken.columns.len()), (None, 1));
    assert!(broken.problem.unwrap().starts_with("line 3: EOF"));
    let shown =
        first_rows(&b"{\"a\": 1}\nnonsense"[..], Format::Ndjson, &Map::from_iter([("a".to_owned(), Value::Null)]), 5);
    assert_eq!(shown, [r#"{"a":1}"#]);
}

#[test]
fn hostile_documents_cost_little() {
    let deep = format!("[{}1{}]", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    let found = described(&deep, Format::Json);
    assert_eq!((found.columns.len(), found.columns[0].kind.as_str()), (1, "string"));
    let lists = format!("[{{\"a\": {}{}}}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(columns(&described(&lists, Format::Json)), [("a", "string", false)]);
    let wide: Vec<String> = (0..20_001).map(|n| format!("\"{n}\": 1")).collect();
    let wide = described(&format!("[{{{}}}]", wide.join(",")), Format::Json);
    assert_eq!(wide.problem.unwrap(), "record 1: more than the 20000 columns that a table may have");
    let long = format!("[{{\"{}\": 1}}]", "x".repeat(5_000));
    assert_eq!(described(&long, Format::Json).problem.unwrap(), "record 1: the name of a column is too long");
    let endless = Read::chain(&b"[{\"a\": \""[..], std::io::repeat(b'x'));
    let problem = describe(endless, Format::Json).problem.unwrap();
    assert_eq!(problem, "a record is longer than 16 MiB, the most that one may have");
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200), text in r#"[\[\]{}:,"0-9a-z. \n]{0,80}"#) {
        for format in [Format::Json, Format::Ndjson] {
            describe(bytes.as_slice(), format);
            describe(text.as_bytes(), format);
        }
    }
}
