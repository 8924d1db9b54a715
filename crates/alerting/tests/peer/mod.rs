//! Programs of others that tests run against, and a real Alertmanager.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The program that `variable` names, or none where peers are not asked for.
pub(crate) fn peer(variable: &str) -> Option<PathBuf> {
    if std::env::var_os("PERF_MONITOR_PEERS").is_none() {
        println!("skipped: set PERF_MONITOR_PEERS and {variable} to run it");
        return None;
    }
    let path = std::env::var_os(variable);
    Some(path.unwrap_or_else(|| panic!("{variable} names no program")).into())
}

/// A real Alertmanager, on a port that the system picks; it ends with this, and its files go away.
pub(crate) struct Alertmanager {
    child: Child,
    pub(crate) address: SocketAddr,
    place: PathBuf,
}

impl Alertmanager {
    /// Starts `program` with this configuration, and reads from its log where it listens.
    pub(crate) fn start(program: &Path, config: &str) -> Alertmanager {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("pm-alertmanager-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let place = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place).unwrap();
        let path = place.join("config.yml");
        std::fs::write(&path, config).unwrap();
        let (program, directory) = movable(program, &place);
        let mut child = Command::new(program)
            .current_dir(directory)
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.path={}", place.join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.ok().filter(|line| line.contains("Listening on"))?;
            line.split("address=").nth(1)?.split_whitespace().next()?.parse().ok()
        });
        let address = address.expect("it says where it listens");
        // Nobody reads the rest; a full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Alertmanager { child, address, place }
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.place);
    }
}

/// Debian's build looks for its templates in `/usr/share`: a copy of it, unpacked, finds them by a path of the
/// same length that leads to the working directory.
fn movable(program: &Path, place: &Path) -> (PathBuf, PathBuf) {
    const THERE: &[u8] = b"/usr/share/prometheus/alertmanager";
    const HERE: &[u8] = b"/proc/self/cwd/./././././././././.";
    let root =
        program.ancestors().nth(3).map(|root| root.join("usr/share/prometheus/alertmanager"));
    let Some(templates) = root.filter(|templates| templates.is_dir()) else {
        return (program.to_owned(), place.to_owned());
    };
    let mut bytes = std::fs::read(program).unwrap();
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(THERE.len()).position(|window| window == THERE) {
        from += at;
        bytes[from..from + HERE.len()].copy_from_slice(HERE);
    }
    let copy = place.join("alertmanager");
    std::fs::write(&copy, bytes).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o700)).unwrap();
    (copy, templates)
}
