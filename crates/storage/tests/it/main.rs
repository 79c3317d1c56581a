//! The store on a real folder and in the bucket of a real S3 server: the same promises in both.

mod bucket;
mod disk;
mod place;
mod promises;
