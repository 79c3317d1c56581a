//! Real servers: what `make up`, the tests and an operator's provisioning rely on.

mod provision;
mod servers;
