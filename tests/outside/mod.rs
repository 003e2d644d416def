//! Servers outside the bus, as it meets them: a mail server that speaks SMTP by mailin's state
//! machine, and a party's web server that answers as it is told to.
#![allow(dead_code, reason = "each test uses its part of the servers")]

pub mod mail;
pub mod web;

use std::path::Path;
use std::sync::Arc;

use kopir::trust::issue::{CertificateDir, Validity, issue_ca, issue_server};
use kopir::trust::{pem, tls};
use rustls::ServerConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection, protected or not.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What a server for `localhost` proves itself with; its authority is left in `dir`/ca.pem.
pub fn server_tls(dir: &Path) -> Arc<ServerConfig> {
    let files = CertificateDir::new(dir);
    files.create().unwrap();
    let validity = Validity::new(
        "2020-01-01T00:00:00Z".parse().unwrap(),
        "2120-01-01T00:00:00Z".parse().unwrap(),
    );
    let validity = validity.unwrap();
    let ca = issue_ca("outside", validity).unwrap();
    let names = [ServerName::try_from("localhost").unwrap()];
    files.save_ca(&ca).unwrap();
    files.save_bus(&issue_server(&ca, &names, validity).unwrap()).unwrap();
    let chain = pem::certificates(&files.bus_certificate()).unwrap();
    let key = pem::private_key(&files.bus_key()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(tls::provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}
