//! The ladder that every hot row climbs: off, on, while read at 60 Hz, two threads.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::pin;
use crate::reader::{PERIOD, Reader};
use crate::stats::Samples;

/// How long one subject runs in one round of one rung: short, so that stolen time hits few rounds.
const ROUND: Duration = Duration::from_millis(1);
/// Rounds before the first that counts: hot series have moved to their threads' own pages by then.
const WARM_UP_ROUNDS: usize = 60;
/// Fewer rounds than this make no median.
const FEWEST_ROUNDS: usize = 15;
/// A round while being read is a period long; it comes once in so many rounds.
const READ_EVERY: usize = 4;

/// How long rows may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) short: bool,
}

impl Effort {
    pub(crate) fn pick<T>(self, short: T, full: T) -> T {
        if self.short { short } else { full }
    }

    pub(crate) fn seconds(self, short: f64, full: f64) -> Duration {
        Duration::from_secs_f64(self.pick(short, full))
    }
}

type Loop = Box<dyn FnMut(u64)>;

/// A loop of operations under measurement; each thread that runs it makes its own.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    make: Box<dyn Fn() -> Loop + Sync>,
}

impl Subject {
    /// `make` returns what runs so many operations; it is called once in every measured thread.
    pub(crate) fn new<L: FnMut(u64) + 'static>(
        name: &'static str,
        make: impl Fn() -> L + Sync + 'static,
    ) -> Subject {
        Subject { name, make: Box::new(move || Box::new(make())) }
    }
}

/// One way to run a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rung {
    /// One thread.
    One,
    /// One thread, while another reads everything at 60 Hz.
    Read,
    /// Two threads at once; the slower one counts.
    Two,
}

/// Nanoseconds per operation, by subject and rung.
pub(crate) struct Climb {
    samples: HashMap<(&'static str, Rung), Samples>,
}

impl Climb {
    /// The rounds of `subject` on `rung`.
    pub(crate) fn ns(&self, subject: &str, rung: Rung) -> &Samples {
        static NONE: Samples = Samples::new();
        let key = self.samples.keys().find(|(name, r)| *name == subject && *r == rung);
        key.map_or(&NONE, |key| &self.samples[key])
    }

