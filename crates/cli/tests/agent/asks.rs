//! The commands `report` and `export`, against an agent and against what an agent is not.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use serde_json::Value;

use crate::peer::{answers, whole};
use crate::process::{Running, agent, file, output, poll};

const DEMO: [&str; 5] = ["--listen", "127.0.0.1:0", "--tick", "50ms", "--demo"];

/// An agent whose demo has been recorded by the instruments.
fn demo() -> (Running, String) {
    let agent = Running::start(&DEMO);
    let stage = "stage_duration_seconds_count{stage=\"pay\"}";
    poll(stage, || agent.metric(stage).filter(|count| *count > 0.0));
    let url = format!("http://{}", agent.address());
    (agent, url)
}

/// What the program writes to the standard output, when all goes well.
fn said(args: &[&str]) -> String {
    let output = agent(args).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && errors.is_empty(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// An empty directory that no other test has.
fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir(&path).unwrap();
    path
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_report_is_printed_as_text_or_as_markdown() {
    let (_agent, url) = demo();
    let text = said(&["report", "--url", &url]);
    assert!(text.contains("pay") && text.contains("stage"), "{text}");
    let markdown = said(&["report", "--url", &url, "--format", "markdown"]);
    assert!(markdown.starts_with('#') && markdown.contains("| pay "), "{markdown}");
}

#[test]
fn an_export_is_json_csv_or_what_prometheus_reads() {
    let (_agent, url) = demo();
    let run = said(&["export", "--format", "json", "--url", &url]);
    let run: Value = serde_json::from_str(&run).unwrap();
    assert!(run["stages"]["pay"]["count"].as_u64().unwrap() > 0, "{run}");
    assert!(run["caches"]["pages"]["hit_rate_pct"].is_number(), "{run}");
    let csv = said(&["export", "--format", "csv", "--url", &url]);
    let (head, rows) = csv.split_once("\r\n").expect("a line");
    assert_eq!(head, "time,metric,type,unit,labels,sample,value");
    assert!(rows.lines().any(|row| row.contains("stage_duration_seconds")), "{rows}");
    let text = said(&["export", "--format", "prometheus", "--url", &url]);
    assert!(text.contains("# TYPE stage_duration_seconds histogram"), "{text}");
}

#[test]
fn a_file_is_replaced_by_the_whole_answer_and_nothing_is_left_beside_it() {
    let (_agent, url) = demo();
    let directory = directory("replaced");
    let path = directory.join("run.json");
    fs::write(&path, "old").unwrap();
    let args = ["export", "--format", "json", "--url", &url, "--out", path.to_str().unwrap()];
    assert_eq!(said(&args), "");
    let run: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert!(run["stages"]["pay"].is_object(), "{run}");
    assert_eq!(names(&directory), ["run.json"]);
}

/// Asks for a report into a file that exists already; the exit, what was said, and what the file is.
fn failing(name: &str, url: &str) -> (ExitStatus, String, String) {
    let directory = directory(name);
    let path = directory.join("report.txt");
    fs::write(&path, "old").unwrap();
    let (status, text) = output(&["report", "--url", url, "--out", path.to_str().unwrap()]);
    assert_eq!(names(&directory), ["report.txt"]);
    (status, text, fs::read_to_string(path).unwrap())
}

#[test]
fn an_answer_that_breaks_off_is_an_error_and_the_old_file_stays() {
    for (name, broken) in [
        ("broken-length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na half"),
        ("broken-chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\na half\r\n"),
        ("endless", "HTTP/1.1 200 OK\r\n\r\nwho knows"),
        ("no-http", "SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    ] {
        let url = answers(broken);
        let (status, text, old) = failing(name, &url);
        assert_eq!((status.code(), old.as_str()), (Some(1), "old"), "{name}: {text}");
        assert!(text.starts_with("perf-monitor: ") && text.contains(&url), "{name}: {text}");
    }
}

#[test]
fn what_a_refusal_means_is_said() {
    for (status, said) in [
        ("401 Unauthorized", "PERF_MONITOR_TOKEN"),
        ("404 Not Found", "/api/report (404): it is older"),
        ("503 Service Unavailable", "503 Service Unavailable: the reason"),
    ] {
        let url = answers(whole(status, "the reason"));
        let (status, text, old) = failing("refused", &url);
        assert_eq!((status.code(), old.as_str()), (Some(1), "old"), "{text}");
        assert!(text.contains(said) && text.contains(&url), "{text}");
    }
}

#[test]
fn nobody_there_is_an_error_with_the_remedy() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (status, text) = output(&["report", "--url", &url]);
    assert_eq!(status.code(), Some(1));
    assert!(text.starts_with(&format!("perf-monitor: cannot connect to {url}: ")), "{text}");
    assert!(text.contains("--url"), "{text}");
}

#[test]
fn a_token_of_the_environment_opens_what_asks_for_one() {
    let mut command = agent(&DEMO[..4]);
    command.env("PERF_MONITOR_TOKEN", "open.sesame");
    let running = Running::spawn(command);
    let url = format!("http://{}", running.address());
    let (status, text) = output(&["report", "--url", &url]);
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("PERF_MONITOR_TOKEN") && !text.contains("sesame"), "{text}");
    let mut command = agent(&["report", "--url", &url]);
    let output = command.env("PERF_MONITOR_TOKEN", "open.sesame").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut command = agent(&["report", "--url", &url]);
    let output = command.env("PERF_MONITOR_TOKEN", "a\nb").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("PERF_MONITOR_TOKEN"), "{text}");
}

