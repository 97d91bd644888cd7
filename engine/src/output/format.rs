//! The two forms of an alert: a line of text and a line of JSON.

use std::env;
use std::sync::Arc;

use serde::Serialize;

use super::{Alert, FieldValue};
use crate::clock::{self, Clock};
use crate::config::Format;

/// Turns alerts into lines.
#[derive(Clone, Debug)]
pub struct Formatter {
    format: Format,
    clock: Clock,
    hostname: String,
}

/// A finished line, without a newline at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    text: String,
    /// Where the text goes on after the time; 0 for JSON.
    body: usize,
    /// The rule.
    pub rule: Arc<str>,
    /// Severity as syslog numbers it.
    pub priority: super::Priority,
    /// Nanoseconds since the epoch.
    pub time: u64,
}

impl Line {
    /// The whole line.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line without its time, for a reader who keeps the time himself.
    /// JSON stays whole.
    pub fn body(&self) -> &str {
        self.text.get(self.body..).unwrap_or(&self.text)
    }
}

impl Formatter {
    /// A formatter with the zone of this machine and the name of this host.
    pub fn new(format: Format) -> Self {
        Self::with(format, Clock::system(), hostname())
    }

    /// A formatter with a given clock and name.
    pub fn with(format: Format, clock: Clock, hostname: String) -> Self {
        Self {
            format,
            clock,
            hostname,
        }
    }

    /// The line of an alert in the configured form.
    pub fn line(&self, alert: &Alert) -> Line {
        let (text, body) = self.text(alert);
        let (text, body) = if self.format.json {
            (self.json(alert, &text), 0)
        } else if text.contains(['\n', '\r']) {
            // One alert is one line, or a process could write alerts of its
            // own choice by its name.
            (text.replace(['\n', '\r'], " "), body)
        } else {
            (text, body)
        };
        Line {
            text,
            body,
            rule: Arc::clone(&alert.rule),
            priority: alert.priority,
            time: alert.time,
        }
    }

    /// `time: Priority message` and where `Priority` begins.
    fn text(&self, alert: &Alert) -> (String, usize) {
        let internal = is_internal(alert);
        let mut text = if self.format.iso_time && !internal {
            format!("{}+0000", clock::iso(alert.time))
        } else {
            self.clock.time_of_day(alert.time)
        };
        text += ": ";
        let body = text.len();
        text += alert.priority.name();
        text.push(' ');
        text += &alert.message;
        if internal && !alert.fields.is_empty() {
            text += " (";
            for (index, (name, value)) in sorted(&alert.fields).iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                text += name;
                text.push('=');
                let mut shown = Vec::new();
                json(&mut shown, value);
                text += &String::from_utf8(shown).unwrap_or_default();
            }
            text.push(')');
        }
        (text, body)
    }

    fn json(&self, alert: &Alert, output: &str) -> String {
        let format = &self.format;
        let internal = is_internal(alert);
        let time = format!("{}Z", clock::iso(alert.time));
        let mut line = Vec::with_capacity(512 + output.len());
        // The keys stand in alphabetical order, as Falco's do.
        member(&mut line, "hostname", &self.hostname);
        if format.include_message && !internal {
            member(&mut line, "message", &alert.message);
        }
        if format.include_output {
            member(&mut line, "output", output);
        }
        if format.include_output_fields {
            key(&mut line, "output_fields");
            self.fields(&mut line, alert, internal);
        }
        member(&mut line, "priority", alert.priority.name());
        member(&mut line, "rule", &*alert.rule);
        member(&mut line, "source", &*alert.source);
        if format.include_tags && !internal {
            member(&mut line, "tags", &*alert.tags);
        }
        member(&mut line, "time", &time);
        line.push(b'}');
        String::from_utf8(line).unwrap_or_default()
    }

    fn fields(&self, line: &mut Vec<u8>, alert: &Alert, internal: bool) {
        let mut fields = sorted(&alert.fields);
        let time = FieldValue::Uint(alert.time);
        let name: Arc<str> = if self.format.iso_time {
            "evt.time.iso8601"
        } else {
            "evt.time"
        }
        .into();
        if !internal {
            match fields.binary_search_by(|(known, _)| (***known).cmp(&*name)) {
                Ok(index) => fields[index].1 = &time,
                Err(index) => fields.insert(index, (&name, &time)),
            }
        }
        line.push(b'{');
        for (index, (name, value)) in fields.iter().enumerate() {
            if index > 0 {
                line.push(b',');
            }
            json(line, &***name);
            line.push(b':');
            json(line, *value);
        }
        line.push(b'}');
    }
}

/// What `gethostname` says, unless `FALCO_HOSTNAME` says otherwise.
pub fn hostname() -> String {
    env::var("FALCO_HOSTNAME")
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| {
            nix::unistd::gethostname()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default()
        })
}

fn is_internal(alert: &Alert) -> bool {
    &*alert.source == "internal"
}

/// Fields by name, each once.
fn sorted(fields: &[(Arc<str>, FieldValue)]) -> Vec<(&Arc<str>, &FieldValue)> {
    let mut fields: Vec<_> = fields.iter().map(|(name, value)| (name, value)).collect();
    fields.sort_by(|a, b| a.0.cmp(b.0));
    fields.dedup_by(|a, b| a.0 == b.0);
    fields
}

fn key(line: &mut Vec<u8>, name: &str) {
    line.push(if line.is_empty() { b'{' } else { b',' });
    json(line, name);
    line.push(b':');
}

fn member<T: Serialize + ?Sized>(line: &mut Vec<u8>, name: &str, value: &T) {
    key(line, name);
    json(line, value);
}

fn json<T: Serialize + ?Sized>(line: &mut Vec<u8>, value: &T) {
    // Text, numbers and lists of them cannot fail, nor can memory.
    let _ = serde_json::to_writer(line, value);
}
