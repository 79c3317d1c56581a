//! What only a bucket has: keys to it, a path inside it, and pages of names.

use futures::{StreamExt, TryStreamExt, stream};
use trinity_storage::{Error, Settings, Storage};
use trinity_testkit::TestS3;

use crate::place::{KEY, Place, chunks};

#[tokio::test]
async fn objects_lie_under_the_path_of_the_url() {
    let [_, (place, storage)] = Place::each();
    storage.put_bytes(KEY, "abc").await.unwrap();
    assert_eq!(place.leftovers(), [format!("installation-1/{KEY}")]);
    let Place::Bucket(server) = place else { unreachable!("the second place is the bucket") };
    let whole = Storage::open_with("s3://trinity", &server.settings()).unwrap();
    assert_eq!(whole.read(&format!("installation-1/{KEY}")).await.unwrap(), "abc");
}

#[tokio::test]
async fn wrong_keys_are_refused_and_not_told() {
    let server = TestS3::start();
    let secret_access_key = Some("not the secret of this bucket".to_owned());
    let settings = Settings { secret_access_key, ..server.settings() };
    let storage = Storage::open_with(&server.url(), &settings).unwrap();
    let error = storage.put(KEY, stream::iter(chunks(&[3]))).await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
    let told = format!("{error} {error:?} {storage:?}");
    assert!(!told.contains("not the secret"), "{told}");
    assert_eq!(server.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_error_and_no_empty_store() {
    let server = TestS3::start();
    let storage = Storage::open_with("s3://another", &server.settings()).unwrap();
    assert!(storage.list("tenant-a").try_collect::<Vec<_>>().await.is_err());
    assert!(storage.delete_prefix("tenant-a").await.is_err());
    assert!(storage.put_bytes(KEY, "x").await.is_err());
}

#[tokio::test]
async fn more_objects_than_fit_on_a_page_are_all_found_and_deleted() {
    let [_, (place, storage)] = Place::each();
    const COUNT: usize = 1_203;
    let puts = stream::iter(0..COUNT).map(|n| {
        let storage = storage.clone();
        async move { storage.put_bytes(&format!("tenant-a/{n}"), "x").await }
    });
    puts.buffer_unordered(32).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(storage.list("tenant-a").try_collect::<Vec<_>>().await.unwrap().len(), COUNT);
    assert_eq!(storage.delete_prefix("tenant-a").await.unwrap(), COUNT as u64);
    assert_eq!(place.leftovers(), Vec::<String>::new());
}
