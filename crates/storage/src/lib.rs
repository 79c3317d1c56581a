//! The object store: where datasets, outputs and caches live, on disk or in a bucket, behind one type.
//!
//! [`layout`] is the only place that makes keys. What a file means (a dataset, an output) is not known here.

mod error;
mod key;
pub mod layout;
mod open;
mod store;
mod upload;

pub use error::{Error, Result};
pub use key::check as check_key;
pub use store::{ObjectInfo, Storage};
pub use trinity_config::StorageSettings as Settings;
pub use upload::{Stored, Upload};
