//! CPU profiles of what an alert was about.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use http::StatusCode;
use perf_monitor_alerting::{AlertManager, Capture};
use perf_monitor_core::Clock;
use perf_monitor_http::{Request, Response, answer};
use perf_monitor_profiling::{CallTree, CpuProfiler, Error as ProfilingError, Names, Report};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::builder::Context;
use crate::error::Error;
use crate::healthz::quoted;
use crate::own::Failures;
use crate::page::Marks;
use crate::profiler::Profiler;
use crate::share::GaugeShare;

/// What one profile covers.
const LENGTH: Duration = Duration::from_secs(10);

/// How often a second of CPU time is looked at.
const HZ: i32 = 99;

/// How often a profile is tried while another is being taken, and how far apart: two minutes in all.
const ATTEMPTS: u32 = 480;
const BETWEEN: Duration = Duration::from_millis(250);

/// Why nothing comes of work that is begun while the monitor ends.
const ENDING: &str = "the monitor is being stopped";

/// Profiles that are kept, the newest, and bytes of each: four of them beside the memory budget.
const MOST: usize = 4;
const BYTES: usize = 64 * 1024;

/// Takes a profile for an alert that asks for one, and keeps it with the alert's fingerprint.
#[derive(Clone)]
pub(super) struct Evidence {
    profiler: Profiler,
    kept: Arc<Mutex<Kept>>,
    manager: AlertManager,
    failures: Failures,
    marks: Marks,
    clock: Clock,
}

struct Kept {
    profiles: VecDeque<Profile>,
    bytes: GaugeShare,
    /// Alerts that came while a profile for others was being taken.
    waiting: Vec<Capture>,
    is_taking: bool,
}

struct Profile {
    capture: Capture,
    unix_ms: u64,
    /// A line for each stack.
    collapsed: Arc<str>,
}

/// Adds `/api/alerts/profiles`, a list, and `/api/alerts/profiles/FINGERPRINT`, lines of stacks.
pub(super) fn join(
    context: &mut Context,
    manager: &AlertManager,
    profiler: &Profiler,
) -> Result<Evidence, Error> {
    let kept = Kept {
        profiles: VecDeque::new(),
        bytes: context.own.ledger("alert profiles")?,
        waiting: Vec::new(),
        is_taking: false,
    };
    let evidence = Evidence {
        profiler: profiler.clone(),
        kept: Arc::new(Mutex::new(kept)),
        manager: manager.clone(),
        failures: context.own.failures.clone(),
        marks: context.page.marks(),
        clock: context.registry.clock().clone(),
    };
    let (all, one) = (evidence.clone(), evidence.clone());
    context.routes = std::mem::take(&mut context.routes)
        .get("/api/alerts/profiles", move |_: Request| std::future::ready(all.list()))
        .get("/api/alerts/profiles/*", move |request: Request| {
            std::future::ready(one.show(request.uri().path()))
        });
    Ok(evidence)
}

impl Evidence {
    /// Takes one profile for all of `captures`, beside the looks at rules. Where CPU time is sampled all the
    /// time, it is of what led to the alerts, else of what comes after: once a profile that somebody else takes has
    /// ended, for up to two minutes. That there is none is shown by the alert, and counted.
    pub(super) fn take(&self, captures: Vec<Capture>) {
        if captures.is_empty() {
            return;
        }
        let mut kept = self.kept();
        // No more than the manager remembers: it gives up the oldest.
        kept.waiting.extend(captures);
        if !std::mem::replace(&mut kept.is_taking, true) {
            tokio::spawn(self.clone().take_all());
        }
    }

    async fn take_all(self) {
        while let Some(captures) = self.next() {
            let collapsed = self.report().await;
            let outcome = collapsed.as_ref().map(|_| ()).map_err(Clone::clone);
            captures.iter().for_each(|capture| self.manager.captured(capture, outcome.clone()));
            match collapsed {
                Ok(collapsed) => self.keep(captures, &collapsed.into()),
                Err(_) => self.failures.count("profiler"),
            }
        }
    }

