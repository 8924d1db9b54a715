//! The agent as its users run it: a process, its output, its page.

mod demo;
mod process;
mod settings;
mod starts;
mod stops;
mod stream;
