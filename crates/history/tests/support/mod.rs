//! Samples, queries and peers of the tests.

#![allow(dead_code)] // each test uses a part

pub(crate) mod prometheus;
pub(crate) mod queries;
pub(crate) mod samples;
pub(crate) mod service;
