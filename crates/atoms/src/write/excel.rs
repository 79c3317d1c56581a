//! An .xlsx workbook of one sheet, streamed: text stands in the cells themselves, so that no table of texts is held.
//!
//! Source: the parts and their elements are those of ECMA-376, part 1, chapter 18 (SpreadsheetML).

use std::{fmt::Write as _, io::Write};

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    datatypes::{DataType, Date32Type, Float64Type, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType},
    util::display::{ArrayFormatter, FormatOptions},
};
use zip::{
    CompressionMethod, ZipWriter,
    write::{SimpleFileOptions, StreamWriter},
};

use super::{Buffer, Encoder, Style};
use crate::{Fault, fault::code};

/// The most rows and columns of a sheet, and the most characters of a cell.
const MAX_ROWS: u64 = 1_048_576;
const MAX_COLUMNS: usize = 16_384;
const MAX_CHARS: usize = 32_767;
/// Whole numbers beyond it would lose digits: a cell holds a float.
const EXACT: u64 = 1 << 53;
/// 1970-01-01 as Excel counts days, and the first day that all programs count alike: 1900-03-01.
const EPOCH: f64 = 25_569.0;
const FIRST_DAY: f64 = 61.0;
const MICROS_PER_DAY: f64 = 86_400_000_000.0;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const TYPES: &str = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>"#;
const ROOT: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
/// Style 0 is plain, 1 a date, 2 a date with a time, 3 bold.
const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/><numFmt numFmtId="165" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/></numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs></styleSheet>"#;

/// A workbook that is being written.
pub(super) struct Workbook {
    archive: ZipWriter<StreamWriter<Buffer>>,
    schema: SchemaRef,
    rows: u64,
    text: String,
}

impl Workbook {
    pub fn new(schema: &SchemaRef, style: &Style, to: Buffer) -> Result<Self, Fault> {
        if schema.fields().len() > MAX_COLUMNS {
            let problem = format!("{} columns; a sheet has {MAX_COLUMNS} at the most", schema.fields().len());
            return Err(Fault::lasting(code::TOO_LARGE, problem));
        }
        let mut archive = ZipWriter::new_stream(to);
        let mut sheet = String::new();
        escape(&style.sheet, &mut sheet);
        let book = format!(
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="{sheet}" sheetId="1" r:id="rId1"/></sheets></workbook>"#
        );
        let parts = [
            ("[Content_Types].xml", TYPES),
            ("_rels/.rels", ROOT),
            ("xl/workbook.xml", &book),
            ("xl/_rels/workbook.xml.rels", RELATIONS),
            ("xl/styles.xml", STYLES),
        ];
        for (name, content) in parts {
            archive.start_file(name, part()).map_err(failed)?;
            write!(archive, "{HEAD}{content}").map_err(failed)?;
        }
        archive.start_file("xl/worksheets/sheet1.xml", part()).map_err(failed)?;
        let open = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#;
        write!(archive, "{HEAD}{open}").map_err(failed)?;
        let mut this = Self { archive, schema: schema.clone(), rows: 0, text: String::new() };
        if style.header {
            this.header()?;
        }
        Ok(this)
    }

    fn header(&mut self) -> Result<(), Fault> {
        let schema = self.schema.clone();
        self.text.push_str("<row>");
        schema.fields().iter().for_each(|field| inline(field.name(), 3, &mut self.text));
        self.text.push_str("</row>");
        self.rows += 1;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Fault> {
        self.archive.write_all(self.text.as_bytes()).map_err(failed)?;
        self.text.clear();
        Ok(())
    }
}

fn part() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

fn failed(error: impl std::fmt::Display) -> Fault {
    Fault::lasting(code::DATA_INVALID, format!("the workbook cannot be written: {error}"))
}

impl Encoder for Workbook {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        let options = FormatOptions::default();
        let formats = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let formats: Vec<ArrayFormatter<'_>> = formats.collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            self.rows += 1;
            if self.rows > MAX_ROWS {
                let problem = format!("more than the {} rows that a sheet has beside its header", MAX_ROWS - 1);
                return Err(Fault::lasting(code::TOO_LARGE, problem));
            }
            self.text.push_str("<row>");
            for (at, (column, format)) in batch.columns().iter().zip(&formats).enumerate() {
                let chars = cell(column, row, format, &mut self.text);
                if chars > MAX_CHARS {
                    let name = self.schema.field(at).name();
                    let problem = format!(
                        "row {} of the sheet, column {name}: {chars} characters; a cell has {MAX_CHARS} at the most",
                        self.rows
                    );
                    return Err(Fault::lasting(code::TOO_LARGE, problem));
                }
            }
            self.text.push_str("</row>");
        }
        self.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<(), Fault> {
        self.archive.write_all(b"</sheetData></worksheet>").map_err(failed)?;
        self.archive.finish().map_err(failed)?;
        Ok(())
    }
}

