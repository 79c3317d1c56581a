//! Rules that hold for every RPC and every table, checked against the contracts and the catalogue themselves.

mod catalogue;
mod matrix;
mod mutation;
mod objects;
mod tokens;
