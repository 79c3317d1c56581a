//! Files of all formats as people send them: odd but sound ones are read, broken and hostile ones refused by name.

use std::io::Write;

use serde_json::json;
use trinity_atoms::{Fault, Format, fault::code};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::support::{Bench, DATASET, types};

async fn fault(format: Format, bytes: impl Into<Vec<u8>>, config: serde_json::Value) -> Fault {
    let fault = Bench::new().read(format, bytes, config).await.unwrap_err();
    assert!(!fault.retryable, "{fault}");
    fault
}

#[tokio::test]
async fn csv_files_in_other_encodings_are_read() {
    let bench = Bench::new();
    let text = "name,city\r\nJörg,Köln\r\nZoë,\"Málaga €\"\r\n";
    let rows = ["Jörg|Köln", "Zoë|Málaga €"];
    let utf16 = |mark: bool, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        mark.then_some(0xfeff).into_iter().chain(text.encode_utf16()).flat_map(order).collect()
    };
    let (windows, ..) = encoding_rs::WINDOWS_1252.encode(text);
    for (bytes, encoding) in [
        (utf16(true, u16::to_le_bytes), "utf-16"),
        (utf16(true, u16::to_be_bytes), "utf-16"),
        (utf16(false, u16::to_le_bytes), "utf-16"),
        (windows.to_vec(), "windows-1252"),
        (windows.to_vec(), "latin1"),
        (text.as_bytes().to_vec(), "utf-8"),
    ] {
        let outcome = bench.read_csv(bytes, json!({"encoding": encoding})).await.unwrap();
        assert_eq!(bench.lines(&outcome.outputs[0]), rows, "{encoding}");
    }
    let scratch = std::fs::read_dir(bench.folder.path().join("spill")).unwrap().flatten();
    let left: Vec<_> = scratch.filter(|entry| entry.file_type().unwrap().is_file()).collect();
    assert!(left.is_empty(), "{left:?}");
    let mut odd = utf16(true, u16::to_le_bytes);
    // Half of a pair, on the second line.
    let at = 2 + 2 * "name,city\r\nJ".len();
    odd[at..at + 2].copy_from_slice(&0xd800_u16.to_le_bytes());
    let fault = fault(Format::Csv, odd, json!({"encoding": "utf-16"})).await;
    assert_eq!((fault.code.as_str(), fault.message.as_str()), (code::CSV_MALFORMED, "line 2: not UTF-16LE text"));
}

#[tokio::test]
async fn dates_are_read_as_they_are_said_to_be_written() {
    let bench = Bench::new();
    let file = "day,at\n31/01/12,20120131 06:30\n,\n29/02/12,20120229 23:59\n";
    let config = json!({"date_formats": {"day": "%d/%m/%y", "at": "%Y%m%d %H:%M"}});
    let outcome = bench.read_csv(file, config.clone()).await.unwrap();
    assert_eq!(types(&outcome.outputs[0]), ["day: date", "at: timestamp"]);
    assert_eq!(
        bench.lines(&outcome.outputs[0]),
        ["2012-01-31|2012-01-31T06:30:00", "∅|∅", "2012-02-29|2012-02-29T23:59:00"]
    );
    let mut long = String::from("day,at\n");
    (0..3_000).for_each(|_| long.push_str("31/01/12,20120131 06:30\n"));
    let broken = fault(Format::Csv, long + "31/02/12,20120131 06:30\n", config).await;
    assert_eq!(broken.message, "line 3002: column day: '31/02/12' is not a date written as %d/%m/%y");
    let unknown = fault(Format::Csv, "a\n1\n", json!({"date_formats": {"b": "%d/%m/%Y"}})).await;
    assert_eq!(unknown.message, "date_formats: no column \"b\"; the file has a");
    let odd = fault(Format::Csv, "a\n1\n", json!({"date_formats": {"a": "%d/%m"}})).await;
    assert_eq!(odd.message, "date_formats.a: '%d/%m' is no way to write a date: day, month or year is missing");
}

