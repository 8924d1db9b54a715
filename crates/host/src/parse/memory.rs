//! `/proc/meminfo` with `/proc/vmstat`: memory, swap, page faults: proc_meminfo(5).

use crate::model::{MemorySample, PagingSample};
use crate::scan;

/// `/proc/meminfo`, whose numbers are in KiB.
pub(crate) fn memory(text: &[u8]) -> MemorySample {
    let mut memory = MemorySample::default();
    for line in scan::lines(text) {
        let mut fields = scan::fields(line);
        let slot = match fields.next().unwrap_or_default() {
            b"MemTotal:" => &mut memory.total_bytes,
            b"MemFree:" => &mut memory.free_bytes,
            b"MemAvailable:" => &mut memory.available_bytes,
            b"Buffers:" => &mut memory.buffers_bytes,
            b"Cached:" => &mut memory.cached_bytes,
            b"Shmem:" => &mut memory.shared_bytes,
            b"SReclaimable:" => &mut memory.slab_reclaimable_bytes,
            b"Dirty:" => &mut memory.dirty_bytes,
            b"Writeback:" => &mut memory.writeback_bytes,
            b"SwapTotal:" => &mut memory.swap_total_bytes,
            b"SwapFree:" => &mut memory.swap_free_bytes,
            _ => continue,
        };
        *slot = times(fields.number(), 1024);
    }
    memory
}

/// `/proc/vmstat`: swap traffic is in pages, paging in KiB.
pub(crate) fn paging(text: &[u8], page_bytes: u64) -> PagingSample {
    let mut paging = PagingSample::default();
    for line in scan::lines(text) {
        let mut fields = scan::fields(line);
        let (slot, factor) = match fields.next().unwrap_or_default() {
            b"pgfault" => (&mut paging.faults, 1),
            b"pgmajfault" => (&mut paging.major_faults, 1),
            b"pswpin" => (&mut paging.swap_in_bytes, page_bytes),
            b"pswpout" => (&mut paging.swap_out_bytes, page_bytes),
            b"pgpgin" => (&mut paging.read_bytes, 1024),
            b"pgpgout" => (&mut paging.written_bytes, 1024),
            b"workingset_refault_file" => (&mut paging.file_refaults, 1),
            b"workingset_refault_anon" => (&mut paging.anon_refaults, 1),
            b"oom_kill" => (&mut paging.oom_kills, 1),
            _ => continue,
        };
        *slot = times(fields.number(), factor);
    }
    paging
}

fn times(number: Option<u64>, factor: u64) -> Option<u64> {
    number?.checked_mul(factor)
}
