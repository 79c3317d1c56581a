//! The transactional outbox: what happened is written with the rows that changed, and told to others afterwards.
//!
//! Every service has a table `outbox` (see `docs/adding-an-rpc.md`). [`write`] adds a row inside the handler's own
//! transaction; [`Relay`] carries rows to the audit service, to the Redis stream of events, and to whoever else the
//! service names. Delivery is at least once; the event's id makes it once.

mod event;
mod hint;
mod relay;
mod store;

pub use event::Event;
pub use relay::{Delivery, Relay, Sink};
pub use store::{write, write_all};
