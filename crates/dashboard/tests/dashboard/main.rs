//! A dashboard as its viewers meet it: over real sockets.

mod decoder;
mod page;
mod past;
mod safety;
mod served;
mod stream;
mod updates;
