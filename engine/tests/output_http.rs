//! Alerts to a web server that hangs, refuses, fails, wants certificates and
//! comes back.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use falco_engine::config::{self, Outputs as Settings};
use falco_engine::output::{Alert, Outputs, Priority, Status};
use flate2::read::GzDecoder;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

const LIMIT: Duration = Duration::from_secs(20);

/// What the collector answers to a request: status, or nothing.
type Answer = Box<dyn Fn(usize, &Request) -> Option<u16> + Send + Sync>;

#[derive(Clone, Debug)]
struct Request {
    line: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
    /// Which connection it came through.
    connection: usize,
}

struct Collector {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

impl Collector {
    fn start(port: u16, tls: Option<ServerConfig>, answer: Answer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (kept, answer) = (Arc::clone(&requests), Arc::new(answer));
        let tls = tls.map(Arc::new);
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let stream = stream.unwrap();
                let (kept, answer, tls) = (Arc::clone(&kept), Arc::clone(&answer), tls.clone());
                thread::spawn(move || {
                    let stream: Box<dyn Stream> = match tls {
                        None => Box::new(stream),
                        Some(tls) => {
                            let tls = ServerConnection::new(tls).unwrap();
                            Box::new(StreamOwned::new(tls, stream))
                        }
                    };
                    serve(connection, stream, &kept, &**answer);
                });
            }
        });
        Self { port, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The messages of all requests that were kept.
    fn messages(&self) -> Vec<String> {
        let text = |request: &Request| String::from_utf8(request.body.clone()).unwrap();
        let all: Vec<_> = self.requests().iter().map(text).collect();
        let lines = all.iter().flat_map(|text| text.lines());
        lines
            .map(|line| line.split(": Error ").nth(1).unwrap().to_owned())
            .collect()
    }
}

fn serve(
    connection: usize,
    stream: Box<dyn Stream>,
    kept: &Mutex<Vec<Request>>,
    answer: &(dyn Fn(usize, &Request) -> Option<u16> + Send + Sync),
) {
    let mut stream = BufReader::new(stream);
    let mut count = 0;
    loop {
        let mut line = String::new();
        if !matches!(stream.read_line(&mut line), Ok(length) if length > 0) {
            return;
        }
        let mut request = Request {
            line: line.trim_end().to_owned(),
            headers: HashMap::new(),
            body: Vec::new(),
            connection,
        };
        loop {
            line.clear();
            stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            request
                .headers
                .insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = request.headers["content-length"].parse().unwrap();
        request.body.resize(length, 0);
        stream.read_exact(&mut request.body).unwrap();
        match answer(count, &request) {
            Some(status) => {
                if status < 300 {
                    kept.lock().unwrap().push(request);
                }
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nok");
                if stream.get_mut().write_all(answer.as_bytes()).is_err() {
                    return;
                }
                let _ = stream.get_mut().flush();
            }
            // Hangs until the other side gives up.
            None => {
                let _ = stream.read(&mut [0]);
                return;
            }
        }
        count += 1;
    }
}

fn settings(url: &str) -> Settings {
    let mut settings = config::defaults().outputs;
    settings.http.enabled = true;
    settings.http.url = url.to_owned();
    settings.timeout_ms = 300;
    settings
}

fn url(collector: &Collector) -> String {
    format!("http://127.0.0.1:{}/alerts?x=1", collector.port)
}

fn alert(message: &str) -> Alert {
    Alert {
        time: 0,
        priority: Priority::Error,
        rule: "r".into(),
        source: "syscall".into(),
        tags: Arc::new([]),
        message: message.to_owned(),
        fields: Vec::new(),
    }
}

fn send(outputs: &Outputs, numbers: std::ops::Range<usize>) {
    numbers.for_each(|number| outputs.send(&alert(&number.to_string())));
}

fn wait_for(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < LIMIT, "it does not happen");
        thread::sleep(Duration::from_millis(5));
    }
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn counts(status: &[Status]) -> (u64, u64, u64) {
    (status[0].written, status[0].dropped, status[0].lost)
}

#[test]
fn each_alert_is_a_request_with_its_headers_on_one_connection() {
    let collector = Collector::start(0, None, Box::new(|_, _| Some(200)));
    let mut settings = settings(&url(&collector));
    settings.http.keep_alive = true;
    settings.http.headers = vec![("X-Token".into(), "secret".into())];
    let outputs = Outputs::start(&settings).unwrap();
    send(&outputs, 0..50);
    assert_eq!(counts(&outputs.shutdown(LIMIT)), (50, 0, 0));
    assert_eq!(collector.messages(), numbers(0..50));
    for request in collector.requests() {
        assert_eq!(request.line, "POST /alerts?x=1 HTTP/1.1");
        let header = |name: &str| request.headers.get(name).map(String::as_str);
        assert_eq!(header("user-agent"), Some("falcosecurity/falco"));
        assert_eq!(header("content-type"), Some("text/plain"));
        assert_eq!(header("x-token"), Some("secret"));
        assert_eq!(
            header("host"),
            Some(&*format!("127.0.0.1:{}", collector.port))
        );
        assert_eq!(request.connection, 0);
    }
}