#[test]
fn a_path_that_cannot_be_written_is_an_error_with_the_remedy() {
    let directory = directory("unwritable");
    let plain = file("plain.txt", "a file");
    for path in [directory.join("none").join("a.txt"), directory.clone(), plain.join("a.txt")] {
        let path = path.to_str().unwrap();
        let url = answers(whole("200 OK", "a report\n"));
        let (status, text) = output(&["report", "--url", &url, "--out", path]);
        assert_eq!(status.code(), Some(1), "{text}");
        assert!(text.starts_with(&format!("perf-monitor: {path} was not written: ")), "{text}");
    }
    assert!(names(&directory).is_empty());
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let url = answers(whole("200 OK", "a report\n"));
    let (status, text) = output(&["report", "--url", &url, "--out", "/dev/full"]);
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("/dev/full was not written: free space"), "{text}");
    let url = answers(whole("200 OK", "a report\n"));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = agent(&["report", "--url", &url]).stdout(full).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.starts_with("perf-monitor: cannot write to the standard output: "), "{text}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let url = answers(whole("200 OK", &"a line\n".repeat(1_000_000)));
    let mut command = agent(&["report", "--url", &url]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(status.success() && text.is_empty(), "{text}");
}

#[test]
fn a_mistake_in_a_command_is_exit_2_and_says_what_is_possible() {
    for (args, said) in [
        (&["export", "--format", "xml"][..], "json, csv, prometheus"),
        (&["export"], "--format"),
        (&["report", "--format", "pdf"], "text, markdown"),
        (&["reports"], "report"),
    ] {
        let (status, text) = output(args);
        assert_eq!(status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(said), "{args:?}: {text}");
    }
    let (status, text) = output(&["report", "--url", "127.0.0.1:9464"]);
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("write it like http://127.0.0.1:9464"), "{text}");
}

/// A profile into a file of this name, from a peer with this answer: the exit, what was said, the directory.
fn profiled(name: &str, url: &str, more: &[&str]) -> (ExitStatus, String, PathBuf) {
    let directory = directory(&format!("profiled-{name}"));
    let path = directory.join(name);
    let args = ["profile", "--url", url, "--out", path.to_str().unwrap()];
    let (status, text) = output(&[&args, more].concat());
    (status, text, directory)
}

#[test]
fn a_profile_is_written_into_a_file_and_how_long_it_takes_is_said() {
    let url = answers(whole("200 OK", "<svg/>"));
    let (status, text, directory) = profiled("cpu.svg", &url, &["--seconds", "7"]);
    assert!(status.success(), "{text}");
    assert_eq!(text, format!("perf-monitor: {url} takes a profile for 7 s\n"));
    assert_eq!(fs::read_to_string(directory.join("cpu.svg")).unwrap(), "<svg/>");
    let url = answers(whole("200 OK", "main 7\n"));
    assert_eq!(said(&["profile", "--url", &url, "--heap", "--format", "collapsed"]), "main 7\n");
}

#[test]
fn a_profile_that_could_not_be_written_is_not_even_asked_for() {
    let nobody = "http://127.0.0.1:1";
    let directory = directory("unwritable-profile");
    let missing = directory.join("none").join("cpu.svg");
    let (status, text) = output(&["profile", "--url", nobody, "--out", missing.to_str().unwrap()]);
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(text.contains("was not written") && !text.contains("takes a profile"), "{text}");
    let (status, text, directory) = profiled("cpu.svg", nobody, &[]);
    assert!(status.code() == Some(1) && text.contains("takes a profile"), "{text}");
    assert!(names(&directory).is_empty(), "nothing is left of the try");
}

#[test]
fn a_profile_that_is_refused_is_an_error_with_the_remedy() {
    for (status, reason, said) in [
        ("409 Conflict", "a CPU profile is being taken, for 12 s more", "(--force here)"),
        ("501 Not Implemented", "build it with frame pointers", "build it with frame pointers"),
        ("404 Not Found", "", "has no /debug/pprof/profile (404): it is older"),
    ] {
        let url = answers(whole(status, reason));
        let (status, text, directory) = profiled("cpu.pb.gz", &url, &[]);
        assert_eq!(status.code(), Some(1), "{text}");
        assert!(text.contains(said) && text.contains(reason), "{text}");
        assert!(names(&directory).is_empty());
    }
    let (status, text, _) = profiled("cpu.bin", "http://127.0.0.1:1", &[]);
    assert!(status.code() == Some(1) && text.contains(".svg, .pb.gz, .txt or .json"), "{text}");
}

#[test]
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn the_hot_function_of_the_demo_is_found_by_one_command() {
    let (_agent, url) = demo();
    let found = poll("a function of the demo in its profile", || {
        let more = ["--seconds", "1", "--hz", "250"];
        let (status, text, directory) = profiled("demo.svg", &url, &more);
        assert!(status.success(), "{text}");
        let drawn = fs::read_to_string(directory.join("demo.svg")).unwrap();
        drawn.contains("perf_monitor::demo::").then_some(drawn)
    });
    assert!(found.contains("<svg"), "{found}");
}
