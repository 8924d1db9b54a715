//! What a settings file gives, or what is wrong with it.

use super::*;

fn error(text: &str) -> String {
    Config::parse("a.toml", text).unwrap_err().to_string()
}

#[test]
fn every_key_is_taken() {
    let config = Config::parse("a.toml", EXAMPLE).unwrap();
    assert_eq!(config.service.as_deref(), Some("edge"));
    assert_eq!(config.listen, Some(([127, 0, 0, 1], 9464).into()));
    assert_eq!(config.tick, Some(Duration::from_secs(1)));
    assert_eq!(config.token.as_deref(), Some("at-least-8-characters"));
    assert_eq!(config.allow_hosts, ["metrics.example.org"]);
    let on = Some(true);
    let expected = HostConfig {
        cpu: on,
        per_core: on,
        memory: on,
        disks: on,
        network: on,
        process: on,
        ignore_disks: Some(vec!["sr*".into()]),
        ignore_interfaces: Some(vec!["veth*".into(), "docker*".into()]),
    };
    assert_eq!(config.host, expected);
    assert_eq!(config.monitoring, MonitoringOptions::default());
    assert_eq!(config.tracing, TracerOptions::default());
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let expected = OtlpConfig {
        endpoint: Some("http://127.0.0.1:4318".into()),
        headers: vec![("authorization".into(), "Bearer ...".into())],
        traces: on,
        metrics: on,
        metrics_every: seconds(60),
        timeout: seconds(10),
        gzip: Some(false),
    };
    assert_eq!(config.otlp, expected);
    let expected = AlertingConfig {
        rules: vec!["/etc/perf-monitor/rules.yml".into()],
        default_rules: on,
        alertmanager: Some("http://127.0.0.1:9093".into()),
        webhook: Some("http://127.0.0.1:8080/alerts".into()),
        outbox: Some("/var/lib/perf-monitor/outbox".into()),
    };
    assert_eq!(config.alerting, expected);
    for (key, _) in KEYS {
        let name = key.rsplit('.').next().unwrap();
        assert!(EXAMPLE.contains(&format!("\n{name} = ")), "{key}");
    }
}

