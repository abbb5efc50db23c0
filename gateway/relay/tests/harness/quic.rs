//! A relay on a QUIC port of the loopback, our own client, and one of bare quinn that does not read.

use std::{net::SocketAddr, sync::Arc};

use client::{Client, Message, Open, Trust};
use media::{Profile, wire::ServerMessage};
use relay::{Config, Relay, quic};
use rustls_pki_types::PrivateKeyDer;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{DEADLINE, TestHost, camera};

pub struct Rig {
    pub relay: Relay,
    pub url: Url,
    pub address: SocketAddr,
    pub trust: Trust,
    pub cancel: CancellationToken,
    pub task: tokio::task::JoinHandle<()>,
}

impl Rig {
    pub fn new(host: &Arc<TestHost>, config: Config) -> Self {
        Self::with_hello(host, config, DEADLINE.as_millis() as u64)
    }

    pub fn with_hello(host: &Arc<TestHost>, config: Config, hello_ms: u64) -> Self {
        let key =
            rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()]).unwrap();
        let chain = vec![key.cert.der().clone()];
        let trust = Trust::Ca(key.cert.pem().into_bytes());
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let server = quic::server_config(chain, private, &config).unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let cancel = CancellationToken::new();
        let host = Arc::clone(host) as Arc<dyn relay::Host>;
        let config = Config { hello_ms, ..config };
        let relay = Relay::new(config, host, cancel.clone());
        let quic = relay.quic(socket, server).unwrap();
        let address = quic.address();
        let task = tokio::spawn(quic.ended());
        let url = format!("https://127.0.0.1:{}", address.port())
            .parse()
            .unwrap();
        Self {
            relay,
            url,
            address,
            trust,
            cancel,
            task,
        }
    }

    pub async fn client(&self) -> Client {
        let mut client = Client::connect_quic(&self.url, "good", &self.trust)
            .await
            .unwrap();
        assert!(matches!(
            next(&mut client).await,
            Message::Control(ServerMessage::Hello { .. })
        ));
        // On a machine that stands still for seconds nothing is to be left out.
        client.max_delay(DEADLINE).await.unwrap();
        client
    }
}

pub async fn next(client: &mut Client) -> Message {
    timeout(DEADLINE, client.next()).await.unwrap().unwrap()
}

pub fn open(tile: u32, n: u32) -> Open {
    Open {
        profile: Profile::Sub,
        ..Open::new(tile, camera(n))
    }
}

/// A client of bare quinn that reads the control stream but no media.
pub struct Deaf {
    pub connection: quinn::Connection,
    pub control: (quinn::SendStream, quinn::RecvStream),
    _endpoint: quinn::Endpoint,
}

impl Deaf {
    pub async fn connect(rig: &Rig) -> Self {
        // What it does not read soon holds up the sender.
        Self::with(rig, quinn::EndpointConfig::default(), 60_000).await
    }

    /// `room`: bytes that the gateway may send before they are read, a third of it in each stream.
    pub async fn with(rig: &Rig, bounds: quinn::EndpointConfig, room: u32) -> Self {
        let Trust::Ca(pem) = &rig.trust else { panic!() };
        let mut roots = rustls::RootCertStore::empty();
        use rustls_pki_types::pem::PemObject;
        roots
            .add(rustls_pki_types::CertificateDer::from_pem_slice(pem).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![quic::ALPN.to_vec()];
        let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
        let mut config = quinn::ClientConfig::new(Arc::new(tls));
        let mut transport = quinn::TransportConfig::default();
        transport
            .stream_receive_window((room / 3).into())
            .receive_window(room.into());
        config.transport_config(Arc::new(transport));
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let endpoint =
            quinn::Endpoint::new(bounds, None, socket, Arc::new(quinn::TokioRuntime)).unwrap();
        let connection = endpoint
            .connect_with(config, rig.address, "localhost")
            .unwrap()
            .await
            .unwrap();
        let (mut send, receive) = connection.open_bi().await.unwrap();
        let camera = camera(1);
        let text = format!(
            "{{\"type\":\"auth\",\"token\":\"good\"}}\n{{\"type\":\"open\",\"tile\":1,\"camera\":\"{camera}\",\"profile\":\"sub\"}}\n"
        );
        send.write_all(text.as_bytes()).await.unwrap();
        Self {
            connection,
            control: (send, receive),
            _endpoint: endpoint,
        }
    }
}
