//! A history that this build is without.

#[derive(Debug, Default)]
pub(crate) struct Plan {}
