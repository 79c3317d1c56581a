//! Workbooks, JSON and Arrow files: stored, described, shown and given back under their own names.

use std::io::{Cursor, Write};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use tonic::Code;
use trinity_proto::registry as pb;
use trinity_proto::registry::DatasetFormat as Format;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::stand::{Person, Stand, reason};

/// A workbook of one sheet with a header and two rows.
fn workbook() -> Vec<u8> {
    let text = |cell: &str, text: &str| format!(r#"<c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c>"#);
    let number = |cell: &str, number: f64| format!(r#"<c r="{cell}"><v>{number}</v></c>"#);
    let rows = [
        text("A1", "city") + &text("B1", "wind"),
        text("A2", "Bonn") + &number("B2", 4.5),
        text("A3", "Köln") + &number("B3", 2.0),
    ];
    let rows: String =
        rows.iter().enumerate().map(|(at, cells)| format!(r#"<row r="{}">{cells}</row>"#, at + 1)).collect();
    let spreadsheet = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let document = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let parts = [
        (
            "_rels/.rels",
            format!(
                r#"<Relationships xmlns="{package}"><Relationship Id="r1" Type="{document}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                r#"<workbook xmlns="{spreadsheet}" xmlns:r="{document}"><sheets><sheet name="One" sheetId="1" r:id="r1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                r#"<Relationships xmlns="{package}"><Relationship Id="r1" Type="{document}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"<worksheet xmlns="{spreadsheet}"><sheetData>{rows}</sheetData></worksheet>"#),
        ),
    ];
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn table() -> RecordBatch {
    let columns: [(&str, ArrayRef); 2] = [
        ("city", Arc::new(StringArray::from(vec!["Bonn", "Köln"]))),
        ("wind", Arc::new(Int64Array::from(vec![Some(4), None]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

fn arrow_file() -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &table().schema()).unwrap();
    writer.write(&table()).unwrap();
    writer.into_inner().unwrap()
}

fn arrow_stream() -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &table().schema()).unwrap();
    writer.write(&table()).unwrap();
    writer.into_inner().unwrap()
}

async fn header(stand: &Stand, person: &Person, id: &str) -> pb::DownloadHeader {
    let request = person.says(pb::DownloadDatasetRequest { dataset_id: id.to_owned() });
    let mut stream = stand.datasets().download_dataset(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap().header.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_every_format_are_described_and_shown() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let json = r#"[{"city": "Bonn", "wind": 4}, {"city": "Köln"}]"#.as_bytes().to_vec();
    let lines = "{\"city\": \"Bonn\", \"wind\": 4}\n{\"city\": \"Köln\"}\n".as_bytes().to_vec();
    let whole = ["string", "int64"];
    let cases = [
        ("w.json", json, Format::Json, "json", whole),
        ("w.jsonl", lines.clone(), Format::Ndjson, "ndjson", whole),
        ("lines.json", lines, Format::Ndjson, "ndjson", whole),
        ("w.arrow", arrow_file(), Format::Arrow, "arrow", whole),
        ("w.feather", arrow_stream(), Format::Arrow, "arrow", whole),
        ("w.xlsx", workbook(), Format::Excel, "xlsx", ["string", "float64"]),
    ];
    for (filename, bytes, format, extension, kinds) in cases {
        let dataset = stand.upload(&anna, &project, filename, &bytes).await.unwrap();
        assert_eq!((dataset.format(), dataset.rows, dataset.problem), (format, Some(2), None), "{filename}");
        let columns: Vec<_> = dataset.schema.iter().map(|c| (c.name.as_str(), c.r#type.as_str())).collect();
        assert_eq!(columns, [("city", kinds[0]), ("wind", kinds[1])], "{filename}");
        let rows = stand.preview(&anna, &dataset.id, 20).await.unwrap().rows;
        let rows: Vec<_> = rows.iter().map(|row| row.text.as_str()).collect();
        let expected = match format {
            Format::Excel => [r#"{"city":"Bonn","wind":4.5}"#, r#"{"city":"Köln","wind":2}"#],
            _ => [r#"{"city":"Bonn","wind":4}"#, r#"{"city":"Köln","wind":null}"#],
        };
        assert_eq!(rows, expected, "{filename}");
        assert_eq!(stand.preview(&anna, &dataset.id, 1).await.unwrap().rows.len(), 1);
        assert_eq!(stand.preview(&anna, &dataset.id, 0).await.unwrap().rows.len(), 0);
        let header = header(&stand, &anna, &dataset.id).await;
        assert_eq!(header.filename, format!("{}.{extension}", dataset.name), "{filename}");
        assert_eq!(header.size_bytes, bytes.len() as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_files_of_every_format_are_stored_with_their_problem() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let cut = &arrow_file()[..600];
    let cases: [(&str, &[u8], &str); 6] = [
        ("a.json", b"[{\"a\": 1},\n{\"a\"", "line 2: "),
        ("a.ndjson", b"", "the file is empty"),
        ("a.arrow", b"a,b\n1,2\n", "not a sound Arrow file: "),
        ("b.arrow", cut, "not a sound Arrow file: it ends too early"),
        ("a.xlsx", b"", "not a sound Excel file: "),
        ("b.xlsx", &workbook()[..400], "not a sound Excel file: "),
    ];
    for (filename, bytes, problem) in cases {
        let dataset = stand.upload(&anna, &project, filename, bytes).await.unwrap();
        let found = dataset.problem.unwrap_or_default();
        assert!(found.starts_with(problem) && dataset.rows.is_none(), "{filename}: {found}");
        if let Err(refused) = stand.preview(&anna, &dataset.id, 20).await {
            assert_eq!(reason(&refused), "DATASET_UNREADABLE", "{filename}: {refused}");
        }
    }
    assert_eq!(stand.files().len(), 6);

    // An old workbook is for runs to read.
    let old = stand.upload(&anna, &project, "old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1").await.unwrap();
    assert_eq!((old.format(), old.rows, old.problem, old.schema), (Format::Excel, None, None, vec![]));
    let refused = stand.preview(&anna, &old.id, 20).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "DATASET_UNREADABLE"));
    let header = header(&stand, &anna, &old.id).await;
    assert_eq!((header.filename.as_str(), header.content_type.as_str()), ("old.xls", "application/vnd.ms-excel"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_document_passes_in_pieces() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let lines: String = (0..60_000).map(|n| format!("{{\"n\": {n}, \"text\": \"ä ö ü {n}\"}}\n")).collect();
    let dataset = stand.upload(&anna, &project, "large.ndjson", lines.as_bytes()).await.unwrap();
    assert_eq!((dataset.rows, dataset.size_bytes), (Some(60_000), lines.len() as u64));
    let rows = stand.preview(&anna, &dataset.id, 200).await.unwrap().rows;
    assert_eq!((rows.len(), rows[199].text.as_str()), (200, r#"{"n":199,"text":"ä ö ü 199"}"#));
}
