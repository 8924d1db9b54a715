//! Threads that live on and do one thing at a time, each when it is told to.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// They end when this is dropped.
pub(crate) struct Workers(Vec<(SyncSender<Job>, Receiver<()>)>);

impl Workers {
    pub(crate) fn new(threads: usize) -> Workers {
        Workers((0..threads).map(|_| worker()).collect())
    }

    /// Has one of them do `job`, and waits until it has.
    pub(crate) fn run(&self, worker: usize, job: impl FnOnce() + Send + 'static) {
        let (jobs, done) = &self.0[worker % self.0.len()];
        jobs.send(Box::new(job)).expect("the worker lives");
        done.recv().expect("the job does not panic");
    }
}

fn worker() -> (SyncSender<Job>, Receiver<()>) {
    let (jobs, todo) = sync_channel::<Job>(0);
    let (done, waits) = sync_channel(0);
    thread::spawn(move || {
        for job in todo {
            job();
            if done.send(()).is_err() {
                return;
            }
        }
    });
    (jobs, waits)
}
