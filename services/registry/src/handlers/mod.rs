//! The front room: validate, transact, announce, reply. The guard in front has checked what the tenant allows; about a project
//! and what is in it, handlers ask `access`.

mod access;
pub(crate) mod app;
pub(crate) mod atom;
pub(crate) mod dataset;
pub(crate) mod download;
pub(crate) mod folder;
pub(crate) mod internal;
pub(crate) mod preview;
pub(crate) mod project;
pub(crate) mod upload;
