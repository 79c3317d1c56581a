//! Other people's Postgres databases: a connection as its URL says, tables out of them ([`read`]) and into them
//! ([`write`]).
//!
//! Nothing of the URL is ever said, and nothing of this machine counts: no sockets, no password files, no environment.

pub(crate) mod read;
pub(crate) mod write;

use std::time::Duration;

use percent_encoding::percent_decode_str;
use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgConnection, PgDatabaseError, PgSslMode},
};
use url::Url;

use crate::{Fault, fault::code, job::Job};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Connects as a URL says, to an address that may be called from here.
pub(crate) async fn connect(job: &Job<'_>, url: &str) -> Result<PgConnection, Fault> {
    let options = options(url)?;
    let address =
        job.outside()?.egress.locate(options.get_host()).await.map_err(|error| match error.is_retryable() {
            true => Fault::passing(code::CONNECTION_FAILED, error.to_string()),
            false => Fault::lasting(code::CONNECTION_FAILED, error.to_string()),
        })?;
    // Why only then: a certificate is checked against the name, which the driver takes from here too.
    let by_name = matches!(options.get_ssl_mode(), PgSslMode::VerifyFull);
    let options = if by_name { options } else { options.host(&address.to_string()) };
    match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(failed(error)),
        Err(_) => Err(Fault::passing(code::CONNECTION_FAILED, "the database does not answer in time")),
    }
}

fn options(url: &str) -> Result<PgConnectOptions, Fault> {
    let odd = |problem: String| Fault::config(format!("connection: {problem}"));
    let shape = "must be like postgres://user:password@host:5432/database?sslmode=require";
    let url = Url::parse(url.trim()).map_err(|_| odd(shape.into()))?;
    let host = url.host_str().unwrap_or_default();
    if !matches!(url.scheme(), "postgres" | "postgresql") || host.is_empty() || host.contains('%') {
        return Err(odd(shape.into()));
    }
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = plain(url.username());
    let database = plain(url.path().trim_start_matches('/'));
    if user.is_empty() || database.is_empty() {
        return Err(odd("the user or the database is missing".into()));
    }
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(host.trim_start_matches('[').trim_end_matches(']'))
        .port(url.port().unwrap_or(5432))
        .username(&user)
        .password(&plain(url.password().unwrap_or_default()))
        .database(&database)
        .ssl_mode(PgSslMode::Prefer)
        .application_name("trinity")
        .statement_cache_capacity(0);
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "sslmode" => {
                let mode = value.parse::<PgSslMode>().map_err(|_| odd("unknown sslmode".into()))?;
                options = options.ssl_mode(mode);
            }
            "application_name" => options = options.application_name(&value),
            other => return Err(odd(format!("the setting {other} is not supported"))),
        }
    }
    Ok(options)
}

/// What went wrong, and whether it may pass. Source: classes of SQLSTATE in Postgres' manual, appendix A.
pub(crate) fn failed(error: sqlx::Error) -> Fault {
    let sqlx::Error::Database(error) = error else {
        let problem = match error {
            sqlx::Error::Io(error) => error.kind().to_string(),
            sqlx::Error::Tls(error) => format!("TLS: {error}"),
            sqlx::Error::Configuration(error) => error.to_string(),
            _ => "the connection broke off".to_owned(),
        };
        return Fault::passing(code::CONNECTION_FAILED, format!("the database cannot be reached: {problem}"));
    };
    let error = error.downcast_ref::<PgDatabaseError>();
    let place = error.r#where().map(|place| format!(" ({place})")).unwrap_or_default();
    let message = format!("the database says: {}{place}", error.message());
    match error.code().get(..2).unwrap_or_default() {
        "28" | "3D" => Fault::lasting(code::CONNECTION_FAILED, message),
        "08" | "40" | "53" | "55" | "57" | "58" => Fault::passing(code::CONNECTION_FAILED, message),
        "21" | "22" | "23" | "44" => Fault::lasting(code::DATA_INVALID, message),
        _ => Fault::lasting(code::QUERY_INVALID, message),
    }
}

/// A name as SQL has it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_network_addresses_are_accepted() {
        let good = options("postgres://me:p%40ss@db.example.com/shop?sslmode=verify-full").unwrap();
        assert_eq!((good.get_host(), good.get_port(), good.get_username()), ("db.example.com", 5432, "me"));
        assert!(matches!(good.get_ssl_mode(), PgSslMode::VerifyFull));
        for bad in [
            "postgres://me@/shop",
            "postgres://me@%2Fvar%2Frun%2Fpostgresql/shop",
            "postgres://me@db/shop?host=/var/run/postgresql",
            "postgres://me@db/shop?sslrootcert=/etc/passwd",
            "mysql://me@db/shop",
            "postgres://db/shop",
            "postgres://me@db",
            "s3cret",
        ] {
            let fault = options(bad).unwrap_err();
            assert_eq!(fault.code, code::CONFIG_INVALID, "{bad}");
            assert!(!fault.message.contains("s3cret"));
        }
    }
}
