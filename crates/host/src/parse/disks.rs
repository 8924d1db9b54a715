//! `/proc/diskstats`: the kernel's Documentation/admin-guide/iostats.rst.

use crate::model::DiskSample;
use crate::scan;

/// A sector of this file is 512 bytes, whatever the disk's blocks are.
const SECTOR_BYTES: u64 = 512;

/// The name and the counters of each device, partitions included; the counters' own name is empty.
pub(crate) fn devices(text: &[u8]) -> impl Iterator<Item = (&[u8], DiskSample)> {
    scan::lines(text).filter_map(device)
}

fn device(line: &[u8]) -> Option<(&[u8], DiskSample)> {
    let mut fields = scan::fields(line);
    fields.number()?; // major
    fields.number()?; // minor
    let name = fields.next()?;
    let mut numbers = [0; 11];
    for number in &mut numbers {
        *number = fields.number()?;
    }
    let [
        reads,
        _,
        read_sectors,
        read_ms,
        writes,
        _,
        written_sectors,
        write_ms,
        in_flight,
        busy_ms,
        queue_ms,
    ] = numbers;
    let discards = fields.number();
    let flushes = fields.nth(3).and_then(scan::number); // after discards merged, sectors, ms
    let sample = DiskSample {
        name: String::new(),
        reads,
        read_bytes: read_sectors.checked_mul(SECTOR_BYTES)?,
        read_time_ms: read_ms,
        writes,
        written_bytes: written_sectors.checked_mul(SECTOR_BYTES)?,
        write_time_ms: write_ms,
        in_flight,
        busy_time_ms: busy_ms,
        queue_time_ms: queue_ms,
        discards,
        flushes,
    };
    Some((name, sample))
}