    /// Those that wait; `None` ends the taking.
    fn next(&self) -> Option<Vec<Capture>> {
        let mut kept = self.kept();
        let waiting = std::mem::take(&mut kept.waiting);
        kept.is_taking = !waiting.is_empty();
        kept.is_taking.then_some(waiting)
    }

    /// Stacks, or why there are none.
    async fn report(&self) -> Result<String, String> {
        let profiler = self.profiler.clone();
        if profiler.is_continuous() {
            let past = move || profiler.past(LENGTH..Duration::ZERO).map(|r| written(&r));
            let past = spawn_blocking(past).await.map_err(|_| ENDING)?;
            return past.ok_or_else(|| "no CPU time was sampled before it fired".into());
        }
        let mut cpu = self.begun().await?;
        sleep(LENGTH).await;
        let ended = spawn_blocking(move || cpu.stop().map(|report| written(&report)));
        ended.await.map_err(|_| ENDING)?.map_err(|error| error.to_string())
    }

    /// A profiler that has begun, once nobody else's runs.
    async fn begun(&self) -> Result<CpuProfiler, String> {
        for _ in 0..ATTEMPTS {
            let profiler = self.profiler.clone();
            let begun = spawn_blocking(move || {
                let mut cpu = profiler.cpu();
                cpu.start(HZ).map(|()| cpu)
            });
            match begun.await.map_err(|_| ENDING)? {
                Ok(cpu) => return Ok(cpu),
                Err(ProfilingError::AlreadyStarted) => sleep(BETWEEN).await,
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("another profile was being taken for {:?}", BETWEEN * ATTEMPTS))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, captures: Vec<Capture>, collapsed: &Arc<str>) {
        let unix_ms = self.clock.unix_ns() / 1_000_000;
        let mut kept = self.kept();
        for capture in captures {
            let at = UNIX_EPOCH + Duration::from_millis(unix_ms);
            self.marks.profile(at, format!("CPU profile of {}", capture.rule), "captured");
            kept.profiles.retain(|other| other.capture != capture);
            kept.profiles.push_back(Profile { capture, unix_ms, collapsed: collapsed.clone() });
        }
        let excess = kept.profiles.len().saturating_sub(MOST);
        kept.profiles.drain(..excess);
        let bytes = kept.profiles.iter().map(|profile| profile.collapsed.len() as u64).sum();
        kept.bytes.set(bytes);
    }

    fn list(&self) -> Response {
        let kept = self.kept();
        let profiles: Vec<String> = kept.profiles.iter().map(Profile::line).collect();
        let text = format!("{{\"profiles\":[{}]}}\n", profiles.join(","));
        answer(StatusCode::OK, "application/json", text)
    }

    fn show(&self, path: &str) -> Response {
        let wanted = path.rsplit('/').next().unwrap_or_default();
        let kept = self.kept();
        let mut newest = kept.profiles.iter().rev();
        match newest.find(|profile| profile.capture.fingerprint == wanted) {
            Some(profile) => answer(StatusCode::OK, TEXT, profile.collapsed.to_string()),
            None => answer(StatusCode::NOT_FOUND, TEXT, "no profile is kept of that alert\n"),
        }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

impl Profile {
    fn line(&self) -> String {
        let Profile { capture, unix_ms, collapsed } = self;
        let (rule, alert) = (quoted(&capture.rule), quoted(&capture.fingerprint));
        let bytes = collapsed.len();
        format!(
            "{{\"rule\":{rule},\"fingerprint\":{alert},\"unixMs\":{unix_ms},\"bytes\":{bytes}}}"
        )
    }
}

/// Lines of stacks, as many as there is room for. Looking names up may take a second.
fn written(report: &Report) -> String {
    let mut text = CallTree::of(report, &Names::of(report)).to_collapsed();
    if text.len() > BYTES {
        let end = text.as_bytes()[..BYTES].iter().rposition(|byte| *byte == b'\n');
        text.truncate(end.map_or(0, |end| end + 1));
    }
    text
}
