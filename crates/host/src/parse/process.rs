//! `/proc/self/{stat,statm,limits}`: this process: proc_pid_stat(5).

use crate::scan;

/// What `/proc/self/stat` tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) minor_faults: Option<u64>,
    pub(crate) major_faults: Option<u64>,
    pub(crate) user_ticks: Option<u64>,
    pub(crate) system_ticks: Option<u64>,
    pub(crate) threads: Option<u64>,
    /// When the process started, after boot.
    pub(crate) start_ticks: Option<u64>,
}

/// Field n of the manual is fields[n - 3] after the name, which is in parentheses and may hold any
/// character, parentheses included.
pub(crate) fn stat(text: &[u8]) -> Option<Stat> {
    let name_end = text.iter().rposition(|b| *b == b')')?;
    let mut fields = scan::fields(scan::lines(&text[name_end + 1..]).next()?);
    let mut skip = |fields_between| fields.nth(fields_between).and_then(scan::number);
    Some(Stat {
        minor_faults: skip(7), // 10
        major_faults: skip(1), // 12
        user_ticks: skip(1),   // 14
        system_ticks: skip(0), // 15
        threads: skip(4),      // 20
        start_ticks: skip(1),  // 22
    })
}

/// Address space and resident memory, in pages.
pub(crate) fn statm(text: &[u8]) -> (Option<u64>, Option<u64>) {
    let mut fields = scan::fields(scan::lines(text).next().unwrap_or_default());
    (fields.number(), fields.number())
}

/// The soft limit of open files; `None` when it is `unlimited`.
pub(crate) fn max_fds(text: &[u8]) -> Option<u64> {
    let row = scan::lines(text).find_map(|line| line.strip_prefix(b"Max open files"))?;
    scan::fields(row).number()
}
