//! The lines that alerts become.

use std::sync::Arc;

use falco_engine::clock::Clock;
use falco_engine::config::Format;
use falco_engine::output::format::Formatter;
use falco_engine::output::{Alert, FieldValue, Priority, Statistics};
use jiff::tz::{TimeZone, offset};

const TIME: u64 = 1_700_000_000_123_456_789;

const DEFAULT: Format = Format {
    json: false,
    include_output: true,
    include_message: false,
    include_output_fields: true,
    include_tags: true,
    iso_time: false,
};

fn alert() -> Alert {
    Alert {
        time: TIME,
        priority: Priority::Error,
        rule: "Package management process".into(),
        source: "syscall".into(),
        tags: Arc::new(["container".to_owned(), "process".to_owned()]),
        message: "Package management process launched in container (user=root \"q\" é\u{fffd})"
            .into(),
        fields: vec![
            ("user.name".into(), FieldValue::Text("root".into())),
            ("proc.aname[2]".into(), FieldValue::Missing),
            ("proc.pid".into(), FieldValue::Int(-7)),
            ("evt.rawtime".into(), FieldValue::Uint(u64::MAX)),
            ("proc.is_exe_writable".into(), FieldValue::Bool(true)),
            ("user.name".into(), FieldValue::Text("root".into())),
            (
                "proc.args".into(),
                FieldValue::List(vec![
                    FieldValue::Text("a\n".into()),
                    FieldValue::Double(1.5),
                ]),
            ),
        ],
    }
}

fn formatter(format: Format) -> Formatter {
    Formatter::with(
        format,
        Clock::with_zone(TimeZone::fixed(offset(2))),
        "controlplane".into(),
    )
}

fn internal() -> Alert {
    Alert {
        priority: Priority::Debug,
        rule: "Falco internal: syscall event drop".into(),
        source: "internal".into(),
        tags: Arc::new([]),
        message: "Loss.".into(),
        fields: vec![
            ("n_evts".into(), FieldValue::Text("5".into())),
            ("ebpf_enabled".into(), FieldValue::Uint(0)),
        ],
        ..alert()
    }
}

#[test]
fn text() {
    let line = formatter(DEFAULT).line(&alert());
    let body = "Error Package management process launched in container (user=root \"q\" é\u{fffd})";
    assert_eq!(line.text(), format!("00:13:20.123456789: {body}"));
    assert_eq!(line.body(), body);
    let line = formatter(Format {
        iso_time: true,
        ..DEFAULT
    })
    .line(&alert());
    assert_eq!(
        line.text(),
        format!("2023-11-14T22:13:20.123456789+0000: {body}")
    );
    assert_eq!(line.body(), body);
    let line = formatter(Format {
        iso_time: true,
        ..DEFAULT
    })
    .line(&internal());
    assert_eq!(
        line.text(),
        "00:13:20.123456789: Debug Loss. (ebpf_enabled=0 n_evts=\"5\")"
    );
}

#[test]
fn an_alert_is_one_line() {
    let forged = Alert {
        message: "a\r\n00:00:00: Error b".into(),
        ..alert()
    };
    assert_eq!(
        formatter(DEFAULT).line(&forged).body(),
        "Error a  00:00:00: Error b"
    );
    let line = formatter(Format {
        json: true,
        ..DEFAULT
    })
    .line(&forged);
    assert_eq!(line.text().lines().count(), 1);
    assert!(line.text().contains("Error a\\r\\n00:00:00: Error b\""));
}

#[test]
fn json() {
    let line = formatter(Format {
        json: true,
        ..DEFAULT
    })
    .line(&alert());
    assert_eq!(
        line.text(),
        "{\"hostname\":\"controlplane\",\
         \"output\":\"00:13:20.123456789: Error Package management process launched in container \
         (user=root \\\"q\\\" é\u{fffd})\",\
         \"output_fields\":{\"evt.rawtime\":18446744073709551615,\"evt.time\":1700000000123456789,\
         \"proc.aname[2]\":null,\"proc.args\":[\"a\\n\",1.5],\"proc.is_exe_writable\":true,\
         \"proc.pid\":-7,\"user.name\":\"root\"},\
         \"priority\":\"Error\",\"rule\":\"Package management process\",\"source\":\"syscall\",\
         \"tags\":[\"container\",\"process\"],\"time\":\"2023-11-14T22:13:20.123456789Z\"}"
    );
    assert_eq!(line.body(), line.text());
    serde_json::from_str::<serde_json::Value>(line.text()).unwrap();
}

#[test]
fn json_options() {
    let format = Format {
        json: true,
        include_message: true,
        include_output: false,
        include_output_fields: false,
        include_tags: false,
        iso_time: true,
    };
    let message = Alert {
        message: "hello".into(),
        ..alert()
    };
    assert_eq!(
        formatter(format).line(&message).text(),
        "{\"hostname\":\"controlplane\",\"message\":\"hello\",\"priority\":\"Error\",\
         \"rule\":\"Package management process\",\"source\":\"syscall\",\
         \"time\":\"2023-11-14T22:13:20.123456789Z\"}"
    );
    let format = Format {
        json: true,
        iso_time: true,
        ..DEFAULT
    };
    let line = formatter(format).line(&Alert {
        fields: Vec::new(),
        ..message
    });
    assert!(
        line.text()
            .contains("\"output_fields\":{\"evt.time.iso8601\":1700000000123456789}")
    );
    assert!(
        line.text()
            .contains("\"output\":\"2023-11-14T22:13:20.123456789+0000: Error hello\"")
    );
}

#[test]
fn internal_json() {
    assert_eq!(
        formatter(Format {
            json: true,
            include_message: true,
            ..DEFAULT
        })
        .line(&internal())
        .text(),
        "{\"hostname\":\"controlplane\",\
         \"output\":\"00:13:20.123456789: Debug Loss. (ebpf_enabled=0 n_evts=\\\"5\\\")\",\
         \"output_fields\":{\"ebpf_enabled\":0,\"n_evts\":\"5\"},\"priority\":\"Debug\",\
         \"rule\":\"Falco internal: syscall event drop\",\"source\":\"internal\",\
         \"time\":\"2023-11-14T22:13:20.123456789Z\"}"
    );
}

#[test]
fn priorities() {
    for priority in Priority::ALL {
        assert_eq!(priority.name().to_uppercase().parse(), Ok(priority));
        assert_eq!(
            priority as usize,
            Priority::ALL.iter().position(|p| *p == priority).unwrap()
        );
    }
    assert_eq!("INFO".parse(), Ok(Priority::Informational));
    assert!("loud".parse::<Priority>().is_err());
}

#[test]
fn statistics() {
    let mut statistics = Statistics::default();
    for (rule, priority) in [
        ("B", Priority::Error),
        ("A", Priority::Informational),
        ("B", Priority::Error),
    ] {
        statistics.record(&Alert {
            rule: rule.into(),
            priority,
            ..alert()
        });
    }
    let mut out = Vec::new();
    statistics.write(&mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "Events detected: 3\nRule counts by severity:\n   ERROR: 2\n   INFO: 1\n\
         Triggered rules by rule name:\n   A: 1\n   B: 2\n"
    );
}
