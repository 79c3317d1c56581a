//! Where a test's store is, and what lies there.

use std::path::Path;

use bytes::Bytes;
use tempfile::TempDir;
use trinity_storage::Storage;
use trinity_testkit::TestS3;

pub const KEY: &str = "tenant-a/project-b/shared/c/data.csv";

/// A folder or a bucket, which goes with this value.
pub enum Place {
    Disk(TempDir),
    Bucket(TestS3),
}

impl Place {
    /// One of each, with the store in it.
    pub fn each() -> [(Self, Storage); 2] {
        let folder = TempDir::new().unwrap();
        let disk = Storage::open(&format!("file://{}/deep/er", folder.path().display())).unwrap();
        let server = TestS3::start();
        let bucket = Storage::open_with(&server.url(), &server.settings()).unwrap();
        [(Self::Disk(folder), disk), (Self::Bucket(server), bucket)]
    }

    /// Everything that is kept, half-finished or whole.
    pub fn leftovers(&self) -> Vec<String> {
        match self {
            Self::Disk(folder) => files_under(folder.path()),
            Self::Bucket(server) => [server.keys(), server.unfinished_uploads()].concat(),
        }
    }
}

fn files_under(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_under(&path)) } else { found.push(path.display().to_string()) }
    }
    found
}

/// Pieces of these sizes, no two bytes of neighbouring pieces alike.
pub fn chunks(sizes: &[usize]) -> Vec<Result<Bytes, std::io::Error>> {
    sizes.iter().zip((b'a'..=b'z').cycle()).map(|(size, byte)| Ok(Bytes::from(vec![byte; *size]))).collect()
}