#[tokio::test]
async fn json_of_every_shape_is_read() {
    let bench = Bench::new();
    for (format, file, expected) in [
        (Format::Json, " [{\"a\": 1}, {\"b\": \"x\"}] ", vec!["1|∅", "∅|x"]),
        (Format::Json, "{\"a\": 1}\n{\"a\": 2.5}", vec!["1.0", "2.5"]),
        (Format::Json, "[1, null, 3]", vec!["1", "∅", "3"]),
        (Format::Ndjson, "\u{feff}{\"a\": true}\r\n\n{\"a\": \"yes\"}", vec!["true", "yes"]),
        (Format::Ndjson, "{\"a\": {\"b\": {\"c\": 1}}, \"d\": []}\n", vec!["1|[]"]),
        // A number that a float would round stays as it is, as text.
        (Format::Ndjson, "{\"a\": 18446744073709551615}\n", vec!["18446744073709551615"]),
        (Format::Ndjson, "{\"a\": \"2020-01-31T10:00:00Z\"}\n", vec!["2020-01-31T10:00:00"]),
    ] {
        let outcome = bench.read(format, file, json!({})).await.unwrap_or_else(|fault| panic!("{file}: {fault}"));
        assert_eq!(bench.lines(&outcome.outputs[0]), expected, "{file}");
    }
    let config = json!({"schema": {"zip": "string"}});
    let outcome = bench.read(Format::Json, "[{\"zip\": 1234}]", config).await.unwrap();
    assert_eq!(types(&outcome.outputs[0]), ["zip: string"]);
}

