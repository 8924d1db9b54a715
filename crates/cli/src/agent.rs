//! The agent, from its settings to the signal that ends it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use perf_monitor::host::{HostOptions, NameFilter, unsupported};
use perf_monitor::profiling::ContinuousProfiler;
use perf_monitor::{PerformanceMonitor, PerformanceMonitorBuilder, TracerOptions};

use crate::alerts::{self, Told};
use crate::args::AgentArgs;
use crate::config::{Config, HostConfig};
use crate::demo::Demo;
use crate::error::{Error, Result};
use crate::signals::Stop;
use crate::{open, otlp};

const USUAL_TICK: Duration = Duration::from_secs(1);

/// Sampled traces a second of each route of the demo: at the usual ten its load would push everything out
/// of the tracer within seconds.
const DEMO_TRACES_PER_SECOND: f64 = 1.0;

/// Samples a second of CPU time, all the time.
const PROFILE_HZ: i32 = 19;

/// The port that a monitor takes if it can.
const USUAL_PORT: u16 = 9464;

/// Runs until a signal.
///
/// # Errors
/// The settings file, the address, or what the system refuses; each says what to do instead.
pub(crate) fn run(args: AgentArgs) -> Result<()> {
    let config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    // first, so that a signal during the start is not lost
    let stop = Stop::listen()
        .map_err(|e| Error::new(format!("cannot listen for signals: {e}")).because(e))?;
    let tick = args.tick.or(config.tick).unwrap_or(USUAL_TICK);
    let asked = args.listen.or(config.listen);
    let mut builder = builder(&args, &config, tick);
    let collector = otlp::options(&config.otlp)?;
    let sends = collector.is_some();
    if let Some(collector) = collector {
        builder = builder.otlp(collector);
    }
    let told = alerts::told(&args, &config.alerting)?;
    builder = told.choose(builder, args.demo);
    let monitor = builder.start().map_err(|e| Error::new(format!("{e}")).because(e))?;
    let demo = args.demo.then(|| Demo::start(&monitor, args.broken)).transpose()?;
    let mut text = greeting(&monitor, demo.as_ref(), &config, tick, sends, asked.is_none());
    text += &last_lines(&told);
    tell(&text);
    if args.open
        && let Err(why) = open::open(&format!("{}/", monitor.url().unwrap_or_default()))
    {
        eprintln!("perf-monitor: {why}");
    }
    stop.wait();
    drop(demo);
    monitor.stop();
    Ok(())
}

/// A monitor as the flags say, then the file, then the usual.
fn builder(args: &AgentArgs, config: &Config, tick: Duration) -> PerformanceMonitorBuilder {
    let usual = if args.demo { "demo" } else { "perf-monitor" };
    let service = config.service.as_deref().unwrap_or(usual);
    let mut builder = PerformanceMonitor::builder(service)
        .version(env!("CARGO_PKG_VERSION"))
        .tick(tick)
        .host_options(host_options(&config.host))
        .monitoring(config.monitoring.clone())
        .tracing(tracer_options(&config.tracing, args.demo));
    // what the demo has to show can be had without; whoever asks for it wants to know why not
    if args.profile
        || (args.demo && ContinuousProfiler::start(PROFILE_HZ, Default::default()).is_ok())
    {
        builder = builder.profile_continuously(PROFILE_HZ);
    }
    if let Some(address) = args.listen.or(config.listen) {
        builder = builder.listen(address);
    }
    if let Some(token) = args.token.as_ref().or(config.token.as_ref()) {
        builder = builder.token(token);
    }
    for name in &config.allow_hosts {
        builder = builder.allow_host(name);
    }
    builder
}

fn tracer_options(config: &TracerOptions, demo: bool) -> TracerOptions {
    match demo && *config == TracerOptions::default() {
        true => TracerOptions { roots_per_second: DEMO_TRACES_PER_SECOND, ..config.clone() },
        false => config.clone(),
    }
}

/// Turns a part of what is watched on or off.
type Switch = fn(HostOptions, bool) -> HostOptions;

fn host_options(config: &HostConfig) -> HostOptions {
    let mut options = HostOptions::default();
    let switches: [(Option<bool>, Switch); 6] = [
        (config.cpu, HostOptions::cpu),
        (config.per_core, HostOptions::per_core),
        (config.memory, HostOptions::memory),
        (config.disks, HostOptions::disks),
        (config.network, HostOptions::network),
        (config.process, HostOptions::process),
    ];
    for (on, switch) in switches {
        if let Some(on) = on {
            options = switch(options, on);
        }
    }
    if let Some(names) = &config.ignore_disks {
        options = options.disk_filter(NameFilter::except(names));
    }
    if let Some(names) = &config.ignore_interfaces {
        options = options.interface_filter(NameFilter::except(names));
    }
    options
}

