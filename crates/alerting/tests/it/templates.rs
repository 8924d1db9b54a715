//! Templates rendered as Prometheus renders them.

use std::fmt::Write;
use std::process::Command;

use perf_monitor_alerting::{Labels, Template, Values};

use crate::peer::peer;
use crate::support::Place;

const TEMPLATES: [&str; 33] = [
    "{{ $value }}",
    "{{ .Value }} {{.Labels.zone}}",
    "{{ humanize $value }}",
    "{{ $value | humanize1024 }}B",
    "{{ $value | humanizeDuration }}",
    "{{ $value | humanizePercentage }}",
    "{{ printf \"%.2f\" $value }}",
    "{{ $value | printf \"%.0f%%\" }}",
    "{{ printf \"%8.3f|%-8.1f|%08.2f|%+.1f\" $value $value $value $value }}",
    "{{ printf \"%g %.3g %e %.1e\" $value $value $value $value }}",
    "{{ printf \"%s is %v\" $labels.zone $value }}",
    "{{ printf \"%q %5s|%-5s|\" $labels.zone \"ab\" \"ab\" }}",
    "{{ $labels.zone | toUpper }} {{ $labels.zone | title }} {{ \"ABC\" | toLower }}",
    "{{ $labels.missing }}.",
    "{{ if gt $value 1.0 }}large{{ else if lt $value -1.0 }}negative{{ else }}small{{ end }}",
    "{{ if and (gt $value 0.0) (lt $value 10.0) }}in{{ else }}out{{ end }}",
    "{{ if or (eq $labels.zone \"eu-1\") false }}europe{{ end }}",
    "{{ if not $labels.missing }}none{{ end }}",
    "a {{- \" b \" -}} c",
    "x {{/* a comment */}} y",
    "{{ with $labels.zone }}zone {{ . }}{{ end }}",
    "{{ with $labels.missing }}there{{ else }}not there{{ end }}",
    "{{ $zone := $labels.zone }}{{ $zone }}-{{ $zone }}",
    "{{ if match \"^eu-[0-9]$\" $labels.zone }}matches{{ end }}",
    "{{ reReplaceAll \"eu-(.*)\" \"zone $1\" $labels.zone }}",
    "{{ stripPort \"web-1:9100\" }} {{ stripDomain \"web-1.example.org:9100\" }}",
    "{{ len $labels.zone }}",
    "{{ print \"a\" 1 2 \"b\" }}",
    "{{ `raw {{ text }}` }}",
    "{{ (printf \"%.1f\" $value) | toUpper }}",
    "{{ $labels.zone | printf \"%s:%s\" \"x\" }}",
    "{{ humanizeTimestamp 1700000000.5 }}",
    "plain text with } and {",
];

const VALUES: [(&str, f64); 13] = [
    ("0", 0.0),
    ("1", 1.0),
    ("-5.5", -5.5),
    ("0.1234567", 0.123_456_7),
    ("1e-7", 1e-7),
    ("999.96", 999.96),
    ("1000", 1_000.0),
    ("1234567", 1_234_567.0),
    ("100000", 100_000.0),
    ("3661.7", 3_661.7),
    ("1e15", 1e15),
    ("Inf", f64::INFINITY),
    ("NaN", f64::NAN),
];

fn labels() -> Labels {
    Labels::new([("zone", "eu-1")])
}

/// The rules, and the tests that expect what this crate makes of them.
fn written() -> (String, String) {
    let mut rules = "groups:\n- name: g\n  rules:\n".to_owned();
    let mut tests =
        "rule_files: [rules.yml]\ntests:\n- interval: 1m\n  alert_rule_test:\n".to_owned();
    let labels = labels();
    for (n, (text, value)) in VALUES.iter().enumerate() {
        let expr = format!("label_replace(vector({text}), \"zone\", \"eu-1\", \"\", \"\")");
        let _ = write!(rules, "  - alert: A{n}\n    expr: '{expr}'\n    annotations:\n");
        let _ = write!(
            tests,
            "  - eval_time: 0m\n    alertname: A{n}\n    exp_alerts:\n    - exp_labels: {{zone: eu-1}}\n      \
             exp_annotations:\n"
        );
        for (at, template) in TEMPLATES.iter().enumerate() {
            let rendered = Template::new(*template)
                .try_render(&Values { labels: &labels, value: *value })
                .unwrap_or_else(|why| panic!("{template}: {why}"));
            let _ = writeln!(rules, "      a{at}: {}", serde_json::Value::from(*template));
            let _ = writeln!(tests, "        a{at}: {}", serde_json::Value::from(rendered));
        }
    }
    (rules, tests)
}

#[test]
fn every_template_is_rendered() {
    let (rules, tests) = written();
    assert!(rules.len() > 10_000 && tests.contains("\"1.235M\""));
}

#[test]
fn prometheus_renders_them_the_same() {
    let Some(promtool) = peer("PERF_MONITOR_PROMTOOL") else { return };
    let place = Place::new();
    let (rules, tests) = written();
    std::fs::write(place.join("rules.yml"), rules).unwrap();
    std::fs::write(place.join("tests.yml"), tests).unwrap();
    let run = Command::new(&promtool)
        .args(["test", "rules"])
        .arg(place.join("tests.yml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    assert!(run.status.success(), "{said}");
}

#[test]
fn what_cannot_be_rendered_is_shown_as_it_was_written() {
    let labels = labels();
    for broken in [
        "{{ $value",
        "{{ shout $value }}",
        "{{ query \"up\" | first | value }}",
        "{{ range $labels }}x{{ end }}",
        "{{ if $value }}no end",
        "{{ end }}",
        "{{ $nothing }}",
        "{{ .Nothing }}",
        "{{ \"open }}",
        "{{ $labels.zone | humanize }}",
        "{{ }}",
        "{{ ((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))) }}",
        "{{ printf \"%d\" 1.5 }}",
        "{{ printf \"%999999999d\" 1.0 }}",
    ] {
        let template = Template::new(broken);
        let values = Values { labels: &labels, value: 1.0 };
        assert!(template.try_render(&values).is_err(), "{broken}");
        assert_eq!(template.render(&values), broken);
    }
}
