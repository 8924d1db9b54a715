//! Notifiers beyond HTTP: a program, a mail server.

use std::time::Duration;

use perf_monitor_alerting::{AlertManager, AlertRule, AlertSeverity, Fate, Route};

use crate::support::{Bench, errors};

fn bench(route: impl Into<Route>) -> Bench {
    let rule = AlertRule::new("errors", AlertSeverity::Critical, |m| m.error_rate > 0.5)
        .label("route", "$(touch /no); `x`\nSubject: y")
        .message("too many errors");
    let route = route.into().retry(Duration::from_millis(1), Duration::from_millis(5));
    Bench::new(AlertManager::builder().rule(rule).notify(route))
}

#[cfg(all(feature = "command", unix))]
mod command {
    use perf_monitor_alerting::CommandNotifier;
    use serde_json::Value;

    use super::*;
    use crate::support::Place;

    #[tokio::test]
    async fn a_program_gets_the_document_on_its_input_and_nothing_through_a_shell() {
        let place = Place::new();
        let out = place.join("out");
        // A shell is what this test itself asks for; the alert is only ever on its input.
        let script = "cat > \"$0\" && echo \"$#\" >> \"$0\"";
        let program = CommandNotifier::new("sh").argument("-c").argument(script).argument(&out);
        let bench = bench(program);
        bench.tick(&errors(0.9)).await;
        assert_eq!(bench.manager.history(1)[0].fate, Fate::Delivered);
        let text = std::fs::read_to_string(&out).unwrap();
        let (document, arguments) = text.rsplit_once('}').unwrap();
        let document: Value = serde_json::from_str(&format!("{document}}}")).unwrap();
        assert_eq!(document["alerts"][0]["labels"]["route"], "$(touch /no); `x`\nSubject: y");
        assert_eq!(arguments.trim(), "0");
    }

    #[tokio::test]
    async fn a_program_s_status_says_whether_to_try_again() {
        for (status, fate, attempts) in [("0", Fate::Delivered, 1), ("1", Fate::Refused, 1)] {
            let script = format!("exit {status}");
            let bench = bench(CommandNotifier::new("sh").argument("-c").argument(script));
            bench.tick(&errors(0.9)).await;
            let entry = &bench.manager.history(1)[0];
            assert_eq!((entry.fate, entry.attempts), (fate, attempts));
        }
        let place = Place::new();
        let script = "test -e \"$0\" || { touch \"$0\"; exit 75; }";
        let program =
            CommandNotifier::new("sh").argument("-c").argument(script).argument(place.join("x"));
        let bench = bench(program);
        bench.tick(&errors(0.9)).await;
        let entry = &bench.manager.history(1)[0];
        assert_eq!((entry.fate, entry.attempts), (Fate::Delivered, 2));
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_and_one_that_is_missing_is_said() {
        let hangs = CommandNotifier::new("sleep").argument("1000");
        let limits = perf_monitor_alerting::Limits { age: Duration::ZERO, ..Default::default() };
        for (program, why) in [
            (hangs, "no answer within 100ms"),
            (CommandNotifier::new("no-such-program"), "started"),
        ] {
            let rule = AlertRule::new("errors", AlertSeverity::Info, |m| m.error_rate > 0.5);
            let route = Route::to(program).timeout(Duration::from_millis(100));
            let builder = AlertManager::builder().rule(rule).limits(limits.clone()).notify(route);
            let bench = Bench::new(builder);
            bench.tick(&errors(0.9)).await;
            let entry = &bench.manager.history(1)[0];
            assert!(entry.answer.as_deref().unwrap().contains(why), "{entry:?}");
        }
    }
}

#[cfg(feature = "email")]
mod email {
    use std::io::{BufRead, BufReader, Lines, Write};
    use std::net::TcpListener;
    use std::process::{Child, ChildStdout, Command, Stdio};
    use std::sync::{Arc, Mutex};

    use perf_monitor_alerting::{Email, HistoryView, Secret, SmtpSecurity};
    use serde_json::{Value, json};

