//! A dashboard as its viewers meet it: over real sockets.

mod page;
mod served;
mod stream;
