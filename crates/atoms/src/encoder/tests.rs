//! The promises of a table's file: order, whole row groups, bounded ones, and nothing left of a file that is given up.

use std::{path::Path, time::Duration};

use datafusion::arrow::{
    array::{ArrayRef, Int64Array, StringViewArray, StructArray},
    datatypes::{Field, Int64Type},
};
use parquet::{arrow::arrow_reader::ParquetRecordBatchReaderBuilder, file::metadata::RowGroupMetaData};
use trinity_storage::Storage;

use super::*;

const KEY: &str = "tenant-t/data.parquet";

struct Place {
    folder: tempfile::TempDir,
    storage: Storage,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&format!("file://{}", folder.path().display())).unwrap();
        Self { folder, storage }
    }

    async fn encoder(&self, batch: &RecordBatch) -> Encoder {
        Encoder::start(batch.schema(), self.storage.upload(KEY).await.unwrap()).unwrap()
    }

    /// The rows of the file, and how many each row group has.
    fn read(&self) -> (Vec<RecordBatch>, Vec<i64>) {
        let file = std::fs::File::open(self.storage.local_path(KEY).unwrap().unwrap()).unwrap();
        let file = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let groups = file.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
        (file.build().unwrap().map(Result::unwrap).collect(), groups)
    }
}

fn numbers(from: i64, until: i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(from..until))
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_keep_their_order_over_row_groups() {
    let place = Place::new();
    let batch = |from: i64| {
        let until = from + 50_000;
        let words: StringViewArray = (from..until).map(|n| (n % 5 != 0).then(|| format!("word {n}"))).collect();
        RecordBatch::try_from_iter([("n", numbers(from, until)), ("word", Arc::new(words) as ArrayRef)]).unwrap()
    };
    let mut encoder = place.encoder(&batch(0)).await;
    for part in 0..6 {
        encoder.write(&batch(part * 50_000)).await.unwrap();
    }
    let stored = encoder.finish().await.unwrap();
    assert_eq!(place.storage.head(KEY).await.unwrap().size_bytes, stored.size_bytes);
    let (batches, groups) = place.read();
    assert_eq!(groups, [131_072, 131_072, 300_000 - 2 * 131_072]);
    let mut next = 0;
    for batch in batches {
        let words = batch.column(1).as_string::<i32>();
        for (row, n) in batch.column(0).as_primitive::<Int64Type>().values().iter().enumerate() {
            assert_eq!(*n, next);
            assert_eq!(words.is_null(row), next % 5 == 0);
            assert!(words.is_null(row) || words.value(row) == format!("word {next}"));
            next += 1;
        }
    }
    assert_eq!(next, 300_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_stay_where_they_are_however_many_and_nested() {
    let place = Place::new();
    let pair = |at: i64| -> ArrayRef {
        let field = |name: &str| Arc::new(Field::new(name, DataType::Int64, false));
        Arc::new(StructArray::from(vec![(field("one"), numbers(at, at + 3)), (field("two"), numbers(-at, 3 - at))]))
    };
    let column = |at: i64| (format!("c{at}"), if at % 7 == 0 { pair(at) } else { numbers(at, at + 3) });
    let batch = RecordBatch::try_from_iter((0..40).map(column)).unwrap();
    let mut encoder = place.encoder(&batch).await;
    encoder.write(&batch).await.unwrap();
    encoder.write(&batch).await.unwrap();
    encoder.finish().await.unwrap();
    let (batches, groups) = place.read();
    assert_eq!(groups, [6]);
    for (at, column) in batch.columns().iter().enumerate() {
        assert_eq!(&batches[0].column(at).slice(3, 3), column, "column {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_large_make_small_row_groups() {
    let place = Place::new();
    let texts: StringViewArray = (0..500).map(|n| Some(format!("{n}").repeat(GROUP_BYTES / 1_000))).collect();
    let batch = RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap();
    assert!(size_bytes(&batch) > GROUP_BYTES);
    assert!(size_bytes(&batch.slice(0, 10)) < GROUP_BYTES / 50, "only the rows of a batch count");
    let mut encoder = place.encoder(&batch).await;
    for _ in 0..3 {
        encoder.write(&batch).await.unwrap();
    }
    encoder.finish().await.unwrap();
    assert_eq!(place.read().1, [500, 500, 500]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_rows_has_its_columns() {
    let place = Place::new();
    let batch = RecordBatch::try_from_iter([("n", numbers(0, 0))]).unwrap();
    let mut encoder = place.encoder(&batch).await;
    encoder.write(&batch).await.unwrap();
    encoder.finish().await.unwrap();
    let file = std::fs::File::open(place.storage.local_path(KEY).unwrap().unwrap()).unwrap();
    let file = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    assert_eq!((file.metadata().num_row_groups(), file.schema().field(0).name().as_str()), (0, "n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_given_up_leaves_nothing() {
    let place = Place::new();
    // Numbers that no compression makes smaller, so that parts of the file have reached the disk.
    let noise = (0_i64..GROUP_ROWS as i64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64).rotate_left(29));
    let noise = Arc::new(Int64Array::from_iter_values(noise.map(|n| n.wrapping_mul(n)))) as ArrayRef;
    let batch = RecordBatch::try_from_iter((0..8).map(|at| (format!("c{at}"), noise.clone()))).unwrap();
    let mut encoder = place.encoder(&batch).await;
    until("a part on the disk", async || {
        encoder.write(&batch).await.unwrap();
        files(place.folder.path()) > 0
    })
    .await;
    drop(encoder);
    until("an empty store", async || files(place.folder.path()) == 0).await;
    assert!(place.storage.head(KEY).await.is_err());
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("{what} did not come"));
}

fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}
