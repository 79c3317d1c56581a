//! The whole of Trinity as a person or an operator meets it: through HTTP, with real processes that may be killed.

mod away;
mod bad_input;
mod bucket;
mod chaos;
mod crash;
mod folders;
mod http_atom;
mod path;
mod permissions;
mod python_worker;
mod strangers;
