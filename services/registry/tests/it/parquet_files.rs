//! Parquet files: described from their footer, shown by ranges.

use std::sync::Arc;

use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use trinity_proto::registry as pb;

use crate::stand::Stand;

const SCHEMA: &str = "message table {
    REQUIRED BOOLEAN sunny;
    OPTIONAL INT64 big;
    REQUIRED DOUBLE wind;
    REQUIRED INT32 day (DATE);
    REQUIRED INT64 at (TIMESTAMP(MICROS,true));
    REQUIRED INT64 at_nanos (TIMESTAMP(NANOS,false));
    REQUIRED BYTE_ARRAY weather (UTF8);
}";
const ROWS: usize = 3;

/// Writes a table of three rows whose `big` is missing in the second.
fn file() -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(WriterProperties::default())).unwrap();
    let mut rows = writer.next_row_group().unwrap();
    let mut at = 0;
    while let Some(mut column) = rows.next_column().unwrap() {
        match at {
            0 => column.typed::<BoolType>().write_batch(&[true, false, true], None, None),
            1 => column.typed::<Int64Type>().write_batch(&[9_007_199_254_740_993, -1], Some(&[1, 0, 1]), None),
            2 => column.typed::<DoubleType>().write_batch(&[4.5, f64::NAN, 0.0], None, None),
            3 => column.typed::<Int32Type>().write_batch(&[15_340, 0, -1], None, None),
            4 => column.typed::<Int64Type>().write_batch(&[1_325_376_000_000_000, 1, 0], None, None),
            5 => column.typed::<Int64Type>().write_batch(&[1_325_376_000_500_000_000, 0, 0], None, None),
            _ => column.typed::<ByteArrayType>().write_batch(&["rain", "", "sun"].map(ByteArray::from), None, None),
        }
        .unwrap();
        column.close().unwrap();
        at += 1;
    }
    rows.close().unwrap();
    writer.close().unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parquet_file_is_described_and_shown() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let dataset = stand.upload(&anna, &project, "weather.parquet", &file()).await.unwrap();
    assert_eq!(
        (dataset.format(), dataset.rows, dataset.problem.as_deref()),
        (pb::DatasetFormat::Parquet, Some(ROWS as u64), None)
    );
    let columns: Vec<_> =
        dataset.schema.iter().map(|column| (column.name.as_str(), column.r#type.as_str(), column.nullable)).collect();
    let expected = [
        ("sunny", "boolean", false),
        ("big", "int64", true),
        ("wind", "float64", false),
        ("day", "date", false),
        ("at", "timestamp", false),
        ("at_nanos", "timestamp", false),
        ("weather", "string", false),
    ];
    assert_eq!(columns, expected);

    let rows = stand.preview(&anna, &dataset.id, 2).await.unwrap().rows;
    let rows: Vec<_> = rows.iter().map(|row| row.text.as_str()).collect();
    assert_eq!(
        rows,
        [
            r#"{"sunny":true,"big":9007199254740993,"wind":4.5,"day":"2012-01-01","at":"2012-01-01T00:00:00Z","at_nanos":"2012-01-01T00:00:00.500","weather":"rain"}"#,
            r#"{"sunny":false,"big":null,"wind":null,"day":"1970-01-01","at":"1970-01-01T00:00:00.000001Z","at_nanos":"1970-01-01T00:00:00","weather":""}"#,
        ]
    );
    assert_eq!(stand.preview(&anna, &dataset.id, 200).await.unwrap().rows.len(), ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_parquet_file_harms_nobody() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let sound = file();
    for at in (4..sound.len()).step_by(41) {
        let mut damaged = sound.clone();
        damaged[at] ^= 0xff;
        let dataset = stand.upload(&anna, &project, "weather.parquet", &damaged).await.unwrap();
        if let Err(refused) = stand.preview(&anna, &dataset.id, 20).await {
            assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "{refused}");
        }
    }
    let dataset = stand.upload(&anna, &project, "weather.parquet", &sound).await.unwrap();
    assert_eq!(stand.preview(&anna, &dataset.id, 20).await.unwrap().rows.len(), ROWS, "the service lives on");
}