/// Writes a cell; says how many characters of text it has.
fn cell(column: &ArrayRef, row: usize, format: &ArrayFormatter<'_>, to: &mut String) -> usize {
    if column.is_null(row) {
        to.push_str("<c/>");
        return 0;
    }
    let written = match column.data_type() {
        DataType::Boolean => {
            let value = u8::from(column.as_boolean().value(row));
            write!(to, r#"<c t="b"><v>{value}</v></c>"#)
        }
        DataType::Int64 if column.as_primitive::<Int64Type>().value(row).unsigned_abs() <= EXACT => {
            write!(to, "<c><v>{}</v></c>", column.as_primitive::<Int64Type>().value(row))
        }
        DataType::Float64 if column.as_primitive::<Float64Type>().value(row).is_finite() => {
            write!(to, "<c><v>{}</v></c>", column.as_primitive::<Float64Type>().value(row))
        }
        DataType::Date32 => {
            let day = f64::from(column.as_primitive::<Date32Type>().value(row)) + EPOCH;
            if day < FIRST_DAY {
                return shown(row, format, to);
            }
            write!(to, r#"<c s="1"><v>{day}</v></c>"#)
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            let at = column.as_primitive::<TimestampMicrosecondType>().value(row) as f64 / MICROS_PER_DAY + EPOCH;
            if at < FIRST_DAY {
                return shown(row, format, to);
            }
            write!(to, r#"<c s="2"><v>{at}</v></c>"#)
        }
        DataType::Decimal128(..) => write!(to, "<c><v>{}</v></c>", format.value(row)),
        _ => return shown(row, format, to),
    };
    // Writing into a String does not fail.
    let _ = written;
    0
}

/// A value as text.
fn shown(row: usize, format: &ArrayFormatter<'_>, to: &mut String) -> usize {
    let text = format.value(row).to_string();
    inline(&text, 0, to);
    text.encode_utf16().count()
}

fn inline(text: &str, style: u8, to: &mut String) {
    let _ = write!(to, r#"<c t="inlineStr" s="{style}"><is><t xml:space="preserve">"#);
    escape(text, to);
    to.push_str("</t></is></c>");
}

/// Writes text as XML has it, and signs that XML cannot have as Excel writes them: `_x0001_`.
fn escape(text: &str, to: &mut String) {
    for (at, sign) in text.char_indices() {
        match sign {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '_' if looks_escaped(&text[at..]) => to.push_str("_x005F_"),
            '\t' | '\n' => to.push(sign),
            sign if sign < ' ' || sign == '\u{fffe}' || sign == '\u{ffff}' => {
                let _ = write!(to, "_x{:04X}_", u32::from(sign));
            }
            sign => to.push(sign),
        }
    }
}

/// Whether text reads as such an escape by chance.
fn looks_escaped(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 7 && bytes[1] == b'x' && bytes[6] == b'_' && bytes[2..6].iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_written_as_xml_has_it() {
        let mut found = String::new();
        escape("a<b & \"c\" \u{1} _x0041_ _x_\r\n", &mut found);
        let expected = "a&lt;b &amp; &quot;c&quot; _x0001_ _x005F_x0041_ _x__x000D_\n";
        assert_eq!(found, expected);
    }
}