    /// What a second thread costs `subject`, after division by what it costs `floor` in the same
    /// rounds.
    pub(crate) fn flatness(&self, subject: &str, floor: &str) -> Samples {
        let slowdown = |name| self.ns(name, Rung::Two).over(self.ns(name, Rung::One));
        slowdown(subject).over(&slowdown(floor))
    }
}

/// Runs the subjects in turn, round after round, for `time`. `read` reads the registry whose
/// recording is the first subject's; that one alone climbs the reading rung.
pub(crate) fn climb(subjects: &[Subject], read: impl FnMut() + Send, time: Duration) -> Climb {
    let names: HashSet<&str> = subjects.iter().map(|subject| subject.name).collect();
    assert_eq!(names.len(), subjects.len(), "subjects are told apart by their names");
    std::thread::scope(|scope| {
        let cpus = pin::cpus();
        let reader = Reader::start(scope, cpus[1], read);
        let workers = [0, 1].map(|i| Worker::start(scope, cpus[i], subjects));
        let mut ladder =
            Ladder { subjects, workers, reader, ops: Vec::new(), samples: HashMap::new() };
        ladder.warm_up();
        ladder.rounds(time);
        Climb { samples: ladder.samples }
    })
}

struct Ladder<'scope, 'a> {
    subjects: &'a [Subject],
    workers: [Worker<'scope>; 2],
    reader: Reader<'scope>,
    /// Operations of each subject that take one [`ROUND`].
    ops: Vec<u64>,
    samples: HashMap<(&'static str, Rung), Samples>,
}

impl Ladder<'_, '_> {
    fn warm_up(&mut self) {
        for subject in 0..self.subjects.len() {
            let mut ops = 1_000;
            let mut ns = self.one(subject, ops);
            for _ in 0..WARM_UP_ROUNDS {
                ns = self.two(subject, ops).min(ns);
                ops = (20_000.0 / ns) as u64 + 64;
            }
            let ns = (0..5).map(|_| self.one(subject, ops)).fold(f64::MAX, f64::min);
            self.ops.push((ROUND.as_nanos() as f64 / ns.max(0.01)) as u64 + 64);
        }
    }

    fn rounds(&mut self, time: Duration) {
        let start = Instant::now();
        let mut round = 0;
        while round < FEWEST_ROUNDS || start.elapsed() < time {
            for subject in 0..self.subjects.len() {
                let one = self.one(subject, self.ops[subject]);
                self.note(subject, Rung::One, one);
                let two = self.two(subject, self.ops[subject]);
                self.note(subject, Rung::Two, two);
            }
            if round % READ_EVERY == 0 {
                let read = self.read(0);
                self.note(0, Rung::Read, read);
            }
            round += 1;
        }
    }

    fn note(&mut self, subject: usize, rung: Rung, ns: f64) {
        self.samples.entry((self.subjects[subject].name, rung)).or_default().push(ns);
    }

    fn one(&self, subject: usize, ops: u64) -> f64 {
        self.workers[0].give(Job { subject, ops, meeting: None });
        self.workers[0].wait()
    }

    fn two(&self, subject: usize, ops: u64) -> f64 {
        let meeting = std::sync::Arc::new(Meeting::default());
        for worker in &self.workers {
            worker.give(Job { subject, ops, meeting: Some(meeting.clone()) });
        }
        self.workers.iter().map(Worker::wait).fold(0.0, f64::max)
    }

    fn read(&self, subject: usize) -> f64 {
        let periods = PERIOD.as_secs_f64() / ROUND.as_secs_f64();
        let ops = (self.ops[subject] as f64 * periods) as u64;
        self.reader.while_reading(|| self.one(subject, ops))
    }
}

/// A batch of operations for a worker.
struct Job {
    subject: usize,
    ops: u64,
    meeting: Option<std::sync::Arc<Meeting>>,
}

/// A thread on its own core that runs batches.
struct Worker<'scope> {
    jobs: Sender<Job>,
    done: Receiver<f64>,
    _thread: ScopedJoinHandle<'scope, ()>,
}

impl<'scope> Worker<'scope> {
    fn start(
        scope: &'scope Scope<'scope, '_>,
        cpu: Option<usize>,
        subjects: &'scope [Subject],
    ) -> Self {
        let (jobs, inbox) = channel();
        let (outbox, done) = channel();
        let _thread = scope.spawn(move || work(cpu, subjects, inbox, outbox));
        Worker { jobs, done, _thread }
    }

    fn give(&self, job: Job) {
        self.jobs.send(job).expect("a worker lives as long as its ladder");
    }

    /// Nanoseconds per operation of the batch given last.
    fn wait(&self) -> f64 {
        self.done.recv().expect("a worker answers every job")
    }
}

fn work(cpu: Option<usize>, subjects: &[Subject], jobs: Receiver<Job>, done: Sender<f64>) {
    pin::this_thread_to(cpu);
    let mut loops: Vec<Loop> = subjects.iter().map(|subject| (subject.make)()).collect();
    for job in jobs {
        let run = &mut loops[job.subject];
        run(job.ops / 16 + 8); // wakes the core, its caches and predictors
        if let Some(meeting) = &job.meeting {
            meeting.meet();
        }
        let start = Instant::now();
        run(job.ops);
        let ns = start.elapsed().as_nanos() as f64 / job.ops as f64;
        if done.send(ns).is_err() {
            return;
        }
    }
}

/// Where two threads wait for one another without sleeping.
#[derive(Default)]
struct Meeting(AtomicUsize);

impl Meeting {
    fn meet(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
        while self.0.load(Ordering::Acquire) < 2 {
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn every_subject_climbs_and_the_first_is_read() {
        let subjects = ["a", "b"]
            .map(|name| Subject::new(name, || |ops| (0..ops).for_each(|n| _ = black_box(n))));
        let climb = climb(&subjects, || (), Duration::ZERO);
        for subject in ["a", "b"] {
            assert_eq!(climb.ns(subject, Rung::One).len(), FEWEST_ROUNDS);
            assert_eq!(climb.ns(subject, Rung::Two).len(), FEWEST_ROUNDS);
        }
        assert!(climb.ns("a", Rung::Read).len() > 0);
        assert_eq!(climb.ns("b", Rung::Read).len(), 0);
        assert!(climb.flatness("a", "b").median() > 0.0);
    }
}
