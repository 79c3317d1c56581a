//! Nouns and rules, without databases, networks or files.

pub(crate) mod dataset;
pub(crate) mod document;
pub(crate) mod folder;
pub(crate) mod project;
pub(crate) mod settings;
pub(crate) mod text;
pub(crate) mod upload;
