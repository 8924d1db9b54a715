//! TLS for the client: rustls with ring, trusting the public roots and what a user adds.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, Kind};

/// Whom to trust; the parsed roots are made at the first handshake and shared by clones.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    more: Vec<CertificateDer<'static>>,
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Tls {
    pub(crate) fn trust(&mut self, pem: &[u8]) -> Result<(), Error> {
        let broken = || Error::new(Kind::Options, "not a certificate in PEM that can be trusted");
        let mut store = RootCertStore::empty();
        let known = self.more.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| broken().because(error))?;
            let added = store.add(certificate.clone());
            added.map_err(|error| broken().because(error))?;
            self.more.push(certificate);
        }
        self.config = Arc::default();
        (self.more.len() > known).then_some(()).ok_or_else(broken)
    }

    pub(crate) async fn shake(
        &self,
        host: &str,
        tcp: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let config = Arc::clone(self.config.get_or_init(|| Arc::new(self.config())));
        TlsConnector::from(config).connect(name, tcp).await
    }

    fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        roots.add_parsable_certificates(self.more.iter().cloned());
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the default protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({} roots added)", self.more.len())
    }
}