#[test]
fn json_is_said_to_be_json_and_bodies_are_compressed() {
    let collector = Collector::start(0, None, Box::new(|_, _| Some(204)));
    let mut settings = settings(&url(&collector));
    settings.format.json = true;
    settings.http.compress = true;
    settings.http.user_agent = "own/1".into();
    let outputs = Outputs::start(&settings).unwrap();
    outputs.send(&alert("m"));
    outputs.shutdown(LIMIT);
    let request = collector.requests().remove(0);
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["content-encoding"], "gzip");
    assert_eq!(request.headers["user-agent"], "own/1");
    let mut text = String::new();
    GzDecoder::new(&request.body[..])
        .read_to_string(&mut text)
        .unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["rule"], "r");
}

#[test]
fn alerts_share_requests_if_asked_to() {
    let collector = Collector::start(0, None, Box::new(|_, _| Some(200)));
    let mut settings = settings(&url(&collector));
    settings.http.batch = 100;
    let outputs = Outputs::start(&settings).unwrap();
    send(&outputs, 0..1000);
    assert_eq!(counts(&outputs.shutdown(LIMIT)), (1000, 0, 0));
    assert_eq!(collector.messages(), numbers(0..1000));
    assert!(collector.requests().len() < 1000);
}

#[test]
fn what_is_refused_is_lost_alone() {
    let refuse = |_: usize, request: &Request| {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let bad = text.lines().any(|line| line.ends_with("Error 7"));
        Some(if bad { 413 } else { 200 })
    };
    for batch in [1, 16] {
        let collector = Collector::start(0, None, Box::new(refuse));
        let mut settings = settings(&url(&collector));
        settings.http.batch = batch;
        let outputs = Outputs::start(&settings).unwrap();
        send(&outputs, 0..40);
        assert_eq!(counts(&outputs.shutdown(LIMIT)), (39, 0, 1));
        let mut expected = numbers(0..40);
        expected.remove(7);
        assert_eq!(collector.messages(), expected);
    }
}

#[test]
fn nothing_is_lost_while_the_server_fails() {
    for status in [500, 503, 429, 401] {
        let failures = AtomicUsize::new(4);
        let answer = move |_: usize, _: &Request| {
            let left = failures.load(Ordering::Relaxed);
            failures.store(left.saturating_sub(1), Ordering::Relaxed);
            Some(if left > 0 { status } else { 200 })
        };
        let collector = Collector::start(0, None, Box::new(answer));
        let outputs = Outputs::start(&settings(&url(&collector))).unwrap();
        send(&outputs, 0..20);
        wait_for(|| collector.requests().len() == 20);
        assert_eq!(counts(&outputs.shutdown(LIMIT)), (20, 0, 0));
        assert_eq!(collector.messages(), numbers(0..20));
    }
}

#[test]
fn nothing_is_lost_while_the_server_hangs() {
    let hanging = AtomicUsize::new(2);
    let answer = move |_: usize, _: &Request| {
        let hangs = hanging
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok();
        (!hangs).then_some(200)
    };
    let collector = Collector::start(0, None, Box::new(answer));
    let outputs = Outputs::start(&settings(&url(&collector))).unwrap();
    send(&outputs, 0..20);
    wait_for(|| collector.requests().len() == 20);
    assert_eq!(counts(&outputs.shutdown(LIMIT)), (20, 0, 0));
    assert_eq!(collector.messages(), numbers(0..20));
}

#[test]
fn nothing_is_lost_while_nobody_listens() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let outputs = Outputs::start(&settings(&format!("http://127.0.0.1:{port}"))).unwrap();
    send(&outputs, 0..20);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(outputs.status()[0].written, 0);
    let collector = Collector::start(port, None, Box::new(|_, _| Some(200)));
    wait_for(|| collector.requests().len() == 20);
    assert_eq!(counts(&outputs.shutdown(LIMIT)), (20, 0, 0));
    assert_eq!(collector.messages(), numbers(0..20));
}

#[test]
fn a_connection_that_the_server_closed_is_made_anew() {
    // Closes after each answer without saying so.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream.unwrap();
            let mut bytes = vec![0; 4096];
            let length = stream.read(&mut bytes).unwrap();
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if let Some((_, message)) = text.split_once(": Error ") {
                kept.lock().unwrap().push(message.to_owned());
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
        }
    });
    let outputs = Outputs::start(&settings(&format!("http://127.0.0.1:{port}"))).unwrap();
    for number in 0..5 {
        outputs.send(&alert(&number.to_string()));
        wait_for(|| outputs.status()[0].written == number + 1);
    }
    outputs.shutdown(LIMIT);
    assert_eq!(*seen.lock().unwrap(), numbers(0..5));
}

