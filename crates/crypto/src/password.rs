//! Passwords: Argon2id on a bounded number of threads, with the same work for people whom we do not know.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use trinity_error::{Error, Result};

use crate::Secret;

// Source: OWASP Password Storage Cheat Sheet, Argon2id with 19 MiB, two passes and one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// How many checks wait for each thread; more would only wait until their deadline.
const WAITING_PER_THREAD: usize = 64;

/// Hashes and checks passwords. One a process; cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    /// Stands in for the hash of a user who does not exist.
    dummy: Arc<str>,
    /// One permit a running check. Why: each takes a core for tens of milliseconds, and 19 MiB.
    running: Arc<Semaphore>,
    /// One permit a check that runs or waits.
    admitted: Arc<Semaphore>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").field("idle_threads", &self.running.available_permits()).finish_non_exhaustive()
    }
}

impl Passwords {
    /// Prepares as many threads as the machine has cores.
    ///
    /// # Errors
    /// `Internal` when the system has no randomness.
    pub fn new() -> Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with(threads, threads * WAITING_PER_THREAD)
    }

    fn with(threads: usize, waiting: usize) -> Result<Self> {
        let dummy = hash_now(&Secret::generate()?.to_text())?;
        Ok(Self {
            dummy: dummy.into(),
            running: Arc::new(Semaphore::new(threads)),
            admitted: Arc::new(Semaphore::new(threads + waiting)),
        })
    }

    /// Hashes a password with a fresh salt, as a PHC string.
    ///
    /// # Errors
    /// `Unavailable` when too many wait already.
    pub async fn hash(&self, password: String) -> Result<String> {
        self.run(move || hash_now(&password)).await?
    }

    /// Whether `password` belongs to `hash`. Without a hash (nobody of that name) the answer is no, after the same work.
    ///
    /// # Errors
    /// `Unavailable` when too many wait already; `Internal` for a hash that is not one.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.dummy.to_string());
        self.run(move || {
            let hash = PasswordHash::new(&hash).map_err(|_| Error::internal("a stored password hash is malformed"))?;
            Ok(argon2()?.verify_password(password.as_bytes(), &hash).is_ok() && known)
        })
        .await?
    }

    /// Runs `work` on a thread of its own, when its turn has come.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        let admitted = admitted.map_err(|_| Error::unavailable("sign-in"))?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(Error::internal)?;
        // Why the permits go along: the work goes on when the caller has gone, and still takes its core.
        let work = move || work_with((admitted, running), work);
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn work_with<T>(_permits: (OwnedSemaphorePermit, OwnedSemaphorePermit), work: impl FnOnce() -> T) -> T {
    work()
}

fn hash_now(password: &str) -> Result<String> {
    let hash: PasswordHash =
        argon2()?.hash_password(password.as_bytes()).map_err(|error| Error::internal(error.to_string()))?;
    Ok(hash.to_string())
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use trinity_error::Code;

    use super::*;

    const RIGHT: &str = "a horse that staples batteries";

    #[tokio::test]
    async fn the_right_password_passes_and_others_do_not() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash(RIGHT.to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash(RIGHT.to_owned()).await.unwrap(), "each hash has a salt of its own");
        assert!(passwords.verify(RIGHT.to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("another horse altogether".to_owned(), Some(hash)).await.unwrap());
        assert!(!passwords.verify(RIGHT.to_owned(), None).await.unwrap());
    }

    #[tokio::test]
    async fn an_unknown_user_takes_the_work_of_a_known_one() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash(RIGHT.to_owned()).await.unwrap();
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            let started = Instant::now();
            passwords.verify("wrong".to_owned(), Some(hash.clone())).await.unwrap();
            known.push(started.elapsed());
            let started = Instant::now();
            passwords.verify("wrong".to_owned(), None).await.unwrap();
            unknown.push(started.elapsed());
        }
        let (known, unknown) = (median(known), median(unknown));
        assert!(unknown > known / 3, "known {known:?}, unknown {unknown:?}");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let passwords = Passwords::with(1, 1).unwrap();
        let _busy = Arc::clone(&passwords.admitted).try_acquire_many_owned(2).unwrap();
        let error = passwords.hash(RIGHT.to_owned()).await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable);
    }

    fn median(mut times: Vec<Duration>) -> Duration {
        times.sort_unstable();
        times[times.len() / 2]
    }
}
