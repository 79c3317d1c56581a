//! Background rooms.

pub(crate) mod key_uses;
pub(crate) mod keys;
pub(crate) mod mails;
pub(crate) mod rewrap;
pub(crate) mod seats;
pub(crate) mod sessions;
