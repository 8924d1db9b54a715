//! What all clients are told, whatever they see.

/// How far the news have got: a client compares it with what it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// The registry's, as it was announced last.
    pub(crate) generation: u64,
    /// Markers that there have been.
    pub(crate) markers: u64,
    /// How often settings were changed.
    pub(crate) settings: u64,
}
