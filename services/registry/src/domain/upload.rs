//! What a file that somebody brings is: its name, its format and how large it may be.

use trinity_error::{Error, Result};
use trinity_ids::ProjectId;

use super::dataset::Format;
use super::text;
use crate::error;

/// How many bytes tell the format of a file without a telling name.
pub(crate) const HEAD_BYTES: usize = 256;
/// How files of some formats begin.
const MAGIC: &[(&[u8], Format)] = &[
    (b"PAR1", Format::Parquet),
    (b"ARROW1", Format::Arrow),
    // A stream: the mark before its first message.
    (b"\xff\xff\xff\xff", Format::Arrow),
    // Archives and compound files: of these, people bring workbooks.
    (b"PK\x03\x04", Format::Excel),
    (b"\xd0\xcf\x11\xe0", Format::Excel),
];

/// What the uploader says about the file.
#[derive(Debug, Clone)]
pub(crate) struct Announcement {
    pub project_id: ProjectId,
    pub name: String,
    /// The format that the uploader named.
    pub format: Option<Format>,
    /// The extension of the file's name, in lower case and without its dot.
    pub extension: Option<String>,
}

impl Announcement {
    /// Reads the four words of an upload.
    ///
    /// # Errors
    /// `InvalidArgument` naming the field.
    pub fn new(project_id: ProjectId, name: &str, format: &str, filename: &str) -> Result<Self> {
        let filename = filename.rsplit(['/', '\\']).next().unwrap_or_default();
        let (stem, extension) = match filename.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, Some(extension.to_lowercase())),
            _ => (filename, None),
        };
        let name = text::name("name", if name.trim().is_empty() { stem } else { name })?;
        let format = match format.trim().to_lowercase().as_str() {
            "" => None,
            word => Some(Format::find(word).ok_or_else(|| unsupported(word))?),
        };
        Ok(Self { project_id, name, format, extension })
    }

    /// The format by the uploader's word, else by the file's name, else by its first bytes.
    ///
    /// # Errors
    /// `InvalidArgument` naming `format`.
    pub fn format(&self, head: &[u8]) -> Result<Format> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        let by_magic = || MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, format)| *format);
        match self.extension.as_deref() {
            Some("csv" | "tsv" | "txt") => Ok(Format::Csv),
            Some("parquet") => Ok(Format::Parquet),
            Some("xlsx" | "xlsm" | "xls" | "ods") => Ok(Format::Excel),
            // Why: many write an object on each line under the other name.
            Some("json") => Ok(json(head).unwrap_or(Format::Json)),
            Some("ndjson" | "jsonl") => Ok(Format::Ndjson),
            Some("arrow" | "arrows" | "feather" | "ipc") => Ok(Format::Arrow),
            extension => match (by_magic(), extension) {
                (Some(format), _) => Ok(format),
                (None, Some(other)) => Err(unsupported(other)),
                (None, None) if head.contains(&0) => Err(unsupported("unknown")),
                (None, None) => Ok(json(head).unwrap_or(Format::Csv)),
            },
        }
    }
}

/// The kind of JSON by its first character; None when it is none.
fn json(head: &[u8]) -> Option<Format> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    match text.trim_ascii_start().first() {
        Some(b'[') => Some(Format::Json),
        Some(b'{') => Some(Format::Ndjson),
        _ => None,
    }
}

fn unsupported(word: &str) -> Error {
    let shown: String = word.chars().filter(|c| !c.is_control()).take(20).collect();
    Error::invalid("format", format!("\"{shown}\" is not supported; there is {}", Format::words()))
}

/// How large an upload may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SizeLimit {
    /// For any file of this installation.
    pub max_bytes: u64,
    /// The plan's limit and what the tenant's datasets take already.
    pub plan: Option<(u64, u64)>,
    /// The project's quota and what its datasets take already.
    pub quota: Option<(u64, u64)>,
}

impl SizeLimit {
    /// # Errors
    /// `InvalidArgument` for a file above the installation's limit, `ResourceExhausted` above the plan's limit or the
    /// project's quota.
    pub fn check(&self, size_bytes: u64) -> Result<()> {
        if size_bytes > self.max_bytes {
            return Err(error::upload_too_large(self.max_bytes));
        }
        let above = |(limit, used): &(u64, u64)| used.saturating_add(size_bytes) > *limit;
        if let Some((limit, _)) = self.plan.filter(above) {
            return Err(error::storage_limit_reached(limit));
        }
        match self.quota.filter(above) {
            Some((quota, _)) => Err(error::storage_quota_exceeded(quota)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announce(name: &str, format: &str, filename: &str) -> Result<Announcement> {
        Announcement::new(ProjectId::new(), name, format, filename)
    }

    #[test]
    fn the_name_comes_from_the_file_when_none_is_given() {
        assert_eq!(announce("", "", "C:\\data\\seattle-weather.csv").unwrap().name, "seattle-weather");
        assert_eq!(announce(" Weather ", "", "x.csv").unwrap().name, "Weather");
        assert_eq!(announce("", "", "").unwrap_err().violations()[0].field, "name");
    }

    #[test]
    fn the_format_is_found() {
        let format = |word: &str, filename: &str, head: &[u8]| announce("n", word, filename)?.format(head);
        assert_eq!(format("", "a.CSV", b"PAR1").unwrap(), Format::Csv);
        assert_eq!(format("", "a.tsv", b"").unwrap(), Format::Csv);
        assert_eq!(format("Parquet", "a.csv", b"x").unwrap(), Format::Parquet);
        assert_eq!(format("", "", b"PAR1\x15").unwrap(), Format::Parquet);
        assert_eq!(format("", "data.bin", b"PAR1\x15").unwrap(), Format::Parquet);
        assert_eq!(format("", "", b"a,b\n1,2").unwrap(), Format::Csv);
        assert_eq!(format("", "a.XLSX", b"").unwrap(), Format::Excel);
        assert_eq!(format("", "book", b"PK\x03\x04\0\0").unwrap(), Format::Excel);
        assert_eq!(format("", "a.json", b" [{}]").unwrap(), Format::Json);
        assert_eq!(format("", "a.json", b"\xef\xbb\xbf\n{\"a\": 1}").unwrap(), Format::Ndjson);
        assert_eq!(format("json", "a.json", b"{}").unwrap(), Format::Json);
        assert_eq!(format("", "", b"{\"a\": 1}\n").unwrap(), Format::Ndjson);
        assert_eq!(format("", "a.feather", b"ARROW1").unwrap(), Format::Arrow);
        assert_eq!(format("", "stream", b"\xff\xff\xff\xff\x80\0").unwrap(), Format::Arrow);
        for (word, filename, head) in [("", "a.docx", &b"x"[..]), ("avro", "", b""), ("", "", b"\x7fELF\0\0")] {
            assert_eq!(format(word, filename, head).unwrap_err().violations()[0].field, "format");
        }
    }
}
