//! What holds wherever the store is: whole objects or none, and nothing outside of it.

use std::time::Duration;

use bytes::Bytes;
use futures::{TryStreamExt, stream};
use trinity_storage::Error;
use trinity_testkit::eventually;

use crate::place::{KEY, Place, chunks};

/// More than one part.
const LARGE: [usize; 4] = [7 << 20, 9 << 20, 11, 3 << 20];

#[tokio::test]
async fn put_computes_size_and_hash_on_the_way() {
    for (_place, storage) in Place::each() {
        let pieces = stream::iter([Ok::<_, std::io::Error>("ab".into()), Ok("c".into())]);
        let stored = storage.put(KEY, pieces).await.unwrap();
        assert_eq!(stored.size_bytes, 3);
        // Source: the SHA-256 test vector for "abc", FIPS 180-4.
        assert_eq!(stored.content_hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let read: Vec<Bytes> = storage.get(KEY).await.unwrap().try_collect().await.unwrap();
        assert_eq!(read.concat(), b"abc");
        assert_eq!(storage.get_range(KEY, 1..3).await.unwrap(), "bc");
        assert_eq!(storage.head(KEY).await.unwrap().size_bytes, 3);
        assert_eq!(storage.head(KEY).await.unwrap().key, KEY);
    }
}

#[tokio::test]
async fn objects_of_several_parts_arrive_whole() {
    for (place, storage) in Place::each() {
        let stored = storage.put(KEY, stream::iter(chunks(&LARGE))).await.unwrap();
        let expected: Vec<u8> = chunks(&LARGE).into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(stored.size_bytes, expected.len() as u64);
        assert!(storage.read(KEY).await.unwrap() == expected, "the bytes differ");
        assert_eq!(place.leftovers().len(), 1, "parts stay behind");
    }
}

#[tokio::test]
async fn an_empty_object_is_an_object() {
    for (_place, storage) in Place::each() {
        assert_eq!(storage.put_bytes(KEY, "").await.unwrap().size_bytes, 0);
        assert_eq!(storage.head(KEY).await.unwrap().size_bytes, 0);
        assert_eq!(storage.read(KEY).await.unwrap(), "");
    }
}

#[tokio::test]
async fn nothing_is_visible_before_the_end() {
    for (_place, storage) in Place::each() {
        let mut upload = storage.upload(KEY).await.unwrap();
        for chunk in chunks(&LARGE) {
            upload.write(chunk.unwrap()).await.unwrap();
        }
        assert!(matches!(storage.head(KEY).await, Err(Error::NotFound(_))));
        upload.finish().await.unwrap();
        storage.head(KEY).await.unwrap();
    }
}

#[tokio::test]
async fn a_broken_source_leaves_nothing_behind() {
    for sizes in [vec![3], vec![6 << 20, 6 << 20]] {
        for (place, storage) in Place::each() {
            let mut parts = chunks(&sizes);
            parts.push(Err(std::io::Error::other("the client went away")));
            let error = storage.put(KEY, stream::iter(parts)).await.unwrap_err();
            assert!(matches!(&error, Error::Source(source) if source.to_string().contains("went away")), "{error}");
            assert_eq!(place.leftovers(), Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn a_broken_source_keeps_the_object_that_was_there() {
    for (_place, storage) in Place::each() {
        storage.put_bytes(KEY, "first").await.unwrap();
        let broken = stream::iter([Ok(Bytes::from("second")), Err(std::io::Error::other("gone"))]);
        storage.put(KEY, broken).await.unwrap_err();
        assert_eq!(storage.read(KEY).await.unwrap(), "first");
    }
}

#[tokio::test]
async fn a_dropped_upload_leaves_nothing_behind() {
    for (place, storage) in Place::each() {
        let mut upload = storage.upload(KEY).await.unwrap();
        upload.write(Bytes::from(vec![0; 20 << 20])).await.unwrap();
        assert!(!place.leftovers().is_empty(), "nothing was under way");
        drop(upload);
        let gone = || async { place.leftovers().is_empty().then_some(()) };
        eventually(Duration::from_secs(30), "the end of what was staged", gone).await;
        assert!(matches!(storage.head(KEY).await, Err(Error::NotFound(_))));
    }
}

#[tokio::test]
async fn delete_prefix_takes_all_of_one_tenant_and_nothing_of_its_neighbour() {
    for (_place, storage) in Place::each() {
        for key in ["tenant-a/project-b/x", "tenant-a/project-c/y/z", "tenant-ab/project-b/x"] {
            storage.put_bytes(key, "1").await.unwrap();
        }
        assert_eq!(storage.delete_prefix("tenant-a").await.unwrap(), 2);
        assert_eq!(storage.delete_prefix("tenant-a").await.unwrap(), 0);
        let left: Vec<_> = storage.list("tenant-ab").map_ok(|object| object.key).try_collect().await.unwrap();
        assert_eq!(left, ["tenant-ab/project-b/x"]);
        storage.delete("tenant-ab/project-b/x").await.unwrap();
        storage.delete("tenant-ab/project-b/x").await.unwrap();
        assert!(matches!(storage.read("tenant-ab/project-b/x").await, Err(Error::NotFound(_))));
    }
}

#[tokio::test]
async fn keys_that_leave_the_store_are_refused_by_every_door() {
    for (_place, storage) in Place::each() {
        for bad in ["../x", "/etc/passwd", "a/../../x", ""] {
            assert!(matches!(storage.put_bytes(bad, "x").await, Err(Error::InvalidKey(_))), "{bad}");
            assert!(matches!(storage.read(bad).await, Err(Error::InvalidKey(_))), "{bad}");
            assert!(matches!(storage.delete(bad).await, Err(Error::InvalidKey(_))), "{bad}");
            assert!(matches!(storage.delete_prefix(bad).await, Err(Error::InvalidKey(_))), "{bad}");
            assert!(matches!(storage.copy(KEY, bad).await, Err(Error::InvalidKey(_))), "{bad}");
            assert!(matches!(storage.local_path(bad), Err(Error::InvalidKey(_))), "{bad}");
        }
    }
}

#[tokio::test]
async fn a_copy_outlives_what_it_was_made_from() {
    for (_place, storage) in Place::each() {
        storage.put_bytes(KEY, "first").await.unwrap();
        storage.copy(KEY, "tenant-a/copy").await.unwrap();
        storage.put_bytes(KEY, "second").await.unwrap();
        assert_eq!(storage.read("tenant-a/copy").await.unwrap(), "first");
        storage.delete(KEY).await.unwrap();
        assert_eq!(storage.read("tenant-a/copy").await.unwrap(), "first");
        assert!(matches!(storage.copy(KEY, "tenant-a/other").await, Err(Error::NotFound(_))));
    }
}
