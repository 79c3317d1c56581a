//! What every handler of this service works with.

use std::sync::Arc;

use trinity_authz::Authenticator;
use trinity_db::Db;
use trinity_proto::workflow::placement_service_client::PlacementServiceClient;
use trinity_rpc::{Channel, Peers};
use trinity_storage::Storage;

use crate::store::project::ProjectReads;
use crate::tables::excel::Reader as ExcelReader;

/// Made once by `wiring`, shared by all calls.
pub(crate) struct App {
    pub db: Db,
    pub projects: ProjectReads,
    /// Says what lies in folders.
    pub contents: PlacementServiceClient<Channel>,
    pub peers: Peers,
    pub storage: Storage,
    pub excel: ExcelReader,
    /// Says what callers and tenants may do now: for calls that last, and for calls of other services.
    pub authenticator: Arc<Authenticator>,
    /// The largest file that may be uploaded.
    pub max_upload_bytes: u64,
}
