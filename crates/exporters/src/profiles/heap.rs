//! `/debug/pprof/heap` and `/debug/pprof/allocs`.

use std::sync::Arc;

use http::{Method, StatusCode};
use perf_monitor_http::{BoxFuture, Handler, Request, Response};
use perf_monitor_profiling::{Report, Scale};
use tokio::time::sleep;

use super::blocking::blocking;
use super::output::{Profile, refusal};
use super::query::HeapQuery;
use super::source::{HeapKind, HeapSource};

pub(super) struct HeapHandler {
    source: Arc<dyn HeapSource>,
    kind: HeapKind,
}

impl HeapHandler {
    pub(super) fn new(source: Arc<dyn HeapSource>, kind: HeapKind) -> HeapHandler {
        HeapHandler { source, kind }
    }

    async fn profile(&self, request: Request) -> Result<Response, Response> {
        let query = HeapQuery::of(&request);
        let query = query.map_err(|why| refusal(StatusCode::BAD_REQUEST, &why))?;
        let file = match self.kind {
            HeapKind::InUse => "attachment; filename=\"heap.pb.gz\"",
            HeapKind::Allocated => "attachment; filename=\"allocs.pb.gz\"",
        };
        if request.method() == Method::HEAD {
            return Ok(query.format.answer(Vec::new(), file));
        }
        let profile = match query.during {
            None => Profile::Whole(self.report(&query).await?),
            Some(length) => {
                let before = self.report(&query).await?;
                sleep(length).await;
                let mut after = self.report(&query).await?;
                after.duration = length;
                Profile::Change(after.diff(&before, Scale::AsMeasured))
            }
        };
        let format = query.format;
        Ok(format.answer(blocking(move || Ok(format.write(&profile))).await?, file))
    }

    async fn report(&self, query: &HeapQuery) -> Result<Report, Response> {
        let (source, kind, filter) = (Arc::clone(&self.source), self.kind, query.filter.clone());
        blocking(move || Ok(source.report(kind)?.filtered(&filter))).await
    }
}

impl Handler for HeapHandler {
    fn handle(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(async { self.profile(request).await.unwrap_or_else(|refusal| refusal) })
    }
}