    use super::*;
    use crate::support::Place;

    /// A mail server that takes what it gets, after `refusals` times saying `451`.
    fn server(mut refusals: u32) -> (u16, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mails: Arc<Mutex<Vec<String>>> = Arc::default();
        let taken = mails.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut out = stream.unwrap();
                let mut lines = BufReader::new(out.try_clone().unwrap()).lines();
                out.write_all(b"220 here\r\n").unwrap();
                let mut mail: Option<String> = None;
                while let Some(Ok(line)) = lines.next() {
                    let answer = match (&mut mail, line.as_str()) {
                        (Some(text), ".") => {
                            taken.lock().unwrap().push(std::mem::take(text));
                            mail = None;
                            "250 taken\r\n"
                        }
                        (Some(text), line) => {
                            text.push_str(line);
                            text.push('\n');
                            continue;
                        }
                        (None, "DATA") => {
                            mail = Some(String::new());
                            "354 go on\r\n"
                        }
                        (None, line) if line.starts_with("MAIL") && refusals > 0 => {
                            refusals -= 1;
                            "451 later\r\n"
                        }
                        (None, "QUIT") => "221 bye\r\n",
                        _ => "250 ok\r\n",
                    };
                    if out.write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            }
        });
        (port, mails)
    }

    /// A real mail server that wants TLS and a password.
    struct MailServer {
        child: Child,
        port: u16,
        lines: Lines<BufReader<ChildStdout>>,
        certificate: String,
        _place: Place,
    }

    impl MailServer {
        /// `None` where no Python with the server is named.
        fn start(mode: &str, name: &str) -> Option<MailServer> {
            let Some(python) = std::env::var_os("PERF_MONITOR_SMTP_PYTHON") else {
                println!("skipped: set PERF_MONITOR_SMTP_PYTHON to run it");
                return None;
            };
            let place = Place::new();
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            let certificate = made.cert.pem();
            std::fs::write(place.join("cert.pem"), &certificate).unwrap();
            std::fs::write(place.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
            let mut child = Command::new(python)
                .args(["-c", include_str!("mail_server.py"), mode])
                .args([place.join("cert.pem"), place.join("key.pem")])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let port = lines.next().unwrap().unwrap().parse().unwrap();
            Some(MailServer { child, port, lines, certificate, _place: place })
        }

        fn email(&self, security: SmtpSecurity) -> Email {
            let email = Email::new("localhost", "monitor@example.org", &["ops@example.org"]);
            let email = email.unwrap().security(security).port(self.port);
            email.login("me", Secret::text("hunter2"))
        }

        fn trusted(&self, security: SmtpSecurity) -> Email {
            self.email(security).root_certificates(self.certificate.as_bytes()).unwrap()
        }

        fn mail(&mut self) -> Value {
            serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
        }
    }

    impl Drop for MailServer {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// What one attempt at a mail ends with.
    async fn once(email: Email) -> HistoryView {
        let limits = perf_monitor_alerting::Limits { age: Duration::ZERO, ..Default::default() };
        let rule = AlertRule::new("errors", AlertSeverity::Critical, |m| m.error_rate > 0.5);
        let bench = Bench::new(AlertManager::builder().rule(rule).limits(limits).notify(email));
        bench.tick(&errors(0.9)).await;
        bench.manager.history(1).remove(0)
    }

    const MODES: [(&str, SmtpSecurity); 2] =
        [("starttls", SmtpSecurity::StartTls), ("tls", SmtpSecurity::Tls)];

    #[tokio::test]
    async fn a_real_server_takes_mail_over_tls_from_one_that_knows_the_password() {
        for (mode, security) in MODES {
            let Some(mut server) = MailServer::start(mode, "localhost") else { return };
            let entry = once(server.trusted(security)).await;
            assert_eq!(entry.fate, Fate::Delivered, "{mode}: {entry:?}");
            let mail = server.mail();
            assert_eq!((&mail["encrypted"], &mail["authenticated"]), (&json!(true), &json!(true)));
            assert_eq!(mail["to"], json!(["ops@example.org"]));
            let text = mail["text"].as_str().unwrap();
            assert!(text.contains("Subject: [FIRING:1] errors"), "{text}");

            let wrong = server.trusted(security).login("me", Secret::text("hunter3"));
            let entry = once(wrong).await;
            let answer = entry.answer.unwrap();
            assert!(answer.contains("535") && !answer.contains("hunter"), "{mode}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_certificate_that_is_not_trusted_or_not_for_the_server_says_what_to_do() {
        for (mode, security) in MODES {
            let Some(server) = MailServer::start(mode, "localhost") else { return };
            let answer = once(server.email(security)).await.answer.unwrap();
            assert!(answer.contains("certificate"), "{mode}: {answer}");
            assert!(answer.contains("Email::root_certificates"), "{mode}: {answer}");
            let server = MailServer::start(mode, "elsewhere.example").unwrap();
            let answer = once(server.trusted(security)).await.answer.unwrap();
            assert!(answer.contains("not valid for name"), "{mode}: {answer}");
        }
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "nonsense", broken] {
            let email = Email::new("localhost", "a@example.org", &["b@example.org"]).unwrap();
            let error = email.root_certificates(pem.as_bytes()).unwrap_err();
            assert!(error.is_options(), "{pem}: {error}");
        }
    }

    /// A server that takes no TLS at all is not spoken to in the clear.
    #[tokio::test]
    async fn a_server_without_tls_gets_nothing() {
        let (port, mails) = server(0);
        let email = Email::new("127.0.0.1", "a@example.org", &["b@example.org"]).unwrap();
        let entry = once(email.port(port)).await;
        assert_eq!(entry.fate, Fate::TooOld, "{entry:?}");
        assert!(mails.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_mail_arrives_when_the_server_takes_it() {
        let (port, mails) = server(1);
        let email = Email::new("127.0.0.1", "Monitor <monitor@example.org>", &["ops@example.org"])
            .unwrap()
            .security(SmtpSecurity::None)
            .port(port);
        let bench = bench(email);
        bench.tick(&errors(0.9)).await;
        let entry = &bench.manager.history(1)[0];
        assert_eq!((entry.fate, entry.attempts), (Fate::Delivered, 2));
        let mail = mails.lock().unwrap().remove(0);
        assert!(mail.contains("Subject: [FIRING:1] errors\n"), "{mail}");
        assert!(mail.contains(&format!("Message-ID: <{}@perf-monitor>", entry.id)), "{mail}");
        assert!(mail.contains("too many errors") && mail.contains("severity: critical"), "{mail}");
        assert!(mail.contains("To: ops@example.org"), "{mail}");
    }

    #[tokio::test]
    async fn a_password_is_neither_shown_nor_sent_in_the_clear() {
        let (port, mails) = server(0);
        let email = Email::new("127.0.0.1", "a@example.org", &["b@example.org"])
            .unwrap()
            .security(SmtpSecurity::None)
            .port(port)
            .login("me", Secret::text("hunter2"));
        assert!(!format!("{email:?}").contains("hunter2"));
        let limits = perf_monitor_alerting::Limits { age: Duration::ZERO, ..Default::default() };
        let rule = AlertRule::new("errors", AlertSeverity::Info, |m| m.error_rate > 0.5);
        let bench = Bench::new(AlertManager::builder().rule(rule).limits(limits).notify(email));
        bench.tick(&errors(0.9)).await;
        let answer = bench.manager.history(1)[0].answer.clone().unwrap();
        assert!(answer.contains("without TLS"), "{answer}");
        assert!(mails.lock().unwrap().is_empty());
        assert!(Email::new("x", "nobody", &["b@example.org"]).unwrap_err().is_options());
        assert!(Email::new("x", "a@example.org", &[]).unwrap_err().is_options());
    }
}
