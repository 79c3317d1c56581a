//! Linear models by least squares, over any number of rows in bounded memory.
//!
//! [`Rows`] takes rows one after another and keeps their triangular factor only; [`ols`] and [`ridge`] are read off it.

mod factor;
mod least_squares;
mod residuals;
mod shrink;

pub use factor::{Factor, Rows};
pub use least_squares::{Coefficient, Ols, ols};
pub use residuals::Residuals;
pub use shrink::{Ridge, ridge};
