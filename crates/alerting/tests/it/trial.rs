//! Rules tried out, by this crate and by promtool.

use std::path::{Path, PathBuf};
use std::process::Command;

use perf_monitor_alerting::{check_rules, test_rules};

use crate::peer::peer;
use crate::support::Place;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join(name)
}

#[test]
fn the_shipped_rules_and_their_tests_are_fine() {
    let text = std::fs::read_to_string(shipped("default.yml")).unwrap();
    let report = check_rules("default.yml", &text);
    assert_eq!((report.errors.as_slice(), report.warnings.as_slice()), (&[][..], &[][..]));
    assert_eq!(report.alerting, 6);
    let report = test_rules(&shipped("default_test.yml")).unwrap();
    assert!(report.is_ok(), "{report}");
}

#[test]
fn promtool_says_the_same_of_them() {
    let Some(promtool) = peer("PERF_MONITOR_PROMTOOL") else { return };
    for arguments in [["check", "rules", "default.yml"], ["test", "rules", "default_test.yml"]] {
        let run =
            Command::new(&promtool).args(arguments).current_dir(shipped("")).output().unwrap();
        let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
        assert!(run.status.success(), "{said}");
    }
}

/// Files on which promtool and this crate must agree, and the line that ours names.
const FILES: [(&str, Option<u32>); 14] = [
    ("groups: []\n", None),
    ("", None),
    (
        "groups:\n- name: a\n  interval: 30s\n  limit: 5\n  rules:\n  - alert: A\n    expr: up == 0\n    for: 1h30m\n    keep_firing_for: 5m\n    labels: {a: b}\n    annotations: {summary: '{{ $value }}'}\n",
        None,
    ),
    ("groups:\n- name: a\n  rules:\n  - record: job:up:sum\n    expr: sum by (job) (up)\n", None),
    (
        "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: vector(1)\n    labels: &l {severity: page}\n  - alert: B\n    expr: vector(1)\n    labels: *l\n",
        None,
    ),
    ("groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up ==\n", Some(5)),
    ("groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    fore: 5m\n", Some(6)),
    ("groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    for: soon\n", Some(6)),
    ("groups:\n- name: a\n  rules:\n  - alert: A\n", Some(4)),
    ("groups:\n- name: a\n- name: a\n", Some(3)),
    ("groups:\n- name: a\n  rules:\n  - alert: A\n    record: b\n    expr: up\n", Some(4)),
    ("groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    labels: {1a: b}\n", Some(6)),
    ("groups:\n- name: a\n  rules:\n  - record: a-b\n    expr: up\n", Some(4)),
    ("groups: {\n", Some(2)),
];

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    for (text, line) in FILES {
        let report = check_rules("rules.yml", text);
        assert_eq!(report.errors.first().map(|error| error.line), line, "{text}\n{report}");
    }
}

