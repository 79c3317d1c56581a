//! CSV files as people send them: odd but sound ones are read as they are, broken ones are refused with their line.

use serde_json::json;
use trinity_atoms::fault::code;

use crate::support::{Bench, types};

async fn refused(bytes: impl Into<Vec<u8>>) -> (String, String) {
    let bench = Bench::new();
    let fault = bench.read_csv(bytes, json!({})).await.unwrap_err();
    assert!(!fault.retryable, "{fault}");
    let left = walk(&bench.folder.path().join("store"));
    assert_eq!(left.len(), 1, "only the dataset itself may be there: {left:?}");
    (fault.code, fault.message)
}

/// The rows of the table that is read.
async fn accepted(file: &str) -> u64 {
    Bench::new().read_csv(file, json!({})).await.unwrap().outputs[0].rows
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

fn malformed(line: &str) -> (String, String) {
    (code::CSV_MALFORMED.to_owned(), line.to_owned())
}

#[tokio::test]
async fn a_row_with_too_few_fields_is_named() {
    assert_eq!(refused("a,b,c\n1,2,3\n4,5\n").await, malformed("line 3: 2 fields where the header has 3"));
}

#[tokio::test]
async fn a_row_with_too_many_fields_is_named() {
    let mut file = String::from("a,b\n");
    (0..5_000).for_each(|row| file.push_str(&format!("{row},x\r\n")));
    file.push_str("1,2,3");
    assert_eq!(refused(file).await, malformed("line 5002: 3 fields where the header has 2"));
}

#[tokio::test]
async fn an_empty_file_is_said_to_be_empty() {
    assert_eq!(refused("").await, (code::CSV_EMPTY.into(), "the file is empty".into()));
    assert_eq!(refused("\n\r\n\n").await.0, code::CSV_EMPTY);
}

#[tokio::test]
async fn zero_bytes_are_named() {
    let (code, message) = refused(b"a,b\n1,2\n3,\0\n".to_vec()).await;
    assert_eq!(code, code::CSV_MALFORMED);
    assert_eq!(message, "line 3: a zero byte: this is not a text file, or it is damaged");
}

#[tokio::test]
async fn text_that_is_not_utf8_is_named() {
    let (_, message) = refused(b"name,city\nAnna,Ulm\nJ\xf6rg,K\xf6ln\n".to_vec()).await;
    assert_eq!(message, "line 3: not UTF-8 text: save the file as UTF-8 and upload it again");
    let utf16: Vec<u8> =
        std::iter::once(0xfeffu16).chain("a,b\n1,2\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert!(refused(utf16).await.1.starts_with("line 1: not UTF-8"));
    // A character that the end of the file cuts.
    assert!(refused(b"a\nx\n\xc3".to_vec()).await.1.starts_with("line 3: not UTF-8"));
}

#[tokio::test]
async fn a_quote_that_is_never_closed_is_named() {
    let (_, message) = refused("a,b\n1,x\n2,\"open\n3,y\n4,z\n").await;
    assert_eq!(message, "line 3: the quote that opens here is never closed");
}

#[tokio::test]
async fn a_quote_that_swallows_lines_is_named() {
    let (_, message) = refused("a,b\n1,\"open\n2,y\n3,\"z\"\n4,w\n").await;
    assert_eq!(
        message,
        "line 2: the quote that opens here closes on line 4 in the middle of a field: is a quote missing?"
    );
    let (_, message) = refused("a,b,c\n1,\"open,2\n3,y,\"\n").await;
    assert_eq!(
        message,
        "line 2: 2 fields where the header has 3; a quoted field runs on to line 3: is a quote missing?"
    );
}

#[tokio::test]
async fn a_line_beyond_all_measure_is_refused_without_being_held_in_memory() {
    let bench = Bench::new();
    let dataset = bench.dataset("a,b\n1,").await;
    let path = bench.storage.local_path(&dataset.storage_key).unwrap().unwrap();
    // A sparse file: two gigabytes of one line that take no disk. Its zero bytes are found first, so the line is
    // also made of letters up to the limit.
    use std::io::{Seek, SeekFrom, Write};
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    for _ in 0..20 {
        file.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    file.set_len(2 << 30).unwrap();
    drop(file);
    let mut task = bench.task("csv-reader", json!({"dataset": crate::support::DATASET}));
    task.datasets = vec![dataset];
    let before = resident_bytes();
    let fault = bench.run(&task).await.unwrap_err();
    assert_eq!(fault.code, code::CSV_MALFORMED);
    assert_eq!(fault.message, "line 2: longer than 16 MiB, the most that one record may have");
    assert!(resident_bytes().saturating_sub(before) < 64 << 20, "the line was held in memory");
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_value_that_is_not_of_its_declared_type_is_named() {
    let bench = Bench::new();
    let mut file = String::from("day,wind\n");
    (0..3_000).for_each(|_| file.push_str("2012/01/31,4.7\n"));
    file.push_str("2012/02/30,4.7\n");
    let fault = bench.read_csv(file, json!({"schema": {"day": "date"}})).await.unwrap_err();
    assert_eq!(fault.message, "line 3002: column day: '2012/02/30' is not a date");
    let fault = bench.read_csv("a\n1\nx\n", json!({"schema": {"a": "int64"}})).await.unwrap_err();
    assert_eq!(fault.message, "line 3: column a: 'x' is not an int64");
    let fault = bench.read_csv("a\n1\n", json!({"schema": {"b": "int64"}})).await.unwrap_err();
    assert_eq!(
        (fault.code.as_str(), fault.message.as_str()),
        (code::CONFIG_INVALID, "schema: no column \"b\"; the file has a")
    );
}

#[tokio::test]
async fn types_are_found_out() {
    let bench = Bench::new();
    let file = "id,share,day,at,ok,code,note\n1,0.5,2012/01/31,2012-01-31 10:00:00,true,007,\"a,b\"\n2,,2012/02/01,,FALSE,010,\n";
    let outcome = bench.read_csv(file, json!({})).await.unwrap();
    assert_eq!(
        types(&outcome.outputs[0]),
        ["id: int64", "share: float64", "day: date", "at: timestamp", "ok: boolean", "code: string", "note: string"]
    );
    assert_eq!(
        bench.lines(&outcome.outputs[0]),
        ["1|0.5|2012-01-31|2012-01-31T10:00:00|true|007|a,b", "2|∅|2012-02-01|∅|false|010|∅"]
    );
}

#[tokio::test]
async fn values_after_the_sample_decide_too() {
    let bench = Bench::new();
    let mut file = String::from("number,day,late,zip,short\n");
    (0..2_000).for_each(|row| file.push_str(&format!("{row},2012-01-31,,{},2012-01-31\n", 10_000 + row)));
    file.push_str("0.5,soon,7,01234,2012-01-31 23:59:59\n");
    let outcome = bench.read_csv(file, json!({})).await.unwrap();
    assert_eq!(
        types(&outcome.outputs[0]),
        ["number: float64", "day: string", "late: int64", "zip: string", "short: string"]
    );
    assert_eq!(bench.lines(&outcome.outputs[0])[2_000], "0.5|soon|7|01234|2012-01-31 23:59:59");
    assert_eq!((outcome.rows_in, outcome.rows_out), (2_001, 2_001));
}

#[tokio::test]
async fn the_order_of_the_file_is_kept() {
    let bench = Bench::new();
    let mut file = String::from("row\n");
    // Several parts that are read side by side; among them a line that is longer than a part.
    (0..600_000).for_each(|row| file.push_str(&format!("{row}\n")));
    let long = "x".repeat(3 << 20);
    file.push_str(&long);
    (600_001..1_000_000).for_each(|row| file.push_str(&format!("\r\n{row}")));
    let outcome = bench.read_csv(file, json!({})).await.unwrap();
    let rows = bench.lines(&outcome.outputs[0]);
    assert_eq!(rows.len(), 1_000_000);
    let expected = |at: usize| if at == 600_000 { long.clone() } else { at.to_string() };
    assert!(rows.iter().enumerate().all(|(at, row)| *row == expected(at)));
}

#[tokio::test]
async fn odd_but_sound_files_are_read() {
    let bench = Bench::new();
    for (file, config, expected) in [
        // A mark before the header, Windows line ends, no line end at the end.
        ("\u{feff}a,b\r\n1,x\r\n2,y", json!({}), vec!["1|x", "2|y"]),
        // Line ends, quotes and delimiters inside quotes.
        ("a,b\n1,\"x\ny\"\n2,\"say \"\"hi\"\", you\"\n", json!({}), vec!["1|x\ny", "2|say \"hi\", you"]),
        // Empty lines between rows.
        ("a,b\n\n1,x\n\n\n2,y\n", json!({}), vec!["1|x", "2|y"]),
        // A quote that is only an inch mark.
        ("a,b\n1,5\" pipe\n", json!({}), vec!["1|5\" pipe"]),
        // Old line ends.
        ("a,b\r1,x\r2,y\r", json!({}), vec!["1|x", "2|y"]),
        ("a;b\n1;'x;y'\n", json!({"delimiter": ";", "quote": "'"}), vec!["1|x;y"]),
        ("1,x\n2,y\n", json!({"has_header": false}), vec!["1|x", "2|y"]),
        ("a,b\nNA,x\n2,n.a.\n", json!({"null_words": ["NA", "n.a."]}), vec!["∅|x", "2|∅"]),
        ("a,b\n", json!({}), vec![]),
    ] {
        let outcome = bench.read_csv(file, config).await.unwrap_or_else(|fault| panic!("{file:?}: {fault}"));
        assert_eq!(bench.lines(&outcome.outputs[0]), expected, "{file:?}");
    }
}

#[tokio::test]
async fn headers_are_made_usable() {
    let bench = Bench::new();
    let outcome = bench.read_csv("\u{feff}a,,a, b \n1,2,3,4\n", json!({})).await.unwrap();
    assert_eq!(types(&outcome.outputs[0]), ["a: int64", "column_2: int64", "a_2: int64", "b: int64"]);
}

/// Large enough to be checked in two halves.
fn large(row: impl Fn(usize) -> String) -> String {
    let mut file = String::from("id,text\n");
    (0..400_000).for_each(|at| file.push_str(&row(at)));
    file
}

#[tokio::test]
async fn a_large_file_is_checked_whole() {
    let sound = large(|at| format!("{at},\"plain, {at}\"\n"));
    assert_eq!(accepted(&sound).await, 400_000);
    // Quoted line ends everywhere: the cut lies within a field.
    let folded = large(|at| format!("{at},\"one\ntwo\"\n"));
    assert_eq!(accepted(&folded).await, 400_000);
    for (at, line) in [(100, 102), (399_000, 399_002)] {
        let broken = large(|row| if row == at { format!("{row}\n") } else { format!("{row},xxxxxxxx\n") });
        assert_eq!(refused(broken).await, malformed(&format!("line {line}: 1 field where the header has 2")));
    }
    let open = large(|row| if row == 399_999 { format!("{row},\"x\n") } else { format!("{row},xxxxxxxx\n") });
    assert_eq!(refused(open).await, malformed("line 400001: the quote that opens here is never closed"));
}
