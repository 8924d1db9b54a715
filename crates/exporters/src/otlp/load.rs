//! Spans out of a tracer, a request at a time.

use bytes::Bytes;
use perf_monitor_tracing::{DistributedTracer, Drained};

use super::options::OtlpOptions;
use super::spans::SpanEncoder;

/// Collects what the next request is to have.
#[derive(Debug)]
pub(crate) struct Loader {
    tracer: DistributedTracer,
    encoder: SpanEncoder,
    drained: Vec<Drained>,
    spans_per_request: usize,
    request_bytes: usize,
    /// Nothing more fits, or nothing more was there although it was said to be.
    full: bool,
}

/// A request, with what is in it. Dropped, its spans go back to the tracer.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) message: Bytes,
    pub(crate) spans: u64,
    pub(crate) drained: Vec<Drained>,
}

impl Loader {
    pub(crate) fn new(tracer: &DistributedTracer, options: &OtlpOptions) -> Loader {
        Loader {
            tracer: tracer.clone(),
            encoder: SpanEncoder::new(&options.resource),
            drained: Vec::new(),
            spans_per_request: options.spans_per_request,
            request_bytes: options.request_bytes,
            full: false,
        }
    }

    /// Adds what waits and fits.
    pub(crate) fn fill(&mut self) {
        let Loader { tracer, encoder, full, spans_per_request, request_bytes, .. } = self;
        let added = tracer.drain_each(|trace| {
            let mark = encoder.mark();
            let first = encoder.spans() == 0;
            encoder.add(trace);
            *full = encoder.spans() > *spans_per_request || encoder.len() > *request_bytes;
            let fits = first || !*full;
            if !fits {
                encoder.back_to(mark);
            }
            fits
        });
        match added.is_empty() {
            true => self.full = true,
            false => self.drained.push(added),
        }
    }

    /// Whether it is of no use to add more.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// The request of what was added, if there is any.
    pub(crate) fn take(&mut self) -> Option<Load> {
        self.full = false;
        let spans = self.encoder.spans() as u64;
        let drained = std::mem::take(&mut self.drained);
        (spans > 0).then(|| Load { message: self.encoder.finish(), spans, drained })
    }

    /// Whether anything was added.
    pub(crate) fn has_some(&self) -> bool {
        self.encoder.spans() > 0
    }

    /// Gives back what was added.
    pub(crate) fn give_back(&mut self) {
        self.full = false;
        self.drained.clear();
        self.encoder.clear();
    }
}

impl Load {
    /// It arrived, or was refused for good.
    pub(crate) fn done(self) {
        self.drained.into_iter().for_each(Drained::sent);
    }
}
