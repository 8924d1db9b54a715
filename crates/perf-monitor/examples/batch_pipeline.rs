//! Where does the time of a batch run go?
//!
//! `cargo run --example batch_pipeline [FILE]` moves a thousand messages through three stages, each on
//! a thread of its own. At the end it logs a summary, prints a report and writes the run as JSON into
//! `FILE`, to be compared with other runs. Nothing listens anywhere.

use std::collections::HashMap;
use std::env;
use std::hint::black_box;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use perf_monitor::export::{PerformanceReport, RunMetrics};
use perf_monitor::instruments::{
    Cache, MonitoringOptions, ResourceMonitor, ServiceMetrics, Stage, Start,
};
use perf_monitor::{Instant, Registry};

const BATCHES: u64 = 100;
const BATCH: u64 = 10;
const SENDERS: u64 = 25;

struct Message {
    sender: u64,
    peer: u64,
    text: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new();
    let service = ServiceMetrics::new(&registry, MonitoringOptions::default())?;
    let run = RunMetrics::new(&registry)?;
    let sampler = ResourceMonitor::new(service.resources());
    if sampler.start_blocking()? == Start::AlreadyRunning {
        eprintln!("the resources are sampled already");
    }

    let stage = |name| service.stages().stage(name);
    let (fetched, to_process) = sync_channel(4);
    let (processed, to_write) = sync_channel(4);
    let senders = Senders::new(service.caches().cache("sender_cache"));
    let (fetching, processing, writing) = (stage("fetch"), stage("process"), stage("write"));
    let fetcher = thread::spawn(move || fetch(&fetching, &fetched));
    let processor = thread::spawn(move || process(&processing, senders, &to_process, &processed));
    let peers = write(&writing, to_write);
    fetcher.join().expect("the fetcher ends");
    processor.join().expect("the processor ends");

    // a cache that counts by itself tells its totals at the end
    run.record_cache("input_peer_cache", peers.hits, peers.misses, 0, peers.bytes());
    sampler.stop_blocking();
    for line in run.summary() {
        println!("{line}");
    }
    println!("\n{}", PerformanceReport::of(&service, &registry).to_text());
    if let Some(path) = env::args_os().nth(1) {
        run.export_json(&path)?;
        println!("the run is in {}", path.display());
    }
    Ok(())
}

/// The guard of a stage records what it took when it goes out of scope.
fn fetch(stage: &Stage, out: &SyncSender<Vec<Message>>) {
    for batch in 0..BATCHES {
        let mut guard = stage.start();
        let messages: Vec<Message> = (0..BATCH).map(|n| download(batch * BATCH + n)).collect();
        if batch % 20 == 19 {
            guard.fail(); // it came, but only at the second try
        }
        drop(guard);
        if out.send(messages).is_err() {
            return;
        }
    }
}

fn download(n: u64) -> Message {
    Message { sender: n * n % SENDERS, peer: n % 7, text: format!("message {n}").repeat(1_000) }
}

fn process(
    stage: &Stage,
    mut senders: Senders,
    messages: &Receiver<Vec<Message>>,
    out: &SyncSender<Vec<Message>>,
) {
    for batch in messages {
        let begun = Instant::now();
        for message in &batch {
            black_box(senders.name(message.sender));
            black_box(message.text.to_uppercase());
        }
        stage.record(begun.elapsed(), false);
        if out.send(batch).is_err() {
            return;
        }
    }
}

fn write(stage: &Stage, messages: Receiver<Vec<Message>>) -> Peers {
    let mut peers = Peers::default();
    for batch in messages {
        let _guard = stage.start();
        for message in batch {
            black_box(peers.find(message.peer));
        }
    }
    peers
}

/// Names of senders, as many as fit; it tells each hit and miss as it comes.
struct Senders {
    names: HashMap<u64, String>,
    cache: Cache,
}

impl Senders {
    const MOST: usize = 8;

    fn new(cache: Cache) -> Senders {
        Senders { names: HashMap::new(), cache }
    }

    fn name(&mut self, sender: u64) -> String {
        if let Some(name) = self.names.get(&sender) {
            self.cache.hit();
            return name.clone();
        }
        self.cache.miss();
        if self.names.len() == Senders::MOST {
            self.names.clear();
            self.cache.evicted(Senders::MOST as u64);
        }
        let name = format!("sender {sender}");
        self.names.insert(sender, name.clone());
        self.cache.set_size(self.names.values().map(|name| name.len() as u64).sum());
        name
    }
}

/// Peers, with counts of its own, as caches of other libraries have them.
#[derive(Default)]
struct Peers {
    known: HashMap<u64, u64>,
    hits: u64,
    misses: u64,
}

impl Peers {
    fn find(&mut self, peer: u64) -> u64 {
        match self.known.get(&peer) {
            Some(_) => self.hits += 1,
            None => self.misses += 1,
        }
        *self.known.entry(peer).or_insert(peer * 1_000)
    }

    fn bytes(&self) -> u64 {
        (self.known.len() * size_of::<(u64, u64)>()) as u64
    }
}
