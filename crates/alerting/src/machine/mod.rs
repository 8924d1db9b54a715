//! The pure part: what an alert does at each look, with time given to it.

mod moment;
mod state;
mod timing;

pub use moment::{Moment, Timeline};
pub use state::{AlertState, Change, Found, Phase, Reason};
pub use timing::{Flapping, NoData, Timing};

pub(crate) use moment::{Maybe, millis};
