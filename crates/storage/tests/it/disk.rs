//! What only a folder has: paths, and names for what is wrong with its URL.

use trinity_storage::Storage;

use crate::place::{KEY, Place};

#[tokio::test]
async fn objects_are_files_under_the_folder() {
    let [(_place, disk), (_server, bucket)] = Place::each();
    disk.put_bytes(KEY, "abc").await.unwrap();
    assert_eq!(std::fs::read(disk.local_path(KEY).unwrap().unwrap()).unwrap(), b"abc");
    assert_eq!(bucket.local_path(KEY).unwrap(), None);
}

#[test]
fn urls_that_are_not_understood_are_named() {
    for bad in ["ftp://bucket", "relative/path", "file://relative/path"] {
        let error = Storage::open(bad).unwrap_err();
        assert!(error.to_string().contains(bad), "{error}");
    }
}
