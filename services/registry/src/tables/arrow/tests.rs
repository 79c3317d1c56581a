//! Files and streams, whole, cut and damaged.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, MetadataVersion};
use proptest::prelude::*;

use super::*;

fn batch(first: i64, rows: i64) -> RecordBatch {
    let numbers: Vec<i64> = (first..first + rows).collect();
    let texts: Vec<Option<String>> =
        numbers.iter().map(|n| (n % 3 != 0).then(|| format!("text {n}").repeat(20))).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("n", Arc::new(Int64Array::from(numbers.clone()))),
        ("half", Arc::new(Float64Array::from_iter_values(numbers.iter().map(|n| *n as f64 / 2.0)))),
        ("at", Arc::new(TimestampMicrosecondArray::from(numbers).with_timezone("UTC"))),
        ("text", Arc::new(StringArray::from(texts))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn options(packed: Option<CompressionType>) -> IpcWriteOptions {
    IpcWriteOptions::try_new(8, false, MetadataVersion::V5).unwrap().try_with_compression(packed).unwrap()
}

fn stream(packed: Option<CompressionType>) -> Vec<u8> {
    let schema = batch(0, 1).schema();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options(packed)).unwrap();
    for first in [0, 100] {
        writer.write(&batch(first, 100)).unwrap();
    }
    writer.into_inner().unwrap()
}

fn file(packed: Option<CompressionType>) -> Vec<u8> {
    let schema = batch(0, 1).schema();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &schema, options(packed)).unwrap();
    for first in [0, 100] {
        writer.write(&batch(first, 100)).unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn files_and_streams_are_described_and_shown() {
    for packed in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        for bytes in [stream(packed), file(packed)] {
            let found = describe(bytes.as_slice());
            assert_eq!((found.rows, found.problem), (Some(200), None));
            let columns: Vec<_> =
                found.columns.iter().map(|column| (column.name.as_str(), column.kind.as_str())).collect();
            assert_eq!(columns, [("n", "int64"), ("half", "float64"), ("at", "timestamp"), ("text", "string")]);
            let rows = first_rows(bytes.as_slice(), 2).unwrap();
            assert_eq!(rows[0], r#"{"n":0,"half":0.0,"at":"1970-01-01T00:00:00Z","text":null}"#);
            assert!(
                rows[1].starts_with(r#"{"n":1,"half":0.5,"at":"1970-01-01T00:00:00.000001Z","text":"text 1text 1"#)
            );
            assert_eq!(first_rows(bytes.as_slice(), 150).unwrap().len(), 150);
            assert_eq!(first_rows(bytes.as_slice(), 999).unwrap().len(), 200);
        }
    }
}

#[test]
fn a_cut_file_has_a_problem_and_shows_what_is_whole() {
    let whole = stream(None);
    let cut = &whole[..whole.len() * 3 / 4];
    let found = describe(cut);
    assert_eq!((found.rows, found.columns.len()), (None, 4));
    assert_eq!(found.problem.as_deref(), Some("not a sound Arrow file: it ends too early"));
    assert_eq!(first_rows(cut, 999).unwrap().len(), 100);
    for (bytes, problem) in
        [(&b""[..], "it is empty"), (b"ARROW1\0\0", "it has no schema"), (b"a,b\n1,2\n", "a message is too long")]
    {
        assert_eq!(describe(bytes).problem.unwrap(), format!("not a sound Arrow file: {problem}"));
    }
}

#[test]
fn a_body_that_unpacks_to_more_than_it_says_is_refused() {
    let mut bytes = stream(Some(CompressionType::LZ4_FRAME));
    // The lengths of the unpacked buffers: 800 bytes for a hundred numbers of eight.
    let stated = 800_i64.to_le_bytes();
    let places: Vec<usize> =
        bytes.windows(8).enumerate().filter(|(_, word)| *word == stated).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for lie in [700_i64, 1 << 40] {
        for &at in &places {
            bytes[at..at + 8].copy_from_slice(&lie.to_le_bytes());
        }
        let refused = first_rows(bytes.as_slice(), 10).unwrap_err();
        assert!(refused.contains("damaged") || refused.contains("larger than 64 MiB"), "{refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn damage_is_found_or_harmless(at in any::<prop::sample::Index>(), flip in 1_u8..=255, packed in any::<bool>(), is_file in any::<bool>()) {
        let packed = packed.then_some(CompressionType::LZ4_FRAME);
        let mut bytes = if is_file { file(packed) } else { stream(packed) };
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        // What panics costs the thread of one file alone; see the pipe.
        let _ = std::panic::catch_unwind(|| {
            let _ = describe(bytes.as_slice());
            let _ = first_rows(bytes.as_slice(), 20);
        });
    }
}
