//! Statistical models on slices and matrices: regression, media mix, forecasts, association.
//!
//! In reading order: [`regression`] (least squares in one pass over any number of rows, ridge), [`association`]
//! (correlation coefficients), [`media`] (how advertising works and how a budget is best spent), [`forecast`] (series
//! into the future, with intervals and back-test errors). [`optimize`] and [`distribution`] are what they share.
//! No files, no tables, no clock and no chance here: the same numbers always give the same answer.

pub mod association;
pub mod distribution;
mod error;
pub mod forecast;
pub mod media;
pub mod optimize;
pub mod regression;

pub use error::Error;
