//! Behaviour of grading, told as records and their values.
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod degenerate;
mod metrics;
mod properties;
mod rendering;
mod rubric;
mod story;
