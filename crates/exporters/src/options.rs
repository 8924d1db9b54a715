//! What an exporter adds to the registry's own metrics.

use std::sync::Arc;

use perf_monitor_core::Registry;

use crate::edges::Edges;
use crate::error::Error;
use crate::format::Format;
use crate::label::{Label, check_const_label};
use crate::scrape::{Encode, Scrape};
use crate::stats::ExporterStats;
use crate::text::TextEncoder;

/// How a registry is exported: buckets, constant labels, the service's name.
///
/// ```
/// use perf_monitor_exporters::{Edges, ExporterOptions};
///
/// let options = ExporterOptions::default()
///     .service("checkout")
///     .version("1.4.2")
///     .host("web-1")
///     .label_host(true)
///     .const_label("region", "eu")?
///     .edges(Edges::default().seconds(&[0.01, 0.1, 1.0])?);
/// # Ok::<(), perf_monitor_exporters::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExporterOptions {
    edges: Edges,
    created: bool,
    service: Option<Box<str>>,
    version: Option<Box<str>>,
    host: Option<Box<str>>,
    label_host: bool,
    const_labels: Vec<Label>,
    #[cfg(feature = "prometheus")]
    also: Vec<prometheus::Registry>,
}

impl Default for ExporterOptions {
    fn default() -> ExporterOptions {
        ExporterOptions {
            edges: Edges::default(),
            created: true,
            service: None,
            version: None,
            host: None,
            label_host: false,
            const_labels: Vec::new(),
            #[cfg(feature = "prometheus")]
            also: Vec::new(),
        }
    }
}

impl ExporterOptions {
    /// Where the buckets of histograms end.
    pub fn edges(mut self, edges: Edges) -> ExporterOptions {
        self.edges = edges;
        self
    }

    /// Whether OpenMetrics has `_created` samples, one more series for each counter and histogram: yes by default.
    pub fn created(mut self, created: bool) -> ExporterOptions {
        self.created = created;
        self
    }

    /// The service's name, as `service_name` of `target_info`.
    ///
    /// `target_info` is written when a service, a version or a host is given, and the registry has no family of that
    /// name.
    pub fn service(mut self, name: impl Into<Box<str>>) -> ExporterOptions {
        self.service = Some(name.into());
        self
    }

    /// The service's version, as `service_version` of `target_info`.
    pub fn version(mut self, version: impl Into<Box<str>>) -> ExporterOptions {
        self.version = Some(version.into());
        self
    }

    /// The host's name, as `host_name` of `target_info`.
    pub fn host(mut self, name: impl Into<Box<str>>) -> ExporterOptions {
        self.host = Some(name.into());
        self
    }

    /// Whether each series has a label `host` too: no by default, because Prometheus adds `instance` by itself.
    pub fn label_host(mut self, label: bool) -> ExporterOptions {
        self.label_host = label;
        self
    }

    /// A label for every series; where a family has a label of the same name, its own stays.
    ///
    /// # Errors
    /// See [`TextEncoder::with_const_labels`].
    pub fn const_label(
        mut self,
        name: impl Into<Box<str>>,
        value: impl Into<Box<str>>,
    ) -> Result<ExporterOptions, Error> {
        let name = name.into();
        check_const_label(&name, &self.const_labels)?;
        self.const_labels.push((name, value.into()));
        Ok(self)
    }

    /// Exports what this registry gathers too, behind our own families.
    ///
    /// A family whose name is taken is left out and counted; the text format has a comment in its place. That crate
    /// gathers all at once, so its families are in memory while they are written.
    #[cfg(feature = "prometheus")]
    pub fn also(mut self, registry: prometheus::Registry) -> ExporterOptions {
        self.also.push(registry);
        self
    }

    /// The encoder of these options.
    pub fn encoder(&self, format: Format) -> TextEncoder {
        let mut labels = self.const_labels.clone();
        if let (true, Some(host)) = (self.label_host, &self.host)
            && !labels.iter().any(|(name, _)| &**name == "host")
        {
            labels.insert(0, ("host".into(), host.clone()));
        }
        TextEncoder::new(format)
            .with_edges(self.edges.clone())
            .with_created(self.created)
            .with_checked_labels(labels)
            .with_target(self.target())
    }

    fn target(&self) -> Vec<(&'static str, Box<str>)> {
        let all = [
            ("service_name", &self.service),
            ("service_version", &self.version),
            ("host_name", &self.host),
        ];
        let given = all.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        given.collect()
    }

    pub(crate) fn scrape(
        &self,
        registry: &Registry,
        format: Format,
        stats: &Arc<ExporterStats>,
    ) -> Scrape {
        Scrape::with(registry, self.encode(format, stats))
    }

    #[cfg(feature = "prometheus")]
    fn encode(&self, format: Format, stats: &Arc<ExporterStats>) -> Box<dyn Encode> {
        match self.also.is_empty() {
            true => Box::new(self.encoder(format)),
            false => {
                let (encoder, also) = (self.encoder(format), self.also.clone());
                Box::new(crate::bridge::Gathered::new(encoder, also, Arc::clone(stats)))
            }
        }
    }

    #[cfg(not(feature = "prometheus"))]
    fn encode(&self, format: Format, _: &Arc<ExporterStats>) -> Box<dyn Encode> {
        Box::new(self.encoder(format))
    }
}
