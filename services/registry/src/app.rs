//! What every handler of this service works with.

use trinity_db::Db;
use trinity_storage::Storage;

use crate::tenants::Tenants;

/// Made once by `wiring`, shared by all calls.
pub(crate) struct App {
    pub db: Db,
    pub storage: Storage,
    pub tenants: Tenants,
    /// The largest file that may be uploaded.
    pub max_upload_bytes: u64,
}