#[test]
fn promtool_takes_the_same_files() {
    let Some(promtool) = peer("PERF_MONITOR_PROMTOOL") else { return };
    let place = Place::new();
    for (text, line) in FILES {
        let path = place.join("rules.yml");
        std::fs::write(&path, text).unwrap();
        let run = Command::new(&promtool).args(["check", "rules"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
        assert_eq!(run.status.success(), line.is_none(), "{text}\n{said}");
    }
}

const RULES: &str = "
groups:
- name: g
  rules:
  - alert: Full
    expr: depth > 5
    for: 2m
    keep_firing_for: 1m
    labels: {queue: '{{ $labels.queue | toUpper }}'}
    annotations:
      summary: '{{ $value }} {{ $value | humanize }} {{ printf \"%.2f %s\" $value $labels.queue }}'
      description: '{{ if gt $value 1000.0 }}much{{ else }}some{{ end }} {{ $labels.none }}.'
";

const TESTS: &str = "
rule_files: ['*les.yml']
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - {series: 'depth{queue=\"a\"}', values: '1 7 7 7 1 1 1 7x5'}
  - {series: 'depth{queue=\"b\"}', values: '1 1234567x10'}
  alert_rule_test:
  - {eval_time: 2m, alertname: Full}
  - eval_time: 3m30s
    alertname: Full
    exp_alerts:
    - exp_labels: {queue: A}
      exp_annotations: {summary: 7 7 7.00 a, description: 'some .'}
    - exp_labels: {queue: B}
      exp_annotations: {summary: 1.234567e+06 1.235M 1234567.00 b, description: 'much .'}
  - eval_time: 5m
    alertname: Full
    exp_alerts:
    - exp_labels: {queue: B}
      exp_annotations: {summary: 1.234567e+06 1.235M 1234567.00 b, description: 'much .'}
  promql_expr_test:
  - {expr: sum(depth), eval_time: 1m, exp_samples: [{value: 1234574}]}
  - expr: depth
    eval_time: 0m
    exp_samples:
    - {labels: 'depth{queue=\"a\"}', value: 1}
    - {labels: 'depth{queue=\"b\"}', value: 1}
  - {expr: time() * 0.1, eval_time: 1m, exp_samples: [{value: 6}]}
";

const RECORDING: &str = "
groups:
- name: second
  rules:
  - {record: 'all:doubled', expr: 'sum(depth:doubled)', labels: {level: top}}
- name: first
  rules:
  - {record: 'depth:doubled', expr: 2 * depth, labels: {queue: q, half: ''}}
  - {alert: Deep, expr: 'depth:doubled > 10', for: 1m}
  - {record: 'alerts:count', expr: 'count(ALERTS)'}
";

const RECORDING_TESTS: &str = "
rule_files: [recording.yml]
evaluation_interval: 1m
group_eval_order: [first, second]
tests:
- interval: 1m
  input_series:
  - {series: 'depth{queue=\"a\",half=\"x\"}', values: '1 7 7 7 _ stale'}
  alert_rule_test:
  - {eval_time: 1m, alertname: Deep}
  - {eval_time: 2m, alertname: Deep, exp_alerts: [{exp_labels: {queue: q}}]}
  promql_expr_test:
  - {expr: 'depth:doubled', eval_time: 1m, exp_samples: [{labels: 'depth:doubled{queue=\"q\"}', value: 14}]}
  - {expr: 'all:doubled', eval_time: 1m, exp_samples: [{labels: 'all:doubled{level=\"top\"}', value: 14}]}
  - {expr: 'depth:doubled', eval_time: 5m}
  - {expr: 'all:doubled', eval_time: 6m}
  - {expr: 'alerts:count', eval_time: 2m, exp_samples: [{labels: 'alerts:count', value: 1}]}
  - {expr: 'count_over_time(depth:doubled[6m])', eval_time: 6m, exp_samples: [{labels: '{queue=\"q\"}', value: 5}]}
  - expr: ALERTS
    eval_time: 1m
    exp_samples: [{labels: 'ALERTS{alertname=\"Deep\",alertstate=\"pending\",queue=\"q\"}', value: 1}]
  - expr: ALERTS_FOR_STATE
    eval_time: 3m
    exp_samples: [{labels: 'ALERTS_FOR_STATE{alertname=\"Deep\",queue=\"q\"}', value: 60}]
";

fn written_recording(place: &Place) -> PathBuf {
    std::fs::write(place.join("recording.yml"), RECORDING).unwrap();
    std::fs::write(place.join("tests.yml"), RECORDING_TESTS).unwrap();
    place.join("tests.yml")
}

#[test]
fn what_is_recorded_is_there_for_later_rules_and_expressions() {
    let place = Place::new();
    let report = test_rules(&written_recording(&place)).unwrap();
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.cases[0].checked, 10);
}

fn written(place: &Place, tests: &str) -> PathBuf {
    std::fs::write(place.join("rules.yml"), RULES).unwrap();
    std::fs::write(place.join("tests.yml"), tests).unwrap();
    place.join("tests.yml")
}

#[test]
fn tests_of_promtool_s_form_run_here() {
    let place = Place::new();
    let report = test_rules(&written(&place, TESTS)).unwrap();
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.cases[0].checked, 6);
}

#[test]
fn they_run_there_with_the_same_result() {
    let Some(promtool) = peer("PERF_MONITOR_PROMTOOL") else { return };
    let place = Place::new();
    for path in [written(&place, TESTS), written_recording(&place)] {
        let run = Command::new(&promtool).args(["test", "rules"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
        assert!(run.status.success(), "{said}");
    }
}

#[test]
fn a_test_that_fails_says_what_was_expected_where_and_what_there_was() {
    let place = Place::new();
    let tests = TESTS.replace("summary: 7 7 7.00 a", "summary: 8");
    let report = test_rules(&written(&place, &tests)).unwrap();
    let text = report.to_string();
    assert!(
        !report.is_ok() && text.contains("tests.yml:11: test 1: alert Full at 3m30s"),
        "{text}"
    );
    assert!(text.contains("summary=\"8\"") && text.contains("summary=\"7 7 7.00 a\""), "{text}");
    let tests = TESTS.replace("values: '1 7", "values: '1 seven");
    let error = test_rules(&written(&place, &tests)).unwrap_err();
    assert!(error.is_rules() && error.to_string().contains("tests.yml:7: \"seven\""), "{error}");
}

#[test]
fn expected_notifications_are_checked_too() {
    let place = Place::new();
    let tests = "
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - {series: 'depth{queue=\"a\"}', values: '1 7 7 7 1 1 1 1 1'}
  receivers:
  - {name: team, group_by: [alertname], group_wait: 1m}
  notification_test:
  - eval_time: 8m
    exp_notifications:
    - {at: 4m, receiver: team, status: firing, alerts: [Full]}
    - {at: 5m, receiver: team, status: resolved, alerts: [Full]}
";
    let report = test_rules(&written(&place, tests)).unwrap();
    assert!(report.is_ok(), "{report}");
    let report = test_rules(&written(&place, &tests.replace("at: 4m", "at: 3m"))).unwrap();
    assert!(report.to_string().contains("got at 4m to team: firing Full"), "{report}");
}
