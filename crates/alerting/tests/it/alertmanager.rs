//! A real Alertmanager is told, shows it, and tells others.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use perf_monitor_alerting::{
    AlertManager, AlertRule, AlertSeverity, Alertmanager, Secret, Webhook,
};
use perf_monitor_http::{Request, Router, Server, ServerOptions, answer};
use serde_json::Value;
use tokio::time::{interval, timeout};

use crate::support::{Place, errors, peer};

/// How long the peer may take for anything before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

struct Peer {
    child: Child,
    url: String,
    _place: Place,
}

impl Peer {
    /// Starts it on a port that the system picks, and reads which from its log.
    fn start(program: &Path, webhook: &str) -> Peer {
        let place = Place::new();
        let config = place.join("config.yml");
        let text = format!(
            "route: {{receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: '{webhook}'}}]}}]\n"
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(movable(program, &place))
            .current_dir(templates(program).unwrap_or(place.join("")))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", place.join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find_map(|line| {
            let line = line.ok()?;
            let address = line.split("address=").nth(1)?.split_whitespace().next()?;
            (line.contains("Listening on") && address.contains("127.0.0.1"))
                .then(|| address.to_owned())
        });
        let address = line.expect("it says where it listens");
        // Nobody reads the rest; a full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Peer { child, url: format!("http://{address}"), _place: place }
    }
}

/// Where Debian's build looks for its templates, and a path of the same length that leads to the
/// working directory: an unpacked package finds them there.
const THERE: &[u8] = b"/usr/share/prometheus/alertmanager";
const HERE: &[u8] = b"/proc/self/cwd/./././././././././.";

/// The templates of an unpacked package.
fn templates(program: &Path) -> Option<PathBuf> {
    let root = program.ancestors().nth(3)?;
    let place = root.join("usr/share/prometheus/alertmanager");
    place.is_dir().then_some(place)
}

/// The program, or a copy of it that can stand anywhere.
fn movable(program: &Path, place: &Place) -> PathBuf {
    if templates(program).is_none() {
        return program.to_owned();
    }
    let here = HERE;
    let mut bytes = std::fs::read(program).unwrap();
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], THERE) {
        bytes[from + at..from + at + here.len()].copy_from_slice(here);
        from += at + here.len();
    }
    let copy = place.join("alertmanager");
    std::fs::write(&copy, bytes).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o700)).unwrap();
    copy
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A receiver of webhooks: the documents by who sent them.
async fn hooks() -> (String, Arc<Mutex<Vec<(String, Value)>>>) {
    let got: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let seen = got.clone();
    let server = Server::bind(([127, 0, 0, 1], 0), ServerOptions::default()).unwrap();
    let url = format!("http://{}", server.local_addr());
    let router = Router::new().post("/*", move |request: Request| {
        let value = serde_json::from_slice(request.body()).unwrap();
        seen.lock().unwrap().push((request.uri().path().to_owned(), value));
        std::future::ready(answer(StatusCode::OK, "text/plain", "ok"))
    });
    tokio::spawn(async move { server.serve(router, std::future::pending()).await });
    (url, got)
}

/// Asks until the answer is one; the peers take their time.
async fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let asking = async {
        let mut due = interval(Duration::from_millis(50));
        loop {
            due.tick().await;
            if let Some(found) = ask() {
                return found;
            }
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

fn query(amtool: &Path, url: &str) -> Vec<Value> {
    let url = format!("--alertmanager.url={url}");
    let run =
        Command::new(amtool).args(["alert", "query", "--output=json", &url]).output().unwrap();
    serde_json::from_slice(&run.stdout).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_alertmanager_shows_what_fires_and_tells_of_its_end() {
    let Some(program) = peer("PERF_MONITOR_ALERTMANAGER") else { return };
    let Some(amtool) = peer("PERF_MONITOR_AMTOOL") else { return };
    let (hook, got) = hooks().await;
    let theirs = Peer::start(&program, &format!("{hook}/theirs"));
    let rule = AlertRule::new("errors", AlertSeverity::Critical, |m| m.error_rate > 0.5)
        .label("route", "/cart?x=\"1\"")
        .message("too many errors");
    let manager = AlertManager::builder()
        .rule(rule)
        .notify(Alertmanager::new(theirs.url.as_str()))
        .notify(Webhook::new(Secret::text(format!("{hook}/ours"))))
        .build()
        .unwrap();
    manager.check_alerts(&errors(0.9)).await;
    let shown = until("showing it", || query(&amtool, &theirs.url).pop()).await;
    assert_eq!(shown["labels"]["alertname"], "errors");
    assert_eq!(shown["labels"]["route"], "/cart?x=\"1\"");
    assert_eq!(shown["annotations"]["summary"], "too many errors");
    let fingerprint = manager.alert_views()[0].fingerprint.clone();
    assert_eq!(shown["fingerprint"], fingerprint.as_str());

    let sent = |by: &str, status: &str| {
        let got = got.lock().unwrap();
        let fits = |(path, value): &&(String, Value)| path == by && value["status"] == status;
        got.iter().find(fits).map(|(_, value)| value.clone())
    };
    let firing = until("their webhook", || sent("/theirs", "firing")).await;
    let ours = until("our webhook", || sent("/ours", "firing")).await;
    same_form(&firing, &ours, "");
    assert_eq!(firing["alerts"][0]["fingerprint"], ours["alerts"][0]["fingerprint"]);
    assert_eq!(firing["alerts"][0]["startsAt"], ours["alerts"][0]["startsAt"]);

    manager.check_alerts(&errors(0.0)).await;
    let resolved = until("their resolve", || sent("/theirs", "resolved")).await;
    let ours = until("our resolve", || sent("/ours", "resolved")).await;
    same_form(&resolved, &ours, "");
    assert_eq!(resolved["alerts"][0]["endsAt"], ours["alerts"][0]["endsAt"]);
    until("taking it away", || query(&amtool, &theirs.url).is_empty().then_some(())).await;
}

/// Everything that a webhook of theirs has is in ours, and of the same kind.
fn same_form(theirs: &Value, ours: &Value, path: &str) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                let path = format!("{path}.{key}");
                let own = ours.get(key).unwrap_or_else(|| panic!("{path} is missing"));
                same_form(value, own, &path);
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => same_form(&theirs[0], &ours[0], path),
        (theirs, ours) => assert_eq!(
            std::mem::discriminant(theirs),
            std::mem::discriminant(ours),
            "{path}: {theirs} and {ours}"
        ),
    }
}
