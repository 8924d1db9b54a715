//! Mail by SMTP.

use std::fmt;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters, TlsParametersBuilder};
use lettre::transport::smtp::{SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use perf_monitor_http::BoxFuture;

use super::{Attempt, Notifier, Secret};
use crate::error::Error;
use crate::notification::{Notice, Notification, Status};
use crate::time::rfc3339;

/// How the connection to the server is kept from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the beginning, on port 465.
    Tls,
    /// TLS after `STARTTLS`, which must succeed, on port 587.
    #[default]
    StartTls,
    /// None, on port 25: for a server on this machine. A password is not sent over it.
    None,
}

/// Sends a mail for each notification. One that is sent twice has the same `Message-ID`.
#[derive(Clone)]
pub struct Email {
    server: String,
    port: Option<u16>,
    security: SmtpSecurity,
    login: Option<(String, Secret)>,
    from: Mailbox,
    to: Vec<Mailbox>,
    /// Trusted beside the public roots.
    roots: Vec<Certificate>,
}

impl Email {
    /// From one address to others, by this server.
    ///
    /// # Errors
    /// [`is_options`](Error::is_options): an address is none, or there is nobody to send to.
    pub fn new(server: impl Into<String>, from: &str, to: &[&str]) -> Result<Email, Error> {
        let address = |text: &str| {
            text.parse::<Mailbox>().map_err(|cause| {
                Error::options(format!("{text:?} is no mail address: {cause}")).because(cause)
            })
        };
        let to: Vec<Mailbox> = to.iter().map(|text| address(text)).collect::<Result<_, _>>()?;
        if to.is_empty() {
            return Err(Error::options("nobody to send mail to: give an address"));
        }
        let from = address(from)?;
        let (server, security) = (server.into(), SmtpSecurity::default());
        Ok(Email { server, port: None, security, login: None, from, to, roots: Vec::new() })
    }

    /// How the connection is kept from others.
    pub fn security(mut self, security: SmtpSecurity) -> Self {
        self.security = security;
        self
    }

    /// Another port than the usual one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// A name and a password for the server.
    pub fn login(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.login = Some((user.into(), password));
        self
    }

    /// Trusts the certificates of `pem` beside the public ones, such as a company's own, or the server's if it
    /// signed it itself.
    ///
    /// # Errors
    /// [`is_options`](Error::is_options): there is no certificate in `pem`, or a broken one.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, Error> {
        let broken = || Error::options("not a certificate in PEM that can be trusted");
        if !String::from_utf8_lossy(pem).contains("-----BEGIN CERTIFICATE-----") {
            return Err(broken());
        }
        self.roots.push(Certificate::from_pem(pem).map_err(|cause| broken().because(cause))?);
        self.tls().map_err(|cause| broken().because(cause))?;
        Ok(self)
    }

    /// What is sent.
    ///
    /// # Errors
    /// A header cannot be written.
    pub fn message(&self, notification: &Notification) -> Result<Vec<u8>, Error> {
        self.compose(notification).map(|message| message.formatted())
    }

    fn compose(&self, notification: &Notification) -> Result<Message, Error> {
        // A line break in a subject would be a header of somebody else's.
        let subject: String = notification.title().chars().filter(|c| !c.is_control()).collect();
        let since = std::time::Duration::from_millis(notification.unix_ms.max(0).unsigned_abs());
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(subject)
            .date(std::time::SystemTime::UNIX_EPOCH + since)
            .message_id(Some(format!("<{}@perf-monitor>", notification.id)))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        let text: Vec<String> =
            notification.alerts.iter().map(|notice| paragraph(notice)).collect();
        message.body(text.join("\n")).map_err(|cause| {
            Error::options(format!("the mail cannot be written: {cause}")).because(cause)
        })
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, Error> {
        let server = self.server.as_str();
        let tls = || {
            self.tls().map_err(|cause| {
                Error::options(format!("{server:?} is no mail server: {cause}")).because(cause)
            })
        };
        let (tls, port) = match self.security {
            SmtpSecurity::Tls => (Tls::Wrapper(tls()?), SUBMISSIONS_PORT),
            SmtpSecurity::StartTls => (Tls::Required(tls()?), SUBMISSION_PORT),
            SmtpSecurity::None => (Tls::None, SMTP_PORT),
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server);
        let mut builder = builder.tls(tls).port(self.port.unwrap_or(port));
        if let Some((user, password)) = &self.login {
            if self.security == SmtpSecurity::None {
                return Err(Error::options("a password is not sent without TLS: take StartTls"));
            }
            let password = password.read()?;
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(builder.build())
    }

    async fn send(&self, notification: &Notification) -> Attempt {
        let prepared = self.compose(notification).and_then(|m| Ok((m, self.transport()?)));
        let (message, transport) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Attempt::Later(error.to_string(), None),
        };
        match transport.send(message).await {
            Ok(answer) => Attempt::Delivered(answer.code().to_string()),
            Err(error) if error.is_permanent() => Attempt::Never(error.to_string()),
            Err(error) => Attempt::Later(said(&error), None),
        }
    }

    fn tls(&self) -> Result<TlsParameters, SmtpError> {
        let builder = TlsParameters::builder(self.server.clone());
        let add = |builder: TlsParametersBuilder, root: &Certificate| {
            builder.add_root_certificate(root.clone())
        };
        self.roots.iter().fold(builder, add).build_rustls()
    }
}

/// What went wrong, with what to do about a certificate.
fn said(error: &SmtpError) -> String {
    let text = error.to_string();
    let cause = text.trim_start_matches("Connection error: ");
    match cause.contains("certificate") {
        true => format!(
            "no TLS with the server: is its certificate for its name, and trusted (Email::root_certificates)? {cause}"
        ),
        false => text,
    }
}

fn paragraph(notice: &Notice) -> String {
    let mut lines = vec![notice.sentence(), String::new()];
    lines.push(match (notice.status(), notice.ends_unix_ms) {
        (Status::Resolved, Some(ends)) => format!("resolved at {}", rfc3339(ends)),
        _ => format!("firing since {}", rfc3339(notice.starts_unix_ms)),
    });
    lines.extend(notice.labels.iter().map(|(name, value)| format!("  {name}: {value}")));
    lines.extend(notice.annotations.iter().map(|(name, text)| format!("  {name}: {text}")));
    lines.join("\n") + "\n"
}

impl Notifier for Email {
    fn name(&self) -> &str {
        "email"
    }

    fn notify<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Attempt> {
        Box::pin(self.send(notification))
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email").field("server", &self.server).finish_non_exhaustive()
    }
}
