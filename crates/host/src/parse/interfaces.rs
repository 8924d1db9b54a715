//! `/proc/net/dev`: the counters of the network interfaces: proc_pid_net(5).

use crate::model::{InterfaceSample, Traffic};
use crate::scan::{self, Fields};

/// The name and the counters of each interface; the counters' own name is empty.
pub(crate) fn interfaces(text: &[u8]) -> impl Iterator<Item = (&[u8], InterfaceSample)> {
    scan::lines(text).filter_map(interface)
}

fn interface(line: &[u8]) -> Option<(&[u8], InterfaceSample)> {
    // the number may follow the colon at once
    let colon = line.iter().rposition(|b| *b == b':')?;
    let name = scan::fields(&line[..colon]).next()?;
    let mut fields = scan::fields(&line[colon + 1..]);
    let received = traffic(&mut fields)?;
    fields.nth(3)?; // fifo, frame, compressed, multicast
    let sent = traffic(&mut fields)?;
    let sample = InterfaceSample { name: String::new(), in_totals: false, received, sent };
    Some((name, sample))
}

fn traffic(fields: &mut Fields<'_>) -> Option<Traffic> {
    Some(Traffic {
        bytes: fields.number()?,
        packets: fields.number()?,
        errors: fields.number()?,
        drops: fields.number()?,
    })
}
