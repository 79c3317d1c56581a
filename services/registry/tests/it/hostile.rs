//! Broken CSV files are stored, with what is wrong with them and where.

use tonic::Code;

use crate::stand::{Stand, reason};

#[tokio::test(flavor = "multi_thread")]
async fn broken_files_are_stored_with_their_problem() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let long_line = [b"a,b\n1,".as_slice(), &vec![b'x'; 20 << 20], b"\n"].concat();
    let cases: [(&[u8], &str, usize); 7] = [
        (b"", "the file is empty", 0),
        (b"a,b\n1,2\n3\n", "line 3: 1 field where the header has 2", 2),
        (b"a,b\n1,2\n\"3,4\n", "line 3: the quote that opens here is never closed", 2),
        (b"a,b\n\xe9,2\n", "line 2: not UTF-8 text: save the file as UTF-8 and upload it again", 2),
        (b"a,b\n1,2\n\0\0\0\0", "line 3: a zero byte: this is not a text file, or it is damaged", 2),
        (b"PAR1....PAR1", "", 1),
        (&long_line, "line 2: longer than 16 MiB, the most that one record may have", 2),
    ];
    for (bytes, problem, columns) in cases {
        let dataset = stand.upload(&anna, &project, "broken.csv", bytes).await.unwrap();
        assert_eq!(dataset.problem.as_deref().unwrap_or_default(), problem);
        assert_eq!(dataset.rows.is_none(), !problem.is_empty());
        assert_eq!((dataset.size_bytes, dataset.schema.len()), (bytes.len() as u64, columns));
    }
    assert_eq!(stand.files().len(), cases.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_what_can_be_read() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let broken = stand.upload(&anna, &project, "broken.csv", b"a,b\n1,2\n3\n5,6\n").await.unwrap();
    let rows = stand.preview(&anna, &broken.id, 20).await.unwrap().rows;
    assert_eq!(rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>(), [r#"{"a":1,"b":2}"#]);
    let empty = stand.upload(&anna, &project, "empty.csv", b"").await.unwrap();
    let refused = stand.preview(&anna, &empty.id, 20).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "DATASET_UNREADABLE"));
    let no_parquet = stand.upload(&anna, &project, "broken.parquet", b"PAR1 and no more").await.unwrap();
    assert!(no_parquet.problem.unwrap().starts_with("not a sound Parquet file"));
    assert_eq!(reason(&stand.preview(&anna, &no_parquet.id, 20).await.unwrap_err()), "DATASET_UNREADABLE");
}
