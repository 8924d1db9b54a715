//! What a start gives, or says when it cannot be.

use std::net::TcpListener;

use crate::process::{Running, agent, get, output, poll};

const ANY: [&str; 4] = ["--listen", "127.0.0.1:0", "--tick", "50ms"];

#[test]
fn it_says_where_it_is_and_how_to_stop_it_and_serves_the_page() {
    let agent = Running::start(&ANY);
    assert!(agent.greeting.contains(&format!("http://{}/metrics", agent.address())));
    assert!(agent.greeting.contains("Watches this machine"), "{}", agent.greeting);
    assert!(agent.greeting.contains("every 50ms"), "{}", agent.greeting);
    assert!(agent.greeting.ends_with("Ctrl-C stops it.\n"), "{}", agent.greeting);
    let (head, page) = agent.get("/");
    assert!(head.contains(" 200 ") && page.contains("<!doctype html>"), "{head}");
    let (head, body) = agent.get("/healthz");
    assert!(head.contains(" 200 ") && body.starts_with("ok"), "{head}\n{body}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_numbers_move() {
    let agent = Running::start(&ANY);
    let cpu = "process_cpu_seconds_total";
    let before = poll(cpu, || agent.metric(cpu));
    poll("more CPU time of the process", || agent.metric(cpu).filter(|now| *now > before));
    let switches = "host_context_switches_total";
    let before = poll(switches, || agent.metric(switches));
    poll("more context switches", || agent.metric(switches).filter(|now| *now > before));
}

#[test]
fn an_address_that_was_asked_for_and_is_taken_is_an_error_with_the_remedy() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, text) = output(&["--listen", &address]);
    assert_eq!(status.code(), Some(1));
    assert!(text.starts_with(&format!("perf-monitor: address {address} is in use: ")), "{text}");
    assert!(text.contains("choose another"), "{text}");
}

#[test]
fn a_usual_address_that_is_taken_is_replaced() {
    let agents = [Running::start(&[]), Running::start(&[])];
    assert_ne!(agents[0].address(), agents[1].address());
    for agent in &agents {
        let usual = agent.address().port() == 9464;
        assert_eq!(agent.greeting.contains("Port 9464 is taken"), !usual, "{}", agent.greeting);
        assert!(agent.get("/healthz").0.contains(" 200 "));
    }
}

#[test]
fn more_than_loopback_needs_a_token() {
    let (status, text) = output(&["--listen", "0.0.0.0:0"]);
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("needs a token"), "{text}");
}

#[test]
fn with_a_token_nothing_is_shown_without_it() {
    let mut command = agent(&ANY);
    command.env("PERF_MONITOR_TOKEN", "open.sesame");
    let agent = Running::spawn(command);
    let (head, _) = agent.get("/metrics");
    assert!(head.contains(" 401 "), "{head}");
    let token = "Authorization: Bearer open.sesame\r\n";
    let (head, _) = get(agent.address(), "/metrics", token);
    assert!(head.contains(" 200 "), "{head}");
}

#[test]
fn a_mistake_on_the_command_line_is_exit_2_and_says_what_is_possible() {
    for (args, said) in [
        (&["--tick", "soon"][..], "write it like 500ms, 1s or 1m"),
        (&["--tick", "1ms"], "choose 10ms to 60m"),
        (&["--listen", "9464"], "write it like 127.0.0.1:9464"),
        (&["--demos"], "--demo"),
    ] {
        let (status, text) = output(args);
        assert_eq!(status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(said), "{args:?}: {text}");
    }
}

#[test]
fn it_tells_its_version_and_its_options() {
    let version = agent(&["--version"]).output().unwrap();
    let expected = concat!("perf-monitor ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);
    let help = agent(&["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for option in ["--listen", "--tick", "--token", "--demo", "--config", "report", "export"] {
        assert!(help.contains(option), "{option}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_page_is_opened_only_when_asked_for() {
    use std::os::unix::fs::PermissionsExt;

    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("opener");
    std::fs::create_dir_all(&folder).unwrap();
    let opened = folder.join("opened");
    let _ = std::fs::remove_file(&opened);
    let opener = folder.join("xdg-open");
    let script =
        format!("#!/bin/sh\necho \"$1\" > '{0}.part'\nmv '{0}.part' '{0}'\n", opened.display());
    std::fs::write(&opener, script).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());

    let mut unasked = agent(&ANY);
    unasked.env("PATH", &path);
    drop(Running::spawn(unasked));
    let mut asked = agent(&[&ANY[..], &["--open"]].concat());
    asked.env("PATH", &path);
    let running = Running::spawn(asked);
    let url = poll("an opened page", || std::fs::read_to_string(&opened).ok());
    assert_eq!(url, format!("http://{}/\n", running.address()));

    let mut nowhere = agent(&[&ANY[..], &["--open"]].concat());
    nowhere.env("PATH", "");
    let running = Running::spawn(nowhere);
    assert!(running.get("/").0.contains(" 200 "));
}
