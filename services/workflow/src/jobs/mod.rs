//! Background rooms.

pub mod canvas_state;
