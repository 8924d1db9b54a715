//! A monitor's profiles are served, named and bounded as it says.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod support;

use std::fs;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use perf_monitor::PerformanceMonitor;
use perf_monitor::profiling::{CallTree, Error, Filter, Names, Report};
use perf_monitor::tracing::DistributedTracer;
use serde_json::Value;
use support::{Answer, PATIENCE, builder, connect, get, scraped, turn, wait_for};

/// Some milliseconds of work that calls nothing of others.
#[inline(never)]
fn burns_in_a_span() {
    (0..200_000_u64).for_each(|n| _ = black_box(n));
}

#[inline(never)]
fn burns_outside() {
    (0..200_000_u64).for_each(|n| _ = black_box(n));
}

/// Two threads that burn CPU time until this is dropped: `in-span` in spans called `GET /burn`, `outside` in none.
struct Burners {
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Burners {
    fn start(tracer: &DistributedTracer) -> Burners {
        let end = Arc::new(AtomicBool::new(false));
        let tracer = tracer.clone();
        let spawn = |name: &str, work: Box<dyn Fn() + Send>| {
            let ended = end.clone();
            let working = move || {
                while !ended.load(Relaxed) {
                    work();
                }
            };
            thread::Builder::new().name(name.into()).spawn(working).unwrap()
        };
        let in_span = move || {
            let _span = tracer.root("GET /burn");
            burns_in_a_span();
        };
        let threads =
            vec![spawn("in-span", Box::new(in_span)), spawn("outside", Box::new(burns_outside))];
        Burners { end, threads }
    }
}

impl Drop for Burners {
    fn drop(&mut self) {
        self.end.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

const PROFILE: &str = "/debug/pprof/profile";

/// The answer, which must be a profile; as lines unless `query` says otherwise.
fn profile(monitor: &PerformanceMonitor, query: &str) -> Answer {
    let lines = if query.contains("format=") { "" } else { "&format=collapsed" };
    let answer = get(monitor, &format!("{PROFILE}?{query}{lines}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer
}

/// The profile of a second in which `function` was seen; on a busy machine that may not be the first.
fn profile_with(monitor: &PerformanceMonitor, function: &str, query: &str) -> Answer {
    let taken = || profile(monitor, &format!("seconds=1&hz=250&{query}"));
    let mut taken = (0..20).map(|_| taken());
    taken.find(|answer| answer.body.contains(function)).expect(function)
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

/// The names in a list of names or of pairs that begin with one.
fn names(list: &Value) -> Vec<&str> {
    let name = |item: &'_ Value| item.as_str().is_some();
    let items = list.as_array().unwrap().iter();
    items.map(|item| if name(item) { item } else { &item[0] }).filter_map(Value::as_str).collect()
}

fn has(list: &Value, ending: &str) -> bool {
    names(list).iter().any(|name| name.ends_with(ending))
}

/// Begins a profile of five minutes whose answer nobody has read yet, once the sampler runs.
fn begin_a_long_one(monitor: &PerformanceMonitor) -> TcpStream {
    let address = monitor.address().unwrap();
    let mut stream = connect(address);
    let path = format!("{PROFILE}?seconds=300&format=json");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    until(|| is_there("perf-sampler"));
    stream
}

/// Whether a thread of this process is called so; the kernel keeps 15 letters.
fn is_there(name: &str) -> bool {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let mut names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.any(|comm| comm.trim_end() == name)
}

fn until(met: impl Fn() -> bool) {
    let begun = Instant::now();
    while !met() {
        assert!(begun.elapsed() < PATIENCE);
        thread::yield_now();
    }
}

#[test]
fn the_index_links_to_every_profile() {
    let monitor = builder().start().unwrap();
    let index = get(&monitor, "/debug/pprof/");
    assert_eq!(index.status, 200);
    assert!(index.head.contains("text/html"), "{}", index.head);
    for link in ["profile?", "heap", "allocs", "cmdline"] {
        assert!(index.body.contains(&format!("href=\"{link}")), "{link}");
    }
    let cmdline = get(&monitor, "/debug/pprof/cmdline");
    assert!(cmdline.body.contains("profiling"), "{}", cmdline.body);
}

#[test]
fn what_burns_is_in_every_format_with_its_thread_and_its_span() {
    let _turn = turn();
    let monitor = builder().start().unwrap();
    let _burners = Burners::start(monitor.tracer());
    let tree = json(&profile_with(&monitor, "::burns_in_a_span", "format=json"));
    assert_eq!((&tree["value"], &tree["unit"]), (&"cpu".into(), &"nanoseconds".into()));
    assert!(has(&tree["functions"], "::burns_in_a_span"), "{tree}");
    assert!(has(&tree["threads"], "in-span"), "{tree}");
    assert_eq!(names(&tree["spans"]), ["GET /burn"]);
    let drawn = profile_with(&monitor, "::burns_in_a_span", "format=svg");
    assert!(drawn.head.contains("content-type: image/svg+xml"), "{}", drawn.head);
    assert!(drawn.body.contains("<svg"));
    let lines = profile_with(&monitor, "::burns_in_a_span", "format=collapsed");
    let line = lines.body.lines().find(|line| line.contains("::burns_in_a_span")).unwrap();
    assert!(line.rsplit(' ').next().unwrap().parse::<u64>().unwrap() > 0, "{line}");
    let mut taken = (0..20).map(|_| pprof(&monitor, "seconds=1&hz=250"));
    let texts = taken.find(|texts| texts.contains("::burns_in_a_span")).expect("the function");
    for text in ["in-span", "GET /burn", "span_name", "nanoseconds"] {
        assert!(texts.contains(text), "{text}");
    }
}

/// The texts of a profile for pprof, with what stands between them.
fn pprof(monitor: &PerformanceMonitor, query: &str) -> String {
    let address = monitor.address().unwrap();
    let mut stream = connect(address);
    write!(stream, "GET {PROFILE}?{query} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let gzip = answer.windows(3).position(|bytes| bytes == [0x1f, 0x8b, 8]).expect("gzip");
    let mut bytes = Vec::new();
    GzDecoder::new(&answer[gzip..]).read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_profile_can_be_of_one_span_or_of_one_thread() {
    let _turn = turn();
    let monitor = builder().start().unwrap();
    let _burners = Burners::start(monitor.tracer());
    let query = "format=json&span=GET+/burn";
    let of_span = json(&profile_with(&monitor, "::burns_in_a_span", query));
    assert_eq!(names(&of_span["threads"]), ["in-span"]);
    assert!(!has(&of_span["functions"], "::burns_outside"), "{of_span}");
    let of_thread = json(&profile_with(&monitor, "::burns_outside", "format=json&thread=outside"));
    assert_eq!(names(&of_thread["threads"]), ["outside"]);
    assert_eq!(of_thread["spans"], Value::Array(Vec::new()));
    let of_nobody = json(&profile(&monitor, "seconds=1&format=json&span=nobody"));
    assert_eq!(of_nobody["total"], 0);
}

#[test]
fn one_is_taken_at_a_time_and_force_ends_it() {
    let _turn = turn();
    let monitor = builder().start().unwrap();
    let mut long = begin_a_long_one(&monitor);
    let refused = get(&monitor, &format!("{PROFILE}?seconds=1"));
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(
        refused.body.contains("s more") && refused.body.contains("force=1"),
        "{}",
        refused.body
    );
    let error = monitor.profiler().cpu().start(99).unwrap_err();
    assert!(matches!(error, Error::AlreadyStarted), "{error}");
    profile(&monitor, "seconds=1&force=1");
    let mut answer = String::new();
    long.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("of 300 s by another request with force=1"), "{answer}");
}

#[test]
fn a_profile_that_the_program_takes_is_ended_by_force_alone_and_has_what_it_saw() {
    let _turn = turn();
    let monitor = builder().start().unwrap();
    let burners = Burners::start(monitor.tracer());
    let mut own = monitor.profiler().cpu();
    own.start(250).unwrap();
    let refused = get(&monitor, &format!("{PROFILE}?seconds=1"));
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("the program itself"), "{}", refused.body);
    until(|| own.report().unwrap().total(0) > 20);
    let forced = json(&profile(&monitor, "seconds=1&force=1&format=json"));
    drop(burners);
    let told = |report: &Report| report.notes.iter().any(|note| note.contains("by force"));
    assert!(told(&own.report().unwrap()), "{:?}", own.report().unwrap().notes);
    let report = own.stop().unwrap();
    assert!(told(&report) && report.total(0) > 20, "{:?}", report.notes);
    assert!(!forced["notes"].to_string().contains("by force"), "{forced}");
    profile(&monitor, "seconds=1");
}

#[test]
fn a_client_that_leaves_ends_its_profile() {
    let _turn = turn();
    let monitor = builder().start().unwrap();
    drop(begin_a_long_one(&monitor));
    until(|| !is_there("perf-sampler"));
    profile(&monitor, "seconds=1");
}

#[test]
fn what_was_hot_before_can_be_asked_for_where_it_is_sampled_all_the_time() {
    let _turn = turn();
    let monitor = builder().profile_continuously(19).start().unwrap();
    assert!(monitor.profiler().is_continuous());
    let too_early = get(&monitor, &format!("{PROFILE}?ago=300&seconds=1"));
    assert_eq!((too_early.status, &*too_early.body), (404, "nothing is kept of that time\n"));
    let burners = Burners::start(monitor.tracer());
    let hour = Duration::from_secs(3_600);
    let seen = |thread| {
        let only = Filter { thread: Some(String::from(thread)), ..Filter::default() };
        let past = monitor.profiler().past(hour..Duration::ZERO);
        past.map_or(0, |report| report.filtered(&only).total(0))
    };
    until(|| seen("in-span") >= 5 && seen("outside") >= 5);
    drop(burners);
    let past = json(&profile(&monitor, "ago=60&seconds=60&format=json"));
    assert!(has(&past["functions"], "::burns_in_a_span"), "{past}");
    assert!(has(&past["threads"], "outside"), "{past}");
    assert_eq!(names(&past["spans"]), ["GET /burn"]);
    let of_span = json(&profile(&monitor, "ago=60&seconds=60&format=json&span=GET+/burn"));
    assert_eq!(names(&of_span["threads"]), ["in-span"]);
    // beside it one is taken on demand
    profile(&monitor, "seconds=1");
}

#[test]
fn what_was_before_is_not_known_where_it_is_not() {
    let monitor = builder().start().unwrap();
    assert!(!monitor.profiler().is_continuous());
    let refused = get(&monitor, &format!("{PROFILE}?ago=60"));
    assert_eq!(refused.status, 501, "{}", refused.body);
    assert!(refused.body.contains("profile_continuously(19)"), "{}", refused.body);
    let metrics = get(&monitor, "/metrics").body;
    assert!(!metrics.contains("perf_monitor_profiler"), "{metrics}");
}

#[test]
fn sampling_all_the_time_tells_what_it_costs() {
    let _turn = turn();
    let monitor = builder().profile_continuously(19).start().unwrap();
    let _burners = Burners::start(monitor.tracer());
    let name = |name| format!("perf_monitor_profiler_{name}");
    wait_for(&monitor, &name("samples_total"), |samples| samples > 0.0);
    assert_eq!(scraped(&monitor, &name("rate_hertz")), 19.0);
    assert_eq!(scraped(&monitor, &name("lost_samples_total")), 0.0);
    assert!(scraped(&monitor, &name("cpu_seconds_total")) > 0.0);
    let bytes = scraped(&monitor, "perf_monitor_memory_bytes{subsystem=\"profiler\"}");
    assert!((1.0..=256_000.0).contains(&bytes), "{bytes}");
    let stats = monitor.profiler().cpu_stats().unwrap();
    assert!(stats.samples > 0 && stats.threads > 2, "{stats:?}");
}

#[test]
fn a_rate_that_cannot_be_is_an_error_of_the_start() {
    for rate in [0, -1, 1_001] {
        let error = builder().profile_continuously(rate).start().unwrap_err();
        assert!(error.is_options() && error.to_string().contains("1 to 1000"), "{error}");
    }
}

#[test]
fn what_cannot_be_asked_for_is_refused_with_the_choices() {
    let monitor = builder().start().unwrap();
    for (query, choices) in [
        ("profile?seconds=0", "1 to 300"),
        ("profile?seconds=301", "1 to 300"),
        ("profile?ago=x", "1 to 300"),
        ("profile?hz=1001", "1 to 1000"),
        ("profile?format=pdf", "pb, svg, collapsed or json"),
        ("profile?trace=1", "32 hexadecimal digits"),
        ("heap?seconds=301", "1 to 300"),
        ("allocs?format=xml", "pb, svg, collapsed or json"),
    ] {
        let refused = get(&monitor, &format!("/debug/pprof/{query}"));
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.body.contains(choices), "{query}: {}", refused.body);
    }
}

#[test]
fn memory_is_not_told_where_the_allocator_cannot_and_the_remedy_is_said() {
    let monitor = builder().start().unwrap();
    for path in ["heap", "heap?debug=1", "allocs"] {
        let refused = get(&monitor, &format!("/debug/pprof/{path}"));
        assert_eq!(refused.status, 501, "{path}: {}", refused.body);
        assert!(
            refused.body.contains("make `TrackedAlloc` its global allocator"),
            "{}",
            refused.body
        );
    }
    assert!(!get(&monitor, "/metrics").body.contains("process_heap_"));
}

#[test]
fn names_are_looked_up_by_the_worker_and_ticks_go_on_meanwhile() {
    let _turn = turn();
    let monitor = builder().profile_continuously(19).start().unwrap();
    let burners = Burners::start(monitor.tracer());
    wait_for(&monitor, "perf_monitor_profiler_samples_total", |samples| samples >= 10.0);
    drop(burners);
    let ticks = scraped(&monitor, "perf_monitor_tick_seconds_count");
    let mut profiler = monitor.profiler().cpu();
    profiler.start(250).unwrap();
    let seen = |thread: &str| {
        let only = Filter { thread: Some(thread.into()), ..Filter::default() };
        profiler.report().unwrap().filtered(&only)
    };
    while seen("perf-monitor-wo").total(0) < 10 {
        profile(&monitor, "ago=60&seconds=60&format=json");
    }
    wait_for(&monitor, "perf_monitor_tick_seconds_count", |now| now > ticks);
    let looks_names_up = |thread: &str| {
        let report = seen(thread);
        CallTree::of(&report, &Names::of(&report)).to_collapsed().contains("symbols::")
    };
    assert!(looks_names_up("perf-monitor-wo") && !looks_names_up("perf-monitor"));
}
