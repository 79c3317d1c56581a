//! A Redis for a test: a corner of the shared one, or one that may be emptied and killed.

use trinity_devstack::Throwaway;
use uuid::Uuid;

use crate::cluster;

/// The shared Redis with a key prefix that no other test has.
#[derive(Debug, Clone)]
pub struct TestRedis {
    pub url: String,
    pub prefix: String,
}

impl TestRedis {
    /// Takes a corner.
    #[expect(clippy::new_without_default, reason = "starting a server is not a default")]
    pub fn new() -> Self {
        Self { url: cluster::redis().to_owned(), prefix: format!("t{}", Uuid::new_v4().simple()) }
    }
}

/// A Redis that nobody else uses; it ends with this value.
pub struct OwnRedis(Throwaway);

impl OwnRedis {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        Self(Throwaway::redis().expect("a private Redis for this test"))
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        self.0.url()
    }
}
