//! The threads of this process, as the kernel lists them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::error::Error;

/// The numbers of all threads that there are now.
///
/// # Errors
/// There is no `/proc`, or no file can be opened.
pub(crate) fn list(numbers: &mut Vec<i32>) -> Result<(), Error> {
    numbers.clear();
    let tasks = fs::read_dir("/proc/self/task")
        .map_err(|e| Error::System("cannot list the threads in /proc/self/task", e))?;
    let names = tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse::<i32>().ok());
    numbers.extend(names);
    Ok(())
}

/// How many there are, which is told faster than which. `None` where the kernel does not tell.
pub(crate) fn count() -> Option<u64> {
    // a directory has two links and one for each directory in it
    fs::metadata("/proc/self/task").ok()?.nlink().checked_sub(2)
}

/// What the thread `number` is called; `None` once it has ended.
pub(crate) fn name(number: i32) -> Option<String> {
    let name = fs::read(format!("/proc/self/task/{number}/comm")).ok()?;
    Some(String::from_utf8_lossy(name.trim_ascii_end()).into_owned())
}

/// The calling thread's number.
pub(crate) fn own() -> i32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_thread_is_listed_with_its_name() {
        let named = std::thread::Builder::new().name("somebody".into());
        let thread = named.spawn(|| {
            let mut numbers = Vec::new();
            list(&mut numbers).unwrap();
            assert!(numbers.contains(&own()));
            assert!(count() >= Some(1));
            name(own())
        });
        assert_eq!(thread.unwrap().join().unwrap().as_deref(), Some("somebody"));
        assert_eq!(name(0), None);
    }
}