#[test]
fn an_empty_file_says_nothing() {
    assert_eq!(Config::parse("a.toml", "# nothing\n").unwrap(), Config::default());
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_those_that_exist() {
    let text = error("tick = \"1s\"\n\nlisten_on = \"x\"\n");
    assert!(text.starts_with("a.toml:3: unknown key `listen_on`: there are service, listen, "));
    assert!(text.ends_with("allow_hosts, host, monitoring, tracing, otlp, alerting"), "{text}");
    let text = error("[host]\ncpus = true\n");
    assert!(text.starts_with("a.toml:2: unknown key `host.cpus`: there are cpu, per_core, "));
    assert!(error("[hosts]\ncpu = true\n").starts_with("a.toml:1: unknown key `hosts`"));
    assert_eq!(error("host = 3\n"), "a.toml:1: host: expected a table, found an integer");
    assert!(error("[[host]]\ncpu = true\n").ends_with("expected a table, found an array"));
}

#[test]
fn a_bad_value_is_named_with_its_line_and_key() {
    assert_eq!(
        error("\ntick = \"soon\"\n"),
        "a.toml:2: tick: `soon` is not a time: write it like 500ms, 1s or 1m"
    );
    assert_eq!(error("tick = 1"), "a.toml:1: tick: expected a text in quotes, found an integer");
    assert_eq!(
        error("[host]\n\ndisks = \"no\""),
        "a.toml:3: host.disks: expected true or false, found a string"
    );
    assert!(
        error("allow_hosts = [\"a\", 1]").starts_with("a.toml:1: allow_hosts: expected a text")
    );
    assert!(error("listen = \"9464\"").starts_with("a.toml:1: listen: `9464` is not an address"));
}

#[test]
fn options_of_the_instruments_have_the_seed_s_names_and_units() {
    let text = "[monitoring]\nmonitoring_interval = 60\nmetrics_sync_interval = 2.5\n\
                enable_business_metrics = false\nhistory = 0x10\n";
    let expected = MonitoringOptions::default()
        .monitoring_interval(Duration::from_secs(60))
        .metrics_sync_interval(Duration::from_millis(2_500))
        .enable_business_metrics(false)
        .history(16);
    assert_eq!(Config::parse("a.toml", text).unwrap().monitoring, expected);
    for (written, seconds) in [("\"1m\"", 60), ("0x3C", 60), ("1_0", 10)] {
        let text = format!("[monitoring]\nmonitoring_interval = {written}");
        let parsed = Config::parse("a.toml", &text).unwrap().monitoring;
        assert_eq!(parsed.monitoring_interval, Duration::from_secs(seconds), "{written}");
    }
}

#[test]
fn an_option_of_the_instruments_out_of_range_is_named_with_its_line_and_range() {
    for (line, key, range) in [
        ("history = 0", "history", "1 to 10000 samples"),
        ("history = -1", "history", "a number of samples"),
        ("history = 1.5", "history", "a whole number"),
        ("monitoring_interval = 0", "monitoring_interval", "0.1 to 86400 seconds"),
        ("monitoring_interval = nan", "monitoring_interval", "a number of seconds"),
        ("metrics_sync_interval = -1.0", "metrics_sync_interval", "a number of seconds"),
        ("enable_system_metrics = 1", "enable_system_metrics", "true or false"),
    ] {
        let text = error(&format!("[monitoring]\n{line}\n"));
        assert!(text.starts_with(&format!("a.toml:2: monitoring.{key}: ")), "{text}");
        assert!(text.contains(range), "{text}");
    }
}

#[test]
fn options_of_the_tracer_are_taken_and_checked() {
    let text = "[tracing]\nratio = 0\nroots_per_second = inf\ntail = false\nmemory = 50_000\n";
    let expected = TracerOptions {
        ratio: 0.0,
        roots_per_second: f64::INFINITY,
        tail: false,
        memory_bytes: 50_000,
        ..TracerOptions::default()
    };
    assert_eq!(Config::parse("a.toml", text).unwrap().tracing, expected);
    for (line, key, range) in [
        ("ratio = 1.5", "ratio", "0 to 1"),
        ("ratio = \"all\"", "ratio", "expected a number, found a string"),
        ("roots_per_second = 0", "roots_per_second", "more than 0"),
        ("roots_per_second = nan", "roots_per_second", "more than 0"),
        ("memory = 1000", "memory", "20,000 to 4,000,000"),
        ("memory = -1", "memory", "a number of bytes"),
        ("tail = 1", "tail", "true or false"),
    ] {
        let text = error(&format!("[tracing]\n{line}\n"));
        assert!(text.starts_with(&format!("a.toml:2: tracing.{key}: ")), "{text}");
        assert!(text.contains(range), "{text}");
    }
}

#[test]
fn a_collector_that_cannot_be_sent_to_is_named_with_its_line_and_without_secrets() {
    for (line, key, why) in [
        ("endpoint = \"collector:4318\"", "endpoint", "http://"),
        ("endpoint = \"http://me:sesame@host/\"", "endpoint", "has a user in it"),
        ("headers = { \"a b\" = \"sesame\" }", "headers", "a name that HTTP does not take"),
        ("headers = { a = \"sesame\\n\" }", "headers", "a value of more than text"),
        ("headers = [\"sesame\"]", "headers", "expected a table"),
        ("metrics_every = \"soon\"", "metrics_every", "not a time"),
        ("gzip = \"yes\"", "gzip", "true or false"),
    ] {
        let text = error(&format!("[otlp]\n{line}\n"));
        assert!(text.starts_with(&format!("a.toml:2: otlp.{key}: ")), "{text}");
        assert!(text.contains(why) && !text.contains("sesame"), "{text}");
    }
}

#[test]
fn a_bad_token_is_named_by_its_key_and_not_shown() {
    let text = error("token = \"sesame\"\n");
    assert!(text.starts_with("a.toml:1: token: a token has 8 to 256 "), "{text}");
    assert!(!text.contains("sesame"), "{text}");
    assert!(error("service = \" \"").starts_with("a.toml:1: service: "));
}

#[test]
fn a_host_name_that_no_request_can_have_is_named_with_its_line_and_key() {
    for bad in ["", "a.example:80", "http://a.example", "a b", "2001:db8::1", "a/"] {
        let text = error(&format!("\nallow_hosts = [\"ok.example\", \"{bad}\"]\n"));
        let expected = format!("a.toml:2: allow_hosts: `{bad}` is no host name: ");
        assert!(text.starts_with(&expected), "{text}");
    }
    let good = "allow_hosts = [\"a.example\", \"web_1\", \"192.0.2.7\", \"[2001:db8::1]\"]";
    assert_eq!(Config::parse("a.toml", good).unwrap().allow_hosts.len(), 4);
}

#[test]
fn what_is_no_toml_is_named_with_its_line() {
    assert!(error("tick = \"1s\"\nlisten = \n").starts_with("a.toml:2: "));
    assert!(error("tick = \"1s\"\ntick = \"2s\"\n").starts_with("a.toml:2: "));
}
