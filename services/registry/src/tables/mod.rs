//! Files read as tables: what columns and rows they have, and their first rows.
//!
//! [`csv`] and [`kinds`] work on bytes as they pass, in constant memory, and so do [`json`] and [`arrow`] behind a
//! [`pipe`]; [`parquet`] reads ranges of a stored file, and [`excel`] the whole of a small one.

pub(crate) mod arrow;
pub(crate) mod csv;
pub(crate) mod describe;
pub(crate) mod excel;
mod guess;
pub(crate) mod json;
pub(crate) mod kinds;
pub(crate) mod parquet;
mod pipe;
pub(crate) mod preview;
mod split;
