//! Active alerts, as `/api/alerts` lists them.

use serde_json::Value;

/// An alert that is pending or fires.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alert {
    pub(crate) name: String,
    pub(crate) severity: String,
    pub(crate) state: String,
    pub(crate) summary: String,
    pub(crate) began_ms: f64,
    /// Acknowledged or silenced: somebody knows.
    pub(crate) known: bool,
}

impl Alert {
    /// Whether somebody is told of it.
    pub(crate) fn fires(&self) -> bool {
        self.state == "firing"
    }
}

/// Those of an answer, firing ones first; `None` if it is no such answer.
pub(crate) fn read(answer: &Value) -> Option<Vec<Alert>> {
    let mut alerts: Vec<Alert> = answer["alerts"].as_array()?.iter().map(alert).collect();
    alerts.sort_by(|a, b| b.fires().cmp(&a.fires()).then(a.began_ms.total_cmp(&b.began_ms)));
    Some(alerts)
}

fn alert(alert: &Value) -> Alert {
    let text = |name: &str| alert[name].as_str().unwrap_or_default().to_owned();
    let silenced = alert["silencedBy"].as_array().is_some_and(|silences| !silences.is_empty());
    Alert {
        name: text("name"),
        severity: text("severity"),
        state: text("state"),
        summary: text("summary"),
        began_ms: alert["beganUnixMs"].as_f64().unwrap_or(f64::NAN),
        known: silenced || !alert["acknowledged"].is_null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn firing_ones_come_first() {
        let one = |name: &str, state: &str| {
            json!({"name": name, "severity": "warning", "state": state, "summary": "s",
                "beganUnixMs": 5, "acknowledged": null, "silencedBy": []})
        };
        let answer = json!({"alerts": [one("a", "pending"), one("b", "firing")]});
        let alerts = read(&answer).unwrap();
        assert_eq!((alerts[0].name.as_str(), alerts[0].known), ("b", false));
        assert_eq!(read(&json!({"error": "no"})), None);
    }
}
