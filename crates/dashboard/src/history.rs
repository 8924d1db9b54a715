//! The last updates, so that a page opens with a past.

use std::collections::VecDeque;

use crate::update::DashboardUpdate;

/// How many updates are kept: two minutes at a tick of a second, 20 KiB.
const UPDATES: usize = 120;

/// The last [`UPDATES`] updates, oldest first.
pub(crate) struct History(VecDeque<DashboardUpdate>);

impl History {
    /// Room for all updates that it will ever hold.
    pub(crate) fn new() -> History {
        History(VecDeque::with_capacity(UPDATES))
    }

    pub(crate) fn push(&mut self, update: DashboardUpdate) {
        if self.0.len() == UPDATES {
            self.0.pop_front();
        }
        self.0.push_back(update);
    }

    pub(crate) fn last(&self) -> Option<DashboardUpdate> {
        self.0.back().copied()
    }

    pub(crate) fn updates(&self) -> &VecDeque<DashboardUpdate> {
        &self.0
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<DashboardUpdate>()
    }
}
