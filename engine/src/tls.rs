//! Certificates: whom the program trusts, and as whom it shows itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

/// Where distributions keep the certificates of authorities.
pub const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs";

/// Whom a client trusts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Anybody.
    Anybody,
    /// The authorities in a file.
    File(PathBuf),
    /// The authorities in the files of a directory.
    Directory(PathBuf),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// How a client speaks TLS; `identity` is its own certificate and key.
///
/// # Errors
/// When a file cannot be used, with its name.
pub fn client(trust: &Trust, identity: Option<(&Path, &Path)>) -> Result<ClientConfig, String> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match trust {
        Trust::Anybody => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(NoVerification(provider))),
        Trust::File(file) => {
            builder.with_root_certificates(authorities(std::slice::from_ref(file))?)
        }
        Trust::Directory(directory) => {
            builder.with_root_certificates(authorities(&files(directory)?)?)
        }
    };
    let Some((certificate, key)) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    builder
        .with_client_auth_cert(chain(certificate)?, private_key(key)?)
        .map_err(|error| format!("{} cannot be used: {error}", certificate.display()))
}

/// How a server speaks TLS; its certificate and key are in one file.
///
/// # Errors
/// When the file cannot be used, with its name.
pub fn server(file: &Path) -> Result<ServerConfig, String> {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain(file)?, private_key(file)?)
        .map_err(|error| format!("{} cannot be used: {error}", file.display()))
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let cannot = |error| format!("cannot read {}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(cannot)? {
        let file = entry.map_err(cannot)?.path();
        if file.is_file() {
            files.push(file);
        }
    }
    Ok(files)
}

/// All certificates in some files. A file of a directory that has none is no
/// error, but none at all is.
fn authorities(files: &[PathBuf]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let mut problem = "there is no certificate in the directory".to_owned();
    for file in files {
        let found = match CertificateDer::pem_file_iter(file) {
            Ok(found) => found,
            Err(error) => {
                problem = format!("cannot read {}: {error}", file.display());
                continue;
            }
        };
        // What is no certificate of an authority is left out.
        let (added, _) = store.add_parsable_certificates(found.filter_map(Result::ok));
        if added == 0 {
            problem = format!("there is no certificate in {}", file.display());
        }
    }
    match store.is_empty() {
        true => Err(problem),
        false => Ok(store),
    }
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let cannot = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let found = CertificateDer::pem_file_iter(file).map_err(|error| cannot(&error))?;
    let chain: Vec<_> = found
        .collect::<Result<_, _>>()
        .map_err(|error| cannot(&error))?;
    match chain.is_empty() {
        true => Err(cannot(&"there is no certificate in it")),
        false => Ok(chain),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(file)
        .map_err(|error| format!("{}: no private key: {error}", file.display()))
}

/// Takes any certificate, as `insecure` asks for.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
