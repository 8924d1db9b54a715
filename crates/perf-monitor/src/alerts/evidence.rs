//! CPU profiles of what an alert was about.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use http::StatusCode;
use perf_monitor_alerting::Capture;
use perf_monitor_core::Clock;
use perf_monitor_http::{Request, Response, answer};
use perf_monitor_profiling::{CallTree, Error as ProfilingError, Names, Report};
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

/// Profiles that are kept, the newest, and bytes of each: four of them beside the memory budget.
const MOST: usize = 4;
const BYTES: usize = 64 * 1024;

/// Takes a profile for an alert that asks for one, and keeps it with the alert's fingerprint.
#[derive(Clone)]
pub(super) struct Evidence {
    profiler: Profiler,
    kept: Arc<Mutex<Kept>>,
    failures: Failures,
    marks: Marks,
    clock: Clock,
}

struct Kept {
    profiles: VecDeque<Profile>,
    bytes: GaugeShare,
}

struct Profile {
    capture: Capture,
    unix_ms: u64,
    /// A line for each stack.
    collapsed: Arc<str>,
}

/// Adds `/api/alerts/profiles`, a list, and `/api/alerts/profiles/FINGERPRINT`, lines of stacks.
pub(super) fn join(context: &mut Context, profiler: &Profiler) -> Result<Evidence, Error> {
    let kept = Kept { profiles: VecDeque::new(), bytes: context.own.ledger("alert profiles")? };
    let evidence = Evidence {
        profiler: profiler.clone(),
        kept: Arc::new(Mutex::new(kept)),
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
    /// time, it is of what led to the alerts, else of what comes after. While another is being taken there is
    /// none, which is counted.
    pub(super) fn take(&self, captures: Vec<Capture>) {
        if captures.is_empty() {
            return;
        }
        let evidence = self.clone();
        tokio::spawn(async move {
            match evidence.report().await {
                Some(collapsed) => evidence.keep(captures, &collapsed.into()),
                None => evidence.failures.count("profiler"),
            }
        });
    }

    async fn report(&self) -> Option<String> {
        let profiler = self.profiler.clone();
        if self.profiler.is_continuous() {
            return spawn_blocking(move || {
                profiler.past(LENGTH..Duration::ZERO).map(|r| written(&r))
            })
            .await
            .ok()?;
        }
        let begun = spawn_blocking(move || {
            let mut cpu = profiler.cpu();
            cpu.start(HZ)?;
            Ok::<_, ProfilingError>(cpu)
        });
        let mut cpu = begun.await.ok()?.ok()?;
        sleep(LENGTH).await;
        let ended = spawn_blocking(move || cpu.stop().map(|report| written(&report)));
        ended.await.ok()?.ok()
    }

    fn keep(&self, captures: Vec<Capture>, collapsed: &Arc<str>) {
        let unix_ms = self.clock.unix_ns() / 1_000_000;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
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
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let profiles: Vec<String> = kept.profiles.iter().map(Profile::line).collect();
        let text = format!("{{\"profiles\":[{}]}}\n", profiles.join(","));
        answer(StatusCode::OK, "application/json", text)
    }

    fn show(&self, path: &str) -> Response {
        let wanted = path.rsplit('/').next().unwrap_or_default();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
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