#[test]
fn the_end_does_not_wait_for_a_server_that_hangs() {
    let collector = Collector::start(0, None, Box::new(|_, _| None));
    let mut settings = settings(&url(&collector));
    settings.capacity = 100;
    let outputs = Outputs::start(&settings).unwrap();
    send(&outputs, 0..1000);
    let status = outputs.shutdown(Duration::from_millis(100));
    let (written, dropped, lost) = counts(&status);
    assert_eq!((written, dropped + lost), (0, 1000));
    assert!(dropped > 0 && lost > 0, "{status:?}");
}

#[test]
fn a_url_that_cannot_be_used_stops_the_start() {
    for (url, expected) in [
        (
            "ftp://x",
            "the url `ftp://x` must begin with http:// or https://",
        ),
        (
            "localhost",
            "the url `localhost` must begin with http:// or https://",
        ),
        ("http://a b", "the url `http://a b` is wrong"),
        (
            "http://user:x@host/",
            "the url `http://user:x@host/` must not contain a user",
        ),
    ] {
        let error = Outputs::start(&settings(url)).err().unwrap().to_string();
        assert!(
            error.starts_with(&format!("output http: {expected}")),
            "{error}"
        );
    }
}

/// An authority with a certificate for the server and one for a client.
struct Authority {
    directory: tempfile::TempDir,
    roots: RootCertStore,
    server: (rustls::pki_types::CertificateDer<'static>, Vec<u8>),
}

impl Authority {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        write("ca.pem", &issuer.pem());
        let signed = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (certificate, key) = signed("client");
        write("client.crt", &certificate.pem());
        write("client.key", &key.serialize_pem());
        let (certificate, key) = signed("127.0.0.1");
        let mut roots = RootCertStore::empty();
        roots.add(issuer.der().clone()).unwrap();
        Self {
            directory,
            roots,
            server: (certificate.der().clone(), key.serialize_der()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn server(&self, wants_client: bool) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if wants_client {
            let roots = Arc::new(self.roots.clone());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = self.server.clone();
        let key = PrivateKeyDer::try_from(key).unwrap();
        builder.with_single_cert(vec![certificate], key).unwrap()
    }
}

fn arrives(
    authority: &Authority,
    wants_client: bool,
    change: impl Fn(&mut Settings, &Path),
) -> bool {
    let server = authority.server(wants_client);
    let collector = Collector::start(0, Some(server), Box::new(|_, _| Some(200)));
    let mut settings = settings(&format!("https://127.0.0.1:{}/", collector.port));
    settings.timeout_ms = 2000;
    change(&mut settings, authority.directory.path());
    let outputs = Outputs::start(&settings).unwrap();
    outputs.send(&alert("secret"));
    let status = outputs.shutdown(Duration::from_secs(1));
    let arrived = collector.messages() == ["secret"];
    assert_eq!(status[0].written == 1, arrived);
    arrived
}

#[test]
fn certificates_decide_who_is_told() {
    let authority = Authority::new();
    let own = |settings: &mut Settings, directory: &Path| {
        settings.http.ca_cert = Some(directory.join("ca.pem"));
    };
    assert!(arrives(&authority, false, own));
    assert!(arrives(&authority, false, |settings, directory| {
        settings.http.ca_bundle = Some(directory.join("ca.pem"));
    }));
    assert!(arrives(&authority, false, |settings, directory| {
        settings.http.ca_path = directory.to_owned();
    }));
    assert!(arrives(&authority, false, |settings, _| settings
        .http
        .insecure =
        true));
    // Another authority's server.
    let other = Authority::new();
    assert!(!arrives(&authority, false, |settings, _| {
        settings.http.ca_cert = Some(other.path("ca.pem"));
    }));
    // A server that wants to know who we are.
    assert!(!arrives(&authority, true, own));
    assert!(arrives(&authority, true, |settings, directory| {
        own(settings, directory);
        settings.http.mtls = true;
        settings.http.client_cert = directory.join("client.crt");
        settings.http.client_key = directory.join("client.key");
    }));
}

#[test]
fn files_without_certificates_stop_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let error = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings("https://127.0.0.1:1/");
        change(&mut settings);
        Outputs::start(&settings).err().unwrap().to_string()
    };
    let none = error(&|settings| settings.http.ca_cert = Some("/none".into()));
    assert!(
        none.starts_with("output http: cannot read /none: "),
        "{none}"
    );
    let nothing = error(&|settings| settings.http.ca_cert = Some(empty.clone()));
    assert!(
        nothing.starts_with("output http: there is no certificate in "),
        "{nothing}"
    );
    let directory = error(&|settings| settings.http.ca_path = directory.path().join("none"));
    assert!(
        directory.starts_with("output http: cannot read "),
        "{directory}"
    );
    let client = error(&|settings| {
        settings.http.insecure = true;
        settings.http.mtls = true;
        settings.http.client_cert = empty.clone();
    });
    assert!(client.contains("there is no certificate in it"), "{client}");
}
