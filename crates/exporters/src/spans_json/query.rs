//! What of a tracer is asked for.

use perf_monitor_http::Request;
use perf_monitor_tracing::{FinishedTrace, TraceId};

use crate::parameter::parameter;

/// Traces of an answer, or open spans, when nobody says how many.
const USUAL: usize = 50;

/// As many as one answer has.
const MOST: usize = 200;

/// Which spans, and how many of them.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) state: State,
    pub(super) name: Option<String>,
    pub(super) trace: Option<TraceId>,
    pub(super) limit: usize,
}

/// What became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Recent,
    Slow,
    Failed,
}

impl State {
    const ALL: [State; 4] = [State::Open, State::Recent, State::Slow, State::Failed];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Recent => "recent",
            State::Slow => "slow",
            State::Failed => "failed",
        }
    }

    fn named(name: &str) -> Result<State, String> {
        let state = State::ALL.into_iter().find(|state| state.as_str() == name);
        state.ok_or_else(|| format!("state {name:?}: use open, recent, slow or failed"))
    }
}

impl Query {
    /// What the query of `request` says, or why it says nothing.
    pub(super) fn of(request: &Request) -> Result<Query, String> {
        let value = |name| parameter(request, name);
        Ok(Query {
            state: value("state")?.map_or(Ok(State::Recent), |text| State::named(&text))?,
            name: value("name")?,
            trace: value("trace")?.map(|text| trace(&text)).transpose()?,
            limit: value("limit")?.map_or(Ok(USUAL), |text| limit(&text))?,
        })
    }

    /// Whether it leaves out some of a state.
    pub(super) fn is_narrow(&self) -> bool {
        self.name.is_some() || self.trace.is_some()
    }

    pub(super) fn fits(&self, trace: &FinishedTrace) -> bool {
        self.fits_trace(trace.trace_id) && trace.spans.iter().any(|span| self.fits_name(&span.name))
    }

    pub(super) fn fits_trace(&self, id: TraceId) -> bool {
        self.trace.is_none_or(|wanted| wanted == id)
    }

    pub(super) fn fits_name(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|wanted| wanted == name)
    }
}

fn trace(text: &str) -> Result<TraceId, String> {
    let id = text.to_ascii_lowercase().parse();
    id.map_err(|_| format!("trace {text:?}: give 32 hexadecimal digits that are not all zero"))
}

fn limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| format!("limit {text:?}: give a number from 1 to {MOST}"))
}
