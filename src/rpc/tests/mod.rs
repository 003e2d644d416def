//! Tests of the front's conversions, over messages that would be accepted as they stand.

mod forms;
mod matrix;
mod parse;
mod pinned;
pub(super) mod samples;
mod show;
mod status;
