//! The metrics of network interfaces.

use perf_monitor_core::Unit;

use super::table::{CounterDef, GaugeDef};
use crate::model::{InterfaceSample, Traffic};

/// Traffic in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BothWays {
    received: Traffic,
    sent: Traffic,
}

impl BothWays {
    pub(crate) fn of(interface: &InterfaceSample) -> Self {
        BothWays { received: interface.received, sent: interface.sent }
    }

    /// Adds what an interface has more than `before`; all that it has, if it began anew.
    pub(crate) fn add_growth(&mut self, before: &InterfaceSample, interface: &InterfaceSample) {
        add_growth(&mut self.received, &before.received, &interface.received);
        add_growth(&mut self.sent, &before.sent, &interface.sent);
    }

    /// Adds all that an interface has.
    pub(crate) fn add_all(&mut self, interface: &InterfaceSample) {
        self.add_growth(&InterfaceSample::default(), interface);
    }
}

fn add_growth(total: &mut Traffic, before: &Traffic, after: &Traffic) {
    let add = |total: &mut u64, before: u64, after: u64| {
        *total = total.saturating_add(after.checked_sub(before).unwrap_or(after));
    };
    add(&mut total.bytes, before.bytes, after.bytes);
    add(&mut total.packets, before.packets, after.packets);
    add(&mut total.errors, before.errors, after.errors);
    add(&mut total.drops, before.drops, after.drops);
}

/// By interface.
pub(crate) const INTERFACE_COUNTERS: &[CounterDef<BothWays>] = &[
    count("host_network_interface_received_bytes_total", "Received by an interface.", |t| {
        Some(t.received.bytes)
    })
    .unit(Unit::Bytes),
    count(
        "host_network_interface_received_packets_total",
        "Packets received by an interface.",
        |t| Some(t.received.packets),
    ),
    count(
        "host_network_interface_received_errors_total",
        "Packets received with an error by an interface.",
        |t| Some(t.received.errors),
    ),
    count(
        "host_network_interface_received_drops_total",
        "Received packets dropped by an interface.",
        |t| Some(t.received.drops),
    ),
    count("host_network_interface_sent_bytes_total", "Sent by an interface.", |t| {
        Some(t.sent.bytes)
    })
    .unit(Unit::Bytes),
    count("host_network_interface_sent_packets_total", "Packets sent by an interface.", |t| {
        Some(t.sent.packets)
    }),
    count(
        "host_network_interface_sent_errors_total",
        "Packets not sent for an error by an interface.",
        |t| Some(t.sent.errors),
    ),
    count(
        "host_network_interface_sent_drops_total",
        "Packets to send dropped by an interface.",
        |t| Some(t.sent.drops),
    ),
];

/// Over all interfaces that [`InterfaceSample::in_totals`] admits.
pub(crate) const TOTAL_COUNTERS: &[CounterDef<BothWays>] = &[
    count(
        "host_network_received_bytes_total",
        "Received by all interfaces but the loopback.",
        |t| Some(t.received.bytes),
    )
    .unit(Unit::Bytes),
    count(
        "host_network_received_packets_total",
        "Packets received by all interfaces but the loopback.",
        |t| Some(t.received.packets),
    ),
    count(
        "host_network_received_errors_total",
        "Packets received with an error, without the loopback.",
        |t| Some(t.received.errors),
    ),
    count(
        "host_network_received_drops_total",
        "Received packets dropped, without the loopback.",
        |t| Some(t.received.drops),
    ),
    count("host_network_sent_bytes_total", "Sent by all interfaces but the loopback.", |t| {
        Some(t.sent.bytes)
    })
    .unit(Unit::Bytes),
    count(
        "host_network_sent_packets_total",
        "Packets sent by all interfaces but the loopback.",
        |t| Some(t.sent.packets),
    ),
    count(
        "host_network_sent_errors_total",
        "Packets not sent for an error, without the loopback.",
        |t| Some(t.sent.errors),
    ),
    count("host_network_sent_drops_total", "Packets to send dropped, without the loopback.", |t| {
        Some(t.sent.drops)
    }),
];

const fn count(
    name: &'static str,
    help: &'static str,
    value: fn(&BothWays) -> Option<u64>,
) -> CounterDef<BothWays> {
    CounterDef::new(name, help, value)
}

/// Rates of traffic are left to whoever reads the counters.
pub(crate) const GAUGES: &[GaugeDef<BothWays>] = &[];
