//! A file holds the old content or the new one, whatever happens while it is written.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use perf_monitor_exporters::{Error, write_atomically};

/// A directory of its own, which goes when the test ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let name = format!("file-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn with_old(name: &str) -> (Folder, PathBuf) {
        let folder = Folder::new(name);
        let path = folder.join("metrics.json");
        fs::write(&path, "old").unwrap();
        (folder, path)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_new(path: impl AsRef<Path>) -> Result<(), Error> {
    write_atomically(path, |out| out.write_all(b"new"))
}

/// The sentence of a refusal, which names the path and has a cause.
fn refusal(path: &Path, result: Result<(), Error>) -> String {
    let error = result.unwrap_err();
    assert!(error.is_file() && std::error::Error::source(&error).is_some());
    let text = error.to_string();
    assert!(text.starts_with(&format!("{} was not written: ", path.display())), "{text}");
    text
}

#[test]
fn a_file_is_made_or_replaced_as_a_whole() {
    let folder = Folder::new("replaced");
    let path = folder.join("metrics.json");
    write_atomically(&path, |out| out.write_all(b"first")).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    write_new(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(folder.names(), ["metrics.json"]);
}

#[test]
fn an_empty_path_is_refused_as_such() {
    let error = write_atomically("", |_| panic!("nothing is to be written")).unwrap_err();
    assert!(error.is_file() && std::error::Error::source(&error).is_some());
    assert_eq!(error.to_string(), "nothing was written: the path is empty, name a file");
    let run = perf_monitor_exporters::RunMetrics::new(&perf_monitor_core::Registry::new()).unwrap();
    assert!(run.export_json("").unwrap_err().is_file());
}

#[test]
fn a_name_as_long_as_the_system_takes_is_fine() {
    let folder = Folder::new("long");
    let path = folder.join(&"n".repeat(255));
    write_new(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
}

#[test]
fn a_writer_that_fails_half_way_leaves_the_old_file_and_nothing_else() {
    let (folder, path) = Folder::with_old("half-way");
    let result = write_atomically(&path, |out| {
        out.write_all(&[b'x'; 100_000])?;
        Err(io::Error::other("the source ran dry"))
    });
    assert!(refusal(&path, result).contains("the source ran dry"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(folder.names(), ["metrics.json"]);
}

#[test]
fn a_writer_s_own_failure_is_not_taken_for_one_of_the_path() {
    let (_folder, path) = Folder::with_old("source");
    let result = write_atomically(&path, |_| fs::read("no such source").map(drop));
    assert!(!refusal(&path, result).contains("directory first"));
    let result = write_atomically(&path, |_| Err(io::ErrorKind::StorageFull.into()));
    assert!(refusal(&path, result).contains("free space"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[test]
fn a_writer_that_panics_leaves_the_old_file_and_nothing_else() {
    let (folder, path) = Folder::with_old("panic");
    let write = || write_atomically(&path, |_| panic!("on purpose"));
    assert!(catch_unwind(AssertUnwindSafe(write)).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(folder.names(), ["metrics.json"]);
}

/// Names the file that a copy of this test process is to die over.
const VICTIM: &str = "PERF_MONITOR_TEST_VICTIM";

#[test]
fn a_process_that_dies_half_way_leaves_the_old_file() {
    if let Some(path) = std::env::var_os(VICTIM) {
        let _ = write_atomically(path, |out| {
            out.write_all(&[b'x'; 100_000])?;
            std::process::exit(7)
        });
        unreachable!("the process has ended");
    }
    let (folder, path) = Folder::with_old("dies");
    let this = "file::a_process_that_dies_half_way_leaves_the_old_file";
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this])
        .env(VICTIM, &path)
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), Some(7), "it died where it should");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    let left = folder.names();
    assert!(left[0].starts_with(".perf-monitor-") && left[0].ends_with(".tmp"), "{left:?}");
    write_new(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
}

#[test]
fn a_reader_never_sees_a_part_while_others_write() {
    let (folder, path) = Folder::with_old("readers");
    let content = |letter: u8| vec![letter; 200_000];
    std::thread::scope(|scope| {
        let writer = |letter| {
            let (path, content) = (&path, content(letter));
            move || {
                for _ in 0..20 {
                    write_atomically(path, |out| out.write_all(&content)).unwrap();
                }
            }
        };
        let writers = [scope.spawn(writer(b'a')), scope.spawn(writer(b'b'))];
        while writers.iter().any(|writer| !writer.is_finished()) {
            let seen = fs::read(&path).unwrap();
            assert!(seen == b"old" || seen == content(seen[0]), "{} bytes", seen.len());
        }
    });
    assert_eq!(folder.names(), ["metrics.json"]);
}

#[test]
fn a_missing_directory_and_a_directory_are_refused_with_the_remedy() {
    let folder = Folder::new("missing");
    let path = folder.join("not/there.json");
    assert!(refusal(&path, write_new(&path)).contains("create its directory first"));
    let path = folder.join("");
    assert!(refusal(&path, write_new(&path)).contains("name a file in it"));
    fs::write(folder.join("file"), "old").unwrap();
    let path = folder.join("file/below.json");
    assert!(refusal(&path, write_new(&path)).contains("a part of the path is a file"));
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn what_may_not_be_written_is_refused_and_stays() {
    let (folder, path) = Folder::with_old("read-only");
    let set =
        |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    set(&path, 0o444);
    if fs::OpenOptions::new().write(true).open(&path).is_ok() {
        println!("skipped: this user may write whatever it likes");
        return;
    }
    assert!(refusal(&path, write_new(&path)).contains("allow writing to it"));
    set(&path, 0o644);
    set(&folder.join(""), 0o555);
    assert!(refusal(&path, write_new(&path)).contains("allow writing to it"));
    set(&folder.join(""), 0o755);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(folder.names(), ["metrics.json"]);
}

#[test]
fn a_full_disk_is_refused_with_the_remedy() {
    let path = Path::new("/dev/full");
    if path.exists() {
        assert!(refusal(path, write_new(path)).contains("free space"));
    }
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    write_new("/dev/null").unwrap();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_link_stays_and_the_file_that_it_leads_to_is_replaced() {
    let (folder, path) = Folder::with_old("links");
    fs::create_dir(folder.join("below")).unwrap();
    symlink("../metrics.json", folder.join("below/link")).unwrap();
    symlink("below/link", folder.join("link-to-link")).unwrap();
    write_new(folder.join("link-to-link")).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert!(folder.join("below/link").is_symlink() && folder.join("link-to-link").is_symlink());
    symlink("fresh.json", folder.join("dangling")).unwrap();
    write_new(folder.join("dangling")).unwrap();
    assert_eq!(fs::read_to_string(folder.join("fresh.json")).unwrap(), "new");
    symlink("round", folder.join("round")).unwrap();
    refusal(&folder.join("round"), write_new(folder.join("round")));
    let names = folder.names();
    assert_eq!(names, ["below", "dangling", "fresh.json", "link-to-link", "metrics.json", "round"]);
}

#[test]
fn an_old_file_keeps_its_permissions() {
    let (_folder, path) = Folder::with_old("permissions");
    for mode in [0o600, 0o666] {
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        write_new(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
    }
}
