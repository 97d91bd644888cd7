//! Alerts to a log daemon elsewhere, which comes and goes.

use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use falco_engine::config::{self, Outputs as Settings, Transport};
use falco_engine::output::{Alert, Outputs, Priority};

const LIMIT: Duration = Duration::from_secs(20);

fn settings(transport: Transport, port: u16) -> Settings {
    let mut settings = config::defaults().outputs;
    settings.remote_syslog.enabled = true;
    settings.remote_syslog.transport = transport;
    settings.remote_syslog.address = format!("127.0.0.1:{port}");
    settings
}

fn alert(message: &str) -> Alert {
    Alert {
        time: 1_700_000_000_123_456_789,
        priority: Priority::Critical,
        rule: "A rule".into(),
        source: "syscall".into(),
        tags: Arc::new([]),
        message: message.to_owned(),
        fields: Vec::new(),
    }
}

/// Takes one message with the length in front of it out of a stream.
fn message(stream: &mut impl Read) -> String {
    let mut length = 0;
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        match byte[0] {
            b' ' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut text = vec![0; length];
    stream.read_exact(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

#[test]
fn datagrams_have_the_form_of_rfc_5424() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let outputs = Outputs::start(&settings(Transport::Udp, port)).unwrap();
    outputs.send(&alert("text (a=b)"));
    let mut bytes = vec![0; 65536];
    let length = socket.recv(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
    let parts: Vec<_> = text.splitn(8, ' ').collect();
    let pid = std::process::id().to_string();
    assert_eq!(parts[..2], ["<10>1", "2023-11-14T22:13:20.123456Z"]);
    assert!(!parts[2].is_empty());
    assert_eq!(
        parts[3..],
        ["falco", &pid, "A_rule", "-", "Critical text (a=b)"]
    );
    outputs.shutdown(LIMIT);
}

#[test]
fn a_stream_goes_on_when_the_daemon_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let outputs = Outputs::start(&settings(Transport::Tcp, port)).unwrap();
    outputs.send(&alert("one"));
    let mut stream = accept(&listener);
    assert!(message(&mut stream).ends_with("Critical one"));
    // The daemon is restarted: its end is closed, and nobody listens.
    drop(stream);
    drop(listener);
    thread::sleep(Duration::from_millis(50));
    for number in 0..100 {
        outputs.send(&alert(&format!("number {number}")));
    }
    thread::sleep(Duration::from_millis(200));
    assert_eq!(outputs.status()[0].written, 1);
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let mut stream = accept(&listener);
    for number in 0..100 {
        let text = message(&mut stream);
        assert!(
            text.ends_with(&format!("Critical number {number}")),
            "{text}"
        );
    }
    let status = outputs.shutdown(LIMIT)[0];
    assert_eq!((status.written, status.dropped, status.lost), (101, 0, 0));
}

#[test]
fn a_stream_can_be_encrypted() {
    use rustls::{ServerConfig, ServerConnection, StreamOwned};
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, certificate.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let reader = thread::spawn(move || {
        let mut seen = Vec::new();
        // The first connection is given up after one message.
        for count in [1, 2] {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, accept(&listener));
            for _ in 0..count {
                seen.push(message(&mut stream));
            }
        }
        seen
    });
    let mut settings = settings(Transport::Tls, port);
    settings.remote_syslog.ca_bundle = Some(file);
    let outputs = Outputs::start(&settings).unwrap();
    let start = Instant::now();
    outputs.send(&alert("one"));
    while outputs.status()[0].written < 1 {
        assert!(start.elapsed() < LIMIT);
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(100));
    outputs.send(&alert("two"));
    outputs.send(&alert("three"));
    let seen = reader.join().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen[2].ends_with("Critical three"), "{seen:?}");
    outputs.shutdown(LIMIT);
}

#[test]
fn an_address_without_a_port_stops_the_start() {
    let mut settings = settings(Transport::Udp, 1);
    settings.remote_syslog.address = "host".into();
    let error = Outputs::start(&settings).err().unwrap().to_string();
    assert_eq!(error, "output remote_syslog: `host` must be host:port");
}
