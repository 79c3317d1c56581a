//! Canvases, what can be wrong with them, and the plans that they become. Pure: no waiting, no rows, no messages.
//!
//! Reading order: [`document`] and [`canvas`] (from text to molecules), [`catalog`] (what atoms there are), [`graph`],
//! [`validate`] (every fault with its place), [`compile`] (the plan); [`workflow`] has the rules of names, [`job`] the
//! order of workflows, [`spot`] where they lie, [`notifications`] who is told.

pub mod canvas;
pub mod catalog;
pub mod compile;
pub mod document;
pub mod fault;
pub mod graph;
pub mod job;
pub mod notifications;
pub mod plan;
pub mod selected;
pub mod spot;
pub mod validate;
pub mod workflow;

#[cfg(test)]
mod samples;
