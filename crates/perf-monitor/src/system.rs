//! What the facade asks the system itself.

use std::time::Duration;

/// The processor time of the calling thread; `None` where the system does not say.
#[cfg(unix)]
pub(crate) fn thread_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
}

/// The processor time of the calling thread; `None` where the system does not say.
#[cfg(not(unix))]
pub(crate) fn thread_time() -> Option<Duration> {
    None
}

/// The machine's name, if it has one.
#[cfg(unix)]
pub(crate) fn host_name() -> Option<String> {
    let name = rustix::system::uname();
    let name = name.nodename().to_str().ok()?;
    (!name.is_empty()).then(|| name.to_string())
}

/// The machine's name, if it has one.
#[cfg(not(unix))]
pub(crate) fn host_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_of_its_thread() {
        let before = thread_time().unwrap();
        // each reading is a call into the system: a busy thread's time must pass
        let later = (0..u32::MAX).map(|_| thread_time().unwrap()).find(|now| *now > before);
        assert!(later.is_some());
    }
}
