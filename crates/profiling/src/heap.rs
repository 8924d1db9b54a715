//! What a program allocates, whatever its allocator is.

mod live;
mod poisson;
mod stacks;
mod tallies;
