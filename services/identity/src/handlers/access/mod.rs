//! Who may do what: groups, roles, bindings and grants, and the answers that follow from them.

pub(crate) mod binding;
pub(crate) mod decide;
pub(crate) mod grant;
pub(crate) mod group;
mod locate;
pub(crate) mod power;
mod reach;
pub(crate) mod role;

#[cfg(test)]
mod model;
