//! What every handler and job of this service works with.

use trinity_db::Db;

use crate::keys::Keys;

/// Made once by `wiring`, shared by all calls.
pub(crate) struct App {
    pub db: Db,
    pub keys: Keys,
    /// A chain that has grown by so many records gets a checkpoint at once.
    pub checkpoint_events: u64,
    /// A chain that has moved gets a checkpoint after this many seconds.
    pub checkpoint_interval_s: u32,
}
