//! The models against independent tools; see `../expected/make_expected.py` for how the figures were made.

mod association;
mod forecasts;
mod media;
mod regression;
mod support;
