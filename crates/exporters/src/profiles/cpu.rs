//! `/debug/pprof/profile`.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use perf_monitor_http::{BoxFuture, Handler, Request, Response};
use perf_monitor_profiling::{Error, Report};

use super::blocking::blocking;
use super::output::{Profile, refusal};
use super::query::CpuQuery;
use super::source::{CpuProfile, CpuSource};
use super::turn::{Turn, Turns};

pub(super) struct CpuHandler {
    source: Arc<dyn CpuSource>,
    turns: Turns,
}

/// A profile and its turn, which ends after it.
struct Taking {
    profile: Box<dyn CpuProfile>,
    turn: Turn,
}

impl CpuHandler {
    pub(super) fn new(source: impl CpuSource) -> CpuHandler {
        CpuHandler { source: Arc::new(source), turns: Turns::new() }
    }

    async fn profile(&self, request: Request) -> Result<Response, Response> {
        let query = CpuQuery::of(&request);
        let query = query.map_err(|why| refusal(StatusCode::BAD_REQUEST, &why))?;
        if request.method() == Method::HEAD {
            return Ok(query.format.answer(Vec::new(), FILE));
        }
        if let Some(ago) = query.ago {
            return self.past(ago, query).await;
        }
        let taking = self.begin(&query).await?;
        let cut = taking.turn.over().await;
        let bytes = blocking(move || {
            let mut report = taking.end()?;
            if let Some(after) = cut {
                report.notes.push(cut_short(after, query.duration));
            }
            Ok(query.format.write(&Profile::Whole(report.filtered(&query.filter))))
        });
        Ok(query.format.answer(bytes.await?, FILE))
    }

    /// Of a time that began `ago`: nobody has to wait for it, nor to take a turn.
    async fn past(&self, ago: Duration, query: CpuQuery) -> Result<Response, Response> {
        let source = Arc::clone(&self.source);
        let range = ago..ago.saturating_sub(query.duration);
        let format = query.format;
        let bytes = blocking(move || {
            let report = source.past(range)?;
            Ok(report.map(|report| format.write(&Profile::Whole(report.filtered(&query.filter)))))
        });
        match bytes.await? {
            Some(bytes) => Ok(format.answer(bytes, FILE)),
            None => Err(refusal(StatusCode::NOT_FOUND, "nothing is kept of that time")),
        }
    }

    async fn begin(&self, query: &CpuQuery) -> Result<Taking, Response> {
        let turn = self.turns.take(query.duration, query.force).await.map_err(busy)?;
        let (source, hz, force) = (Arc::clone(&self.source), query.hz, query.force);
        let start = move || if force { source.start_by_force(hz) } else { source.start(hz) };
        blocking(move || Ok(Taking { profile: start()?, turn })).await
    }
}

impl Taking {
    fn end(self) -> Result<Report, Error> {
        let Taking { profile, turn } = self;
        let report = profile.stop();
        drop(turn);
        report
    }
}

impl Handler for CpuHandler {
    fn handle(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async { self.profile(request).await.unwrap_or_else(|refusal| refusal) })
    }
}

const FILE: &str = "attachment; filename=\"cpu.pb.gz\"";

fn busy(left: Duration) -> Response {
    let left = left.as_secs_f64();
    let sentence = format!(
        "a CPU profile is being taken, for {left:.0} s more: wait, or end it with force=1, upon which it answers what it has"
    );
    refusal(StatusCode::CONFLICT, &sentence)
}

fn cut_short(after: Duration, wanted: Duration) -> String {
    let (after, wanted) = (after.as_secs_f64(), wanted.as_secs());
    format!("ended after {after:.1} of {wanted} s by another request with force=1")
}
