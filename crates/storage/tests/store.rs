//! The store on a real folder: whole objects or none, and nothing outside the folder.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use futures::{TryStreamExt, stream};
use trinity_storage::{Error, Storage};

const KEY: &str = "tenant-a/project-b/shared/c/data.csv";

fn open() -> (tempfile::TempDir, Storage) {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::open(&format!("file://{}/deep/er", folder.path().display())).unwrap();
    (folder, storage)
}

fn files_under(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_under(&path)) } else { found.push(path.display().to_string()) }
    }
    found
}

fn chunks(sizes: &[usize]) -> Vec<Result<Bytes, std::io::Error>> {
    sizes.iter().map(|size| Ok(Bytes::from(vec![b'x'; *size]))).collect()
}

#[tokio::test]
async fn put_computes_size_and_hash_on_the_way() {
    let (_folder, storage) = open();
    let stored = storage.put(KEY, stream::iter([Ok::<_, std::io::Error>("ab".into()), Ok("c".into())])).await.unwrap();
    assert_eq!(stored.size_bytes, 3);
    // Source: the SHA-256 test vector for "abc", FIPS 180-4.
    assert_eq!(stored.content_hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let read: Vec<Bytes> = storage.get(KEY).await.unwrap().try_collect().await.unwrap();
    assert_eq!(read.concat(), b"abc");
    assert_eq!(storage.get_range(KEY, 1..3).await.unwrap(), "bc");
    assert_eq!(storage.head(KEY).await.unwrap().size_bytes, 3);
    assert_eq!(std::fs::read(storage.local_path(KEY).unwrap().unwrap()).unwrap(), b"abc");
}

#[tokio::test]
async fn objects_of_several_parts_arrive_whole() {
    let (_folder, storage) = open();
    let stored = storage.put(KEY, stream::iter(chunks(&[7 << 20, 9 << 20, 11]))).await.unwrap();
    assert_eq!(stored.size_bytes, (16 << 20) + 11);
    assert_eq!(storage.head(KEY).await.unwrap().size_bytes, stored.size_bytes);
}

#[tokio::test]
async fn an_empty_object_is_an_object() {
    let (_folder, storage) = open();
    assert_eq!(storage.put_bytes(KEY, "").await.unwrap().size_bytes, 0);
    assert_eq!(storage.head(KEY).await.unwrap().size_bytes, 0);
}

#[tokio::test]
async fn a_broken_source_leaves_nothing_behind() {
    let (folder, storage) = open();
    let mut parts = chunks(&[6 << 20, 6 << 20]);
    parts.push(Err(std::io::Error::other("the client went away")));
    let error = storage.put(KEY, stream::iter(parts)).await.unwrap_err();
    assert!(matches!(&error, Error::Source(source) if source.to_string().contains("went away")), "{error}");
    assert_eq!(files_under(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_broken_source_keeps_the_object_that_was_there() {
    let (_folder, storage) = open();
    storage.put_bytes(KEY, "first").await.unwrap();
    let broken = stream::iter([Ok(Bytes::from("second")), Err(std::io::Error::other("gone"))]);
    storage.put(KEY, broken).await.unwrap_err();
    assert_eq!(storage.read(KEY).await.unwrap(), "first");
}

#[tokio::test]
async fn a_dropped_upload_leaves_nothing_behind() {
    let (folder, storage) = open();
    let mut upload = storage.upload(KEY).await.unwrap();
    upload.write(Bytes::from(vec![0; 6 << 20])).await.unwrap();
    drop(upload);
    let gone = async {
        while !files_under(folder.path()).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the staged file stays");
    assert!(matches!(storage.head(KEY).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn delete_prefix_takes_all_of_one_tenant_and_nothing_of_its_neighbour() {
    let (_folder, storage) = open();
    for key in ["tenant-a/project-b/x", "tenant-a/project-c/y/z", "tenant-ab/project-b/x"] {
        storage.put_bytes(key, "1").await.unwrap();
    }
    assert_eq!(storage.delete_prefix("tenant-a").await.unwrap(), 2);
    assert_eq!(storage.list("tenant-ab").try_collect::<Vec<_>>().await.unwrap().len(), 1);
    storage.delete("tenant-ab/project-b/x").await.unwrap();
    storage.delete("tenant-ab/project-b/x").await.unwrap();
    assert!(matches!(storage.read("tenant-ab/project-b/x").await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn keys_that_leave_the_store_are_refused_by_every_door() {
    let (_folder, storage) = open();
    for bad in ["../x", "/etc/passwd", "a/../../x", ""] {
        assert!(matches!(storage.put_bytes(bad, "x").await, Err(Error::InvalidKey(_))), "{bad}");
        assert!(matches!(storage.read(bad).await, Err(Error::InvalidKey(_))), "{bad}");
        assert!(matches!(storage.delete(bad).await, Err(Error::InvalidKey(_))), "{bad}");
        assert!(matches!(storage.delete_prefix(bad).await, Err(Error::InvalidKey(_))), "{bad}");
        assert!(matches!(storage.local_path(bad), Err(Error::InvalidKey(_))), "{bad}");
    }
}

#[test]
fn urls_that_are_not_understood_are_named() {
    for bad in ["s3://bucket", "relative/path", "file://relative/path"] {
        let error = Storage::open(bad).unwrap_err();
        assert!(error.to_string().contains(bad), "{error}");
    }
}

#[tokio::test]
async fn a_copy_outlives_what_it_was_made_from() {
    let (_folder, storage) = open();
    storage.put_bytes(KEY, "first").await.unwrap();
    storage.copy(KEY, "tenant-a/copy").await.unwrap();
    storage.put_bytes(KEY, "second").await.unwrap();
    assert_eq!(storage.read("tenant-a/copy").await.unwrap(), "first");
    storage.delete(KEY).await.unwrap();
    assert_eq!(storage.read("tenant-a/copy").await.unwrap(), "first");
    assert!(matches!(storage.copy(KEY, "tenant-a/other").await, Err(Error::NotFound(_))));
}
