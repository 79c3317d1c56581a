//! Connections as everybody else holds them.
//!
//! Why behind trait objects: async code is compiled wherever it is awaited, and again in every such crate. Whoever held
//! the driver's own types would compile its pool, its handshakes and its TLS too.

use std::ops::{Deref, DerefMut};

use futures::future::BoxFuture;
use sqlx::{PgConnection, Postgres, Transaction};
use trinity_error::Result;

/// An open transaction, rolled back when dropped.
pub struct Tx(Box<dyn Open>);

/// A connection outside a transaction, given back when dropped.
pub(crate) type Connection = Box<dyn DerefMut<Target = PgConnection> + Send>;

trait Open: DerefMut<Target = PgConnection> + Send + Sync {
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<()>>;
}

impl Open for Transaction<'static, Postgres> {
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move { Ok((*self).commit().await?) })
    }
}

impl Tx {
    pub(crate) fn new(transaction: Transaction<'static, Postgres>) -> Self {
        Self(Box::new(transaction))
    }

    /// Makes what was done last.
    ///
    /// # Errors
    /// `Unavailable` when Postgres is away; then nobody knows whether it was committed.
    pub fn commit(self) -> BoxFuture<'static, Result<()>> {
        self.0.commit()
    }
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tx")
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
