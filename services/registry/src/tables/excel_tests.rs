//! Workbooks made by hand from their parts, good and hostile.

use std::io::Write;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const WORKBOOK: &str = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
const PACKAGE: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs></styleSheet>"#;

/// A workbook whose sheet has these rows.
pub fn workbook(rows: &str) -> Bytes {
    let sheet = format!(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
    );
    archive(&[
        ("_rels/.rels", PACKAGE),
        ("xl/workbook.xml", WORKBOOK),
        ("xl/_rels/workbook.xml.rels", RELATIONS),
        ("xl/styles.xml", STYLES),
        ("xl/worksheets/sheet1.xml", &sheet),
    ])
}

fn archive(parts: &[(&str, &str)]) -> Bytes {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner().into()
}

const ROWS: &str = r#"<row r="2"><c r="B2" t="inlineStr"><is><t>day</t></is></c><c r="C2" t="inlineStr"><is><t>n</t></is></c><c r="D2" t="inlineStr"><is><t>n</t></is></c><c r="F2" t="inlineStr"><is><t>ok</t></is></c></row>
<row r="3"><c r="B3" s="1"><v>40909</v></c><c r="C3"><v>1</v></c><c r="D3"><v>2.5</v></c><c r="E3" s="2"><v>40909.5</v></c><c r="F3" t="b"><v>1</v></c></row>
<row r="5"><c r="C5"><v>2</v></c><c r="D5"><v>3</v></c><c r="F5" t="e"><v>#DIV/0!</v></c></row>"#;

#[test]
fn the_first_sheet_is_described_and_shown() {
    let file = workbook(ROWS);
    let found = describe(&file).unwrap();
    let columns: Vec<_> = found.columns.iter().map(|c| (c.name.as_str(), c.kind.as_str(), c.nullable)).collect();
    let expected = [
        ("day", "date", true),
        ("n", "int64", false),
        ("n_2", "float64", false),
        ("column_4", "timestamp", true),
        ("ok", "boolean", true),
    ];
    assert_eq!((found.rows, columns), (Some(2), expected.to_vec()));
    let names: Vec<String> = found.columns.into_iter().map(|column| column.name).collect();
    let rows = first_rows(&file, &names, 20).unwrap();
    assert_eq!(
        rows,
        [
            r#"{"day":"2012-01-01","n":1,"n_2":2.5,"column_4":"2012-01-01T12:00:00","ok":true}"#,
            r#"{"day":null,"n":2,"n_2":3,"column_4":null,"ok":null}"#,
        ]
    );
    assert_eq!(first_rows(&file, &names, 1).unwrap().len(), 1);
}

#[test]
fn two_cells_at_the_ends_of_a_sheet_take_no_more_than_two_cells() {
    let far = r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>"#;
    let found = describe(&workbook(far)).unwrap();
    assert_eq!((found.rows, found.columns.len()), (Some(1), 2));
}

#[test]
fn what_is_no_workbook_or_a_bomb_is_refused() {
    let problem = |file: &Bytes| describe(file).unwrap_err();
    assert!(problem(&Bytes::from_static(b"")).starts_with("not a sound Excel file: "));
    assert!(problem(&Bytes::from_static(b"PK\x03\x04 and no more")).starts_with("not a sound Excel file: "));
    assert!(problem(&archive(&[("word/document.xml", "<a/>")])).ends_with("an archive without a workbook in it"));
    assert_eq!(problem(&workbook("")), "the first sheet has no value");
    let blank = " ".repeat(1 << 20);
    let strings = format!("<sst>{}</sst>", blank.repeat(70));
    let bomb = archive(&[("_rels/.rels", PACKAGE), ("xl/workbook.xml", WORKBOOK), ("xl/sharedStrings.xml", &strings)]);
    assert!(bomb.len() < 200_000);
    assert!(problem(&bomb).ends_with("it is larger than 64 MiB when unpacked, beside its sheets"));
    let moved = PACKAGE.replace("xl/workbook.xml", "xl/worksheets/workbook.xml");
    let moved = archive(&[("_rels/.rels", &moved), ("xl/workbook.xml", WORKBOOK)]);
    assert!(problem(&moved).ends_with("its parts are misplaced"));
    // One that states less than it holds is not read beyond what it states.
    let mut lying = bomb.to_vec();
    let size = u32::try_from(strings.len()).unwrap().to_le_bytes();
    let places: Vec<usize> = lying.windows(4).enumerate().filter(|(_, word)| *word == size).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        lying[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
    }
    assert!(describe(&lying.into()).is_err());
    // Kinds whose readers hold every empty cell are left to runs.
    for elsewhere in [Bytes::from_static(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), archive(&[("content.xml", "<a/>")])] {
        assert_eq!(describe(&elsewhere).unwrap(), Description::default());
    }
}
