//! The whole of Trinity as a person or an operator meets it: through HTTP, with real processes that may be killed.

mod away;
mod bad_input;
mod crash;
mod path;
mod permissions;
mod strangers;
