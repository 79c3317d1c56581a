//! Marketing mix: what each channel's spending brings, and how a budget is best spent.
//!
//! The outcome is a base (intercept, controls, trend, season) plus, for each channel, a non-negative weight times its
//! spending carried over ([`response`]) and saturated. [`fit`] finds all of it, [`allocate`] spends by it.
// Source: Jin, Wang, Sun, Chan and Koehler, "Bayesian methods for media mix modeling with carryover and shape effects",
// Google 2017: the form of the model; the estimation here is by least squares.

mod allocate;
mod base;
mod fit;
mod least;
mod response;

pub use allocate::{Allocation, Bounds, allocate};
pub use base::{Base, Term};
pub use fit::{Channel, Limits, MediaFit, Wish, fit};
pub use least::non_negative;
pub use response::{Response, Shape, carry_over};