#[tokio::test]
async fn many_json_records_keep_their_order() {
    let bench = Bench::new();
    let file: String = (0..20_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let outcome = bench.read(Format::Ndjson, file, json!({})).await.unwrap();
    let rows = bench.lines(&outcome.outputs[0]);
    assert!(rows.len() == 20_000 && rows.iter().enumerate().all(|(at, row)| *row == at.to_string()));
}

#[tokio::test]
async fn broken_json_is_named_with_its_place() {
    for (format, file, message) in [
        (Format::Ndjson, "{\"a\": 1}\n{\"a\": \n".to_owned(), "line 2: EOF while parsing a value"),
        (Format::Json, "[{\"a\": 1},\n {\"a\": x}]".to_owned(), "line 2: expected value"),
        (Format::Json, "[{\"a\": 1}".to_owned(), "line 1: EOF while parsing a list"),
        (Format::Json, "[1] 2".to_owned(), "line 1: trailing characters"),
        (Format::Json, " \n".to_owned(), "the file is empty"),
        (Format::Json, "[]".to_owned(), "there is no record with a value"),
        (Format::Ndjson, "[".repeat(100_000), "line 1: recursion limit exceeded"),
        (Format::Json, "[".repeat(100_000), "line 1: recursion limit exceeded"),
        (
            Format::Json,
            format!("[\"{}\"]", "x".repeat(17 << 20)),
            "record 1: longer than 16 MiB, the most that one record may have",
        ),
        (Format::Ndjson, "x".repeat(17 << 20), "line 1: longer than 16 MiB, the most that one record may have"),
    ] {
        let fault = fault(format, file, json!({})).await;
        assert_eq!((fault.code.as_str(), fault.message.as_str()), (code::JSON_MALFORMED, message));
    }
    let keys: String = (0..20_001).map(|n| format!("{{\"k{n}\":1}}\n")).collect();
    assert!(fault(Format::Ndjson, keys, json!({})).await.message.contains("20000 columns"));
    let declared = fault(Format::Ndjson, "{\"a\":1}\n{\"a\":\"x\"}\n", json!({"schema": {"a": "int64"}})).await;
    assert_eq!(declared.message, "line 2: column a: 'x' is not an int64");
}

/// A workbook of these rows of cells, written by hand.
fn workbook(rows: &str) -> Vec<u8> {
    archive(&[
        ("[Content_Types].xml", TYPES.to_owned()),
        ("_rels/.rels", RELS.to_owned()),
        ("xl/workbook.xml", BOOK.to_owned()),
        ("xl/_rels/workbook.xml.rels", BOOK_RELS.to_owned()),
        (
            "xl/worksheets/sheet1.xml",
            format!(
                "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{rows}</sheetData></worksheet>"
            ),
        ),
    ])
}

fn archive(parts: &[(&str, String)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>";
const RELS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
const BOOK: &str = "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"One\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";
const BOOK_RELS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>";

fn text(at: &str, text: &str) -> String {
    format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

#[tokio::test]
async fn odd_sheets_are_read() {
    let bench = Bench::new();
    let number = |at: &str, value: &str| format!("<c r=\"{at}\"><v>{value}</v></c>");
    let rows = format!(
        "<row r=\"2\">{}{}</row><row r=\"4\">{}{}</row><row r=\"9\"><c r=\"C9\" t=\"e\"><v>#DIV/0!</v></c>{}</row>",
        text("B2", "n"),
        text("D2", "t"),
        number("B4", "1"),
        text("D4", "x"),
        number("B9", "2"),
    );
    // The cell with the error is out of order within its row, and its column has no header.
    let outcome = bench.read(Format::Excel, workbook(&rows), json!({})).await.unwrap();
    assert_eq!(types(&outcome.outputs[0]), ["n: int64", "t: string"]);
    assert_eq!(bench.lines(&outcome.outputs[0]), ["1|x", "2|∅"]);
    assert!(bench.log.lock().unwrap().iter().any(|line| line.message.starts_with("1 cells hold an error")));
    let config = json!({"has_header": false, "range": "B4:B9"});
    let outcome = bench.read(Format::Excel, workbook(&rows), config).await.unwrap();
    assert_eq!(bench.lines(&outcome.outputs[0]), ["1", "2"]);
    assert_eq!(types(&outcome.outputs[0]), ["column_1: int64"]);
    let far = format!("<row r=\"1048576\">{}</row>", number("XFD1048576", "7"));
    let outcome = bench.read(Format::Excel, workbook(&far), json!({"has_header": false})).await.unwrap();
    assert_eq!(bench.lines(&outcome.outputs[0]), ["7"]);
}

#[tokio::test]
async fn broken_and_hostile_workbooks_are_refused() {
    let excel = |bytes: Vec<u8>, config| fault(Format::Excel, bytes, config);
    let sound = workbook(&format!("<row r=\"1\">{}</row><row r=\"2\">{}</row>", text("A1", "n"), text("A2", "x")));
    assert_eq!(excel(b"this is no workbook".to_vec(), json!({})).await.code, code::EXCEL_MALFORMED);
    assert_eq!(excel(vec![], json!({})).await.code, code::EXCEL_MALFORMED);
    assert_eq!(excel(sound[..sound.len() / 2].to_vec(), json!({})).await.code, code::EXCEL_MALFORMED);
    assert_eq!(excel(archive(&[("a.txt", "x".into())]), json!({})).await.code, code::EXCEL_MALFORMED);
    assert_eq!(excel(workbook(""), json!({})).await.message, "the sheet has no value where the table is looked for");
    let missing = excel(sound.clone(), json!({"sheet": "Two"})).await;
    assert_eq!(missing.message, "sheet: no sheet \"Two\"; the workbook has One");
    let declared = excel(sound, json!({"schema": {"n": "int64"}})).await;
    assert_eq!(declared.message, "row 2: column n: 'x' is not an int64");
    let disorder = workbook(&format!("<row r=\"5\">{}</row><row r=\"2\">{}</row>", text("A5", "n"), text("A2", "x")));
    assert!(excel(disorder, json!({})).await.message.contains("row 2 comes after row 5"));
    // Three hundred megabytes of one letter in a part that is held in memory.
    let bomb = archive(&[("xl/workbook.xml", BOOK.to_owned()), ("xl/sharedStrings.xml", "x".repeat(300 << 20))]);
    assert!(bomb.len() < 1 << 20);
    let bomb = excel(bomb, json!({})).await;
    assert_eq!(bomb.code, code::TOO_LARGE);
    assert_eq!(bomb.message, "the workbook is too large: xl/sharedStrings.xml has 300 MiB and may have 256");
}

#[tokio::test]
async fn a_workbook_that_lies_about_its_size_is_refused() {
    let honest = archive(&[("xl/workbook.xml", BOOK.to_owned()), ("xl/sharedStrings.xml", "x".repeat(300 << 20))]);
    // The same archive with the size of the part said to be 1,000 bytes wherever it stands.
    let (real, said) = ((300_u32 << 20).to_le_bytes(), 1_000_u32.to_le_bytes());
    let mut lying = honest;
    while let Some(at) = lying.windows(4).position(|window| window == real) {
        lying[at..at + 4].copy_from_slice(&said);
    }
    assert_eq!(fault(Format::Excel, lying, json!({})).await.code, code::EXCEL_MALFORMED);
}

#[tokio::test]
async fn broken_arrow_files_are_refused() {
    for bytes in [b"ARROW1 and then nothing".to_vec(), vec![], vec![0xff; 64], vec![0; 64]] {
        let fault = fault(Format::Arrow, bytes, json!({})).await;
        assert_eq!(fault.code, code::ARROW_MALFORMED, "{fault}");
    }
}

#[tokio::test]
async fn a_reader_names_the_reader_that_would_do() {
    let bench = Bench::new();
    let mut task = bench.task("csv-reader", json!({"dataset": DATASET}));
    task.datasets = vec![bench.dataset_of(Format::Excel, "x").await];
    let fault = bench.run(&task).await.unwrap_err();
    assert_eq!(fault.message, "dataset: the file is excel: use the excel-reader");
}

#[tokio::test]
async fn an_earlier_version_of_a_reader_still_runs() {
    let bench = Bench::new();
    let mut task = bench.task("csv-reader", json!({"dataset": DATASET}));
    task.version = "1.0.0".into();
    task.datasets = vec![bench.dataset("a\n1\n").await];
    assert_eq!(bench.run(&task).await.unwrap().rows_out, 1);
    task.config["encoding"] = json!("latin1");
    assert_eq!(bench.run(&task).await.unwrap_err().message, "/encoding unknown setting");
}
