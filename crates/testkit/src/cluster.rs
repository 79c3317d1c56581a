//! The servers that tests share: those that the environment names, else private ones for this process.

use std::sync::OnceLock;

use trinity_devstack::Throwaway;

/// A server's URL, and the server itself when it is ours.
struct Server {
    url: String,
    // Why kept: the server ends with this value; statics are never dropped, but the pipe to its keeper closes at exit.
    _own: Option<Throwaway>,
}

impl Server {
    fn find(variable: &str, start: fn() -> Throwaway) -> Self {
        match std::env::var(variable) {
            Ok(url) => Self { url, _own: None },
            Err(_) => {
                let own = start();
                Self { url: own.url().to_owned(), _own: Some(own) }
            }
        }
    }
}

/// The URL of a superuser of the tests' Postgres.
pub fn postgres() -> &'static str {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let start = || Throwaway::postgres().expect("a private Postgres for the tests");
    &SERVER.get_or_init(|| Server::find("TRINITY_TEST_POSTGRES", start)).url
}

/// The URL of the tests' Redis.
pub fn redis() -> &'static str {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let start = || Throwaway::redis().expect("a private Redis for the tests");
    &SERVER.get_or_init(|| Server::find("TRINITY_TEST_REDIS", start)).url
}
