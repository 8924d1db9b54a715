//! What the attribute `#[trace]` records into.

mod body;
mod field;
mod follow;
mod site;
mod text;

#[doc(hidden)]
pub use body::{NoError, Recorder, Returned, error, never, once, returned};
pub use field::Field;
#[doc(hidden)]
pub use follow::Followed;
pub use site::Site;
#[doc(hidden)]
pub use text::Text;
