//! A program that is run for each notification.

use std::ffi::OsString;
use std::process::Stdio;

use perf_monitor_http::BoxFuture;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{Attempt, Notifier, webhook};
use crate::notification::Notification;

/// Runs a program with fixed arguments and hands it the webhook's document on standard input. No shell
/// is between, and nothing that an alert says becomes an argument.
///
/// It is for an agent of the machine: a program with alerts in it should not start others. Status 0 is
/// a yes, 75 (`EX_TEMPFAIL`) and a program that cannot be started are tried again, any other is a no.
/// When its time is over it is killed.
#[derive(Clone, Debug)]
pub struct CommandNotifier {
    program: OsString,
    arguments: Vec<OsString>,
}

/// `sysexits.h`: try again.
const TRY_AGAIN: i32 = 75;

impl CommandNotifier {
    /// Runs `program`, which is looked for in `PATH` unless it has a slash.
    pub fn new(program: impl Into<OsString>) -> CommandNotifier {
        CommandNotifier { program: program.into(), arguments: Vec::new() }
    }

    /// An argument more.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    async fn run(&self, document: String) -> std::io::Result<std::process::ExitStatus> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // One that does not read its input may still know what to do.
            let _ = input.write_all(document.as_bytes()).await;
        }
        child.wait().await
    }
}

impl Notifier for CommandNotifier {
    fn name(&self) -> &str {
        "command"
    }

    fn notify<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Attempt> {
        Box::pin(async {
            let document = webhook::payload(notification, "").to_string();
            match self.run(document).await {
                Ok(status) if status.success() => Attempt::Delivered("exit status 0".into()),
                Ok(status) if status.code() == Some(TRY_AGAIN) => {
                    Attempt::Later("exit status 75".into(), None)
                }
                Ok(status) => Attempt::Never(status.to_string()),
                Err(cause) => Attempt::Later(format!("cannot be started: {cause}"), None),
            }
        })
    }
}
