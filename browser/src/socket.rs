//! The line to a tab: calls with their answers, and what the tab tells meanwhile.

use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::{WebSocket, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, client::client_with_config};

use crate::error::{Error, Result};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Socket {
    line: WebSocket<TcpStream>,
    next: u64,
}

impl Socket {
    pub(crate) fn connect(address: SocketAddr, url: &str) -> Result<Socket> {
        let failed = |e: &dyn fmt::Display| Error::new(format!("no line to {url}: {e}"));
        let tcp = TcpStream::connect(address).map_err(|e| failed(&e))?;
        tcp.set_nodelay(true).map_err(|e| failed(&e))?;
        tcp.set_read_timeout(Some(PATIENCE)).map_err(|e| failed(&e))?;
        // Events come in heaps, and what a long test finds to have grown should not be the room for them.
        let config = WebSocketConfig::default().read_buffer_size(4 * 1024);
        let config = config.max_message_size(None).max_frame_size(None);
        let (line, _) = client_with_config(url, tcp, Some(config)).map_err(|e| failed(&e))?;
        Ok(Socket { line, next: 0 })
    }

    /// Calls `method`; `told` gets what the tab says before it answers.
    pub(crate) fn call(
        &mut self,
        method: &str,
        params: Value,
        mut told: impl FnMut(Value),
    ) -> Result<Value> {
        self.next += 1;
        let (id, call) = (self.next, json!({"id": self.next, "method": method, "params": params}));
        let failed = |e: &dyn fmt::Display| Error::new(format!("{method}: {e}"));
        self.line.send(Message::text(call.to_string())).map_err(|e| failed(&e))?;
        loop {
            let Message::Text(text) = self.line.read().map_err(|e| failed(&e))? else { continue };
            let mut said: Value = serde_json::from_str(&text).map_err(|e| failed(&e))?;
            if said["id"] != id {
                told(said);
            } else if said["error"].is_null() {
                return Ok(said["result"].take());
            } else {
                return Err(failed(&said["error"]["message"]));
            }
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("calls", &self.next).finish_non_exhaustive()
    }
}
