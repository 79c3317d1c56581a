//! Files read as tables: what columns and rows they have, and their first rows.
//!
//! [`csv`] and [`kinds`] work on bytes as they pass, in constant memory; [`parquet`] reads ranges of a stored file.

pub(crate) mod csv;
pub(crate) mod kinds;
pub(crate) mod parquet;
pub(crate) mod preview;
mod split;
