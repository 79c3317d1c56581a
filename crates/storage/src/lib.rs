//! The object store: where datasets, outputs and caches live, on disk today and in a bucket behind the same type.
//!
//! [`layout`] is the only place that makes keys. What a file means (a dataset, an output) is not known here.

mod error;
mod key;
pub mod layout;
mod store;
mod upload;

pub use error::{Error, Result};
pub use key::check as check_key;
pub use store::{ObjectInfo, Storage};
pub use upload::{Stored, Upload};
