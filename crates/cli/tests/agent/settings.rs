//! The settings file.

use crate::process::{Running, file, output};

#[test]
fn an_unknown_key_is_an_error_with_file_line_and_key() {
    let path = file("unknown-key.toml", "tick = \"1s\"\nlisen = \"127.0.0.1:0\"\n");
    let path = path.to_str().unwrap();
    let (status, text) = output(&["--config", path]);
    assert_eq!(status.code(), Some(1));
    assert!(text.starts_with(&format!("perf-monitor: {path}:2: unknown key `lisen`: ")), "{text}");
    assert!(text.contains("listen"), "{text}");
}

#[test]
fn a_bad_value_is_an_error_with_file_line_and_key() {
    let path = file("bad-value.toml", "# every hour\n\ntick = \"2h\"\n");
    let path = path.to_str().unwrap();
    let (status, text) = output(&["--config", path]);
    assert_eq!(status.code(), Some(1));
    assert!(text.starts_with(&format!("perf-monitor: {path}:3: tick: `2h` ")), "{text}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let (status, text) = output(&["--config", "no-such-file.toml"]);
    assert_eq!(status.code(), Some(1));
    assert!(text.starts_with("perf-monitor: no-such-file.toml: "), "{text}");
}

#[test]
fn a_file_that_can_be_no_settings_is_an_error_that_says_why() {
    let large = file("large.toml", &"# a line\n".repeat(10_000));
    let latin = file("latin.toml", "");
    std::fs::write(&latin, b"service = \"caf\xe9\"").unwrap();
    let mut cases = vec![(large, "more than 64 KiB"), (latin, "not UTF-8")];
    if cfg!(target_os = "linux") {
        cases.push(("/dev/zero".into(), "more than 64 KiB"));
    }
    for (path, why) in cases {
        let (status, text) = output(&["--config", path.to_str().unwrap()]);
        assert_eq!(status.code(), Some(1));
        assert!(text.starts_with(&format!("perf-monitor: {}: ", path.display())), "{text}");
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn the_file_says_what_the_command_line_does_not() {
    let text = "listen = \"127.0.0.1:0\"\ntick = \"3s\"\n[host]\nnetwork = false\n";
    let path = file("good.toml", text);
    let path = path.to_str().unwrap();
    let agent = Running::start(&["--config", path]);
    assert!(agent.greeting.contains("every 3s"), "{}", agent.greeting);
    assert_ne!(agent.address().port(), 9464);
    assert!(!agent.get("/metrics").1.contains("host_network_"));
    let agent = Running::start(&["--config", path, "--tick", "100ms"]);
    assert!(agent.greeting.contains("every 100ms"), "{}", agent.greeting);
}

#[test]
fn the_file_switches_categories_of_the_instruments() {
    let text = "listen = \"127.0.0.1:0\"\n[monitoring]\nenable_system_metrics = false\n\
                enable_prometheus_integration = false\nhistory = 10\n";
    let path = file("monitoring.toml", text);
    let agent = Running::start(&["--config", path.to_str().unwrap()]);
    assert!(agent.get("/metrics").0.contains(" 404 "));
    assert!(!agent.greeting.contains("/metrics"), "{}", agent.greeting);
    assert!(agent.greeting.contains("Watches nothing of this machine"), "{}", agent.greeting);
    let (head, series) = agent.get("/api/series.csv");
    assert!(head.contains(" 200 ") && !series.contains("host_"), "{series}");
}