/// What a person who started it wants to know.
fn greeting(
    monitor: &PerformanceMonitor,
    demo: Option<&Demo>,
    config: &Config,
    tick: Duration,
    sends: bool,
    usual_place: bool,
) -> String {
    let url = monitor.url().unwrap_or_default();
    let mut text = format!("perf-monitor {}\n\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "  page     {url}/");
    if config.monitoring.enable_prometheus_integration {
        let _ = writeln!(text, "  metrics  {url}/metrics");
    }
    let _ = writeln!(text, "  report   {url}/api/report");
    let _ = writeln!(text, "  spans    {url}/api/spans");
    let _ = writeln!(text, "  alerts   {url}/api/alerts");
    if let Some(demo) = demo {
        let _ = writeln!(text, "  demo     http://{}/", demo.address());
    }
    let watched = watched(&watched_host(config), unsupported(), demo.is_some());
    let _ = writeln!(text, "\n{watched}, every {tick:?}.");
    if sends {
        let _ = writeln!(text, "Sends to an OpenTelemetry collector.");
    }
    let taken = monitor.address().is_some_and(|address| address.port() != USUAL_PORT);
    if usual_place && taken {
        let _ = writeln!(
            text,
            "Port {USUAL_PORT} is taken, so this is another one; --listen asks for one."
        );
    }
    text
}

fn last_lines(told: &Told) -> String {
    let who = told.receivers();
    let who = if who.is_empty() { String::new() } else { format!("Tells of alerts: {who}.\n") };
    who + "Ctrl-C stops it.\n"
}

/// What the categories of the instruments leave of it.
fn watched_host(config: &Config) -> HostConfig {
    let options = &config.monitoring;
    if options.monitoring_enabled && options.enable_system_metrics {
        return config.host.clone();
    }
    let off = Some(false);
    HostConfig {
        cpu: off,
        memory: off,
        disks: off,
        network: off,
        process: off,
        ..HostConfig::default()
    }
}

/// What is neither turned off nor `missing` on this system, in a sentence.
fn watched(host: &HostConfig, missing: &[&str], demo: bool) -> String {
    let parts = [
        (host.cpu, "cpu", "CPU"),
        (host.memory, "memory", "memory"),
        (host.disks, "disks", "disks"),
        (host.network, "network", "network"),
        (host.process, "process", "this process"),
    ];
    let wanted = parts.into_iter().filter(|(on, ..)| *on != Some(false));
    let (unknown, known): (Vec<_>, Vec<_>) = wanted.partition(|(_, key, _)| missing.contains(key));
    let names =
        |parts: Vec<(_, _, &str)>| parts.iter().map(|part| part.2).collect::<Vec<_>>().join(", ");
    let mut machine = match known.is_empty() {
        true => "Watches nothing of this machine".into(),
        false => format!("Watches this machine: {}", names(known)),
    };
    if !unknown.is_empty() {
        machine += &format!(" (unknown on this system: {})", names(unknown));
    }
    match demo {
        true => {
            machine
                + "; and a demo service under load: /, /search, /checkout (slow), /report (fails at times)"
        }
        false => machine,
    }
}

/// Says it on the standard output, if somebody still listens there.
fn tell(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_turned_off_is_not_said_to_be_watched() {
        let all = watched(&HostConfig::default(), &[], false);
        assert_eq!(all, "Watches this machine: CPU, memory, disks, network, this process");
        let off = Some(false);
        let some =
            HostConfig { memory: off, network: off, cpu: Some(true), ..HostConfig::default() };
        assert_eq!(watched(&some, &[], false), "Watches this machine: CPU, disks, this process");
        let none =
            HostConfig { cpu: off, memory: off, disks: off, network: off, process: off, ..some };
        let text = watched(&none, &[], true);
        assert!(text.starts_with("Watches nothing of this machine; and a demo service"), "{text}");
    }

    #[test]
    fn what_the_system_does_not_tell_is_said_to_be_missing() {
        let text = watched(&HostConfig::default(), &["disks", "network"], false);
        let known = "Watches this machine: CPU, memory, this process";
        assert_eq!(text, format!("{known} (unknown on this system: disks, network)"));
    }
}
