//! The agent as its users run it: a process, its output, its page.

mod asks;
mod demo;
mod peer;
mod process;
mod settings;
mod starts;
mod stops;
mod stream;
