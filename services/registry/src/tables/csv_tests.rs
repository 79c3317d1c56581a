//! What the describer says of files good and hostile.

use proptest::prelude::*;

use super::*;

fn describe_in(bytes: &[u8], chunk: usize) -> Description {
    let mut describer = Describer::new(delimiter_of(None, bytes));
    bytes.chunks(chunk).for_each(|chunk| describer.feed(chunk));
    describer.finish()
}

fn describe(bytes: &[u8]) -> Description {
    describe_in(bytes, 7)
}

fn kinds(description: &Description) -> Vec<(&str, &str, bool)> {
    description.columns.iter().map(|column| (column.name.as_str(), column.kind.as_str(), column.nullable)).collect()
}

#[test]
fn columns_types_and_rows_are_found() {
    let found = describe(b"day,temp,weather,n\r\n2012/01/01,12.8,\"rain, \"\"hard\"\"\",1\r\n2012/01/02,10,,2\r\n");
    assert_eq!(found.problem, None);
    assert_eq!(found.rows, Some(2));
    let expected =
        [("day", "date", false), ("temp", "float64", false), ("weather", "string", true), ("n", "int64", false)];
    assert_eq!(kinds(&found), expected);
}

#[test]
fn a_mark_blank_lines_and_a_missing_last_line_end_are_no_rows() {
    let found = describe(b"\xef\xbb\xbfa,b\n\n\n1,2\n\n3,4");
    assert_eq!(found.rows, Some(2));
    assert_eq!(found.columns[0].name, "a");
}

#[test]
fn names_are_made_unique_and_numbered() {
    let found = describe(b"a, a ,,a_2\n1,2,3,4\n");
    let names: Vec<_> = found.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "a_2", "column_3", "a_2_2"]);
}

#[test]
fn a_delimiter_other_than_the_comma_is_found() {
    assert_eq!(describe(b"a;b\n1,5;2\n").columns.len(), 2);
    assert_eq!(delimiter_of(Some("tsv"), b"a,b"), b'\t');
    assert_eq!(delimiter_of(None, b"a;b,c"), b',');
}

#[test]
fn problems_name_their_line() {
    let long_line = [b"a,b\n1,".as_slice(), &vec![b'x'; 17 << 20]].concat();
    let cases: [(&[u8], &str); 9] = [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"a,b\n1,2\n\n3\n", "line 4: 1 field where the header has 2"),
        (b"a,b\n1,2\n\"x\ny\",3\n1,2,3\n", "line 5: 3 fields where the header has 2"),
        (b"a,b\n1,2\n3,\"4\n5,6\n", "line 3: the quote that opens here is never closed"),
        (b"a,b\n1,caf\xe9\n", "line 2: not UTF-8 text: save the file as UTF-8 and upload it again"),
        (b"\xff\xfea\0,\0b\0", "line 1: not UTF-8 text: save the file as UTF-8 and upload it again"),
        (b"a,b\n1,\0\n", "line 2: a zero byte: this is not a text file, or it is damaged"),
        (&long_line, "line 2: longer than 16 MiB, the most that one record may have"),
    ];
    for (bytes, expected) in cases {
        let found = describe_in(bytes, 64 << 10);
        assert_eq!(found.problem.as_deref(), Some(expected));
        assert_eq!(found.rows, None);
    }
}

#[test]
fn long_values_are_text_and_need_no_memory() {
    let file = [b"a,b\n".as_slice(), &vec![b'1'; 3 << 20], b",2\n"].concat();
    let found = describe_in(&file, 1000);
    assert_eq!(kinds(&found), [("a", "string", false), ("b", "int64", false)]);
    assert_eq!(found.rows, Some(1));
}

proptest! {
    #[test]
    fn where_chunks_end_makes_no_difference(text in "[ab,\"\n\r é0-9.]{0,80}", chunk in 1_usize..20) {
        prop_assert_eq!(describe_in(text.as_bytes(), chunk), describe_in(text.as_bytes(), 1 << 20));
    }

    #[test]
    fn any_bytes_are_described(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let found = describe(&bytes);
        prop_assert!(found.rows.is_some() != found.problem.is_some());
    }
}
