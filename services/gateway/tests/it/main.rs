//! The gateway in front of a real gRPC server that speaks the real contracts, over loopback.

mod answers;
mod drain;
mod edge;
mod files;
mod hooks;
mod limits;
mod oracle;
mod peer;
mod refusals;
mod stack;
mod tenants;
mod transcode;
mod usage;
