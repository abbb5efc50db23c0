//! As far as an RTSP answer, without a session.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use media::said;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Duration, timeout},
};

use super::{Cause, Detail, Finding, PATIENCE, Step, since};
use crate::camera::Source;

/// Addresses of a name that are tried.
const MOST_ADDRESSES: usize = 4;
/// For the host's word that a port is closed, once the one that was meant has said nothing.
const SECOND: Duration = Duration::from_millis(1500);
/// Nothing listens at this port (tcpmux), and a host that is there says so.
const CLOSED_PORT: u16 = 1;

pub(super) async fn reach(source: &Source, tell: &mut impl FnMut(Finding)) -> Result<(), Finding> {
    let addresses = name(source, tell).await?;
    let stream = connect(&addresses, tell).await?;
    if source.is_tls() {
        // Whether TLS comes about is the session's to find.
        return Ok(());
    }
    let begun = Instant::now();
    let detail = options(stream, source, begun).await?;
    tell(Finding::passed(Step::Rtsp, since(begun), detail));
    Ok(())
}

async fn name(source: &Source, tell: &mut impl FnMut(Finding)) -> Result<Vec<SocketAddr>, Finding> {
    let (begun, port) = (Instant::now(), source.port());
    // A URL of rtsp has its host as it was written: an address is not told from a name.
    let written = source.url.host_str().and_then(|h| h.parse::<IpAddr>().ok());
    let (addresses, detail) = match (written, source.url.host()) {
        (Some(ip), _) => (vec![(ip, port).into()], ip.to_string()),
        (None, Some(url::Host::Domain(name))) => {
            let failed = |detail: Detail| {
                Finding::failed(Step::Name, Cause::NameNotResolved, since(begun), detail)
            };
            let found = match timeout(PATIENCE, tokio::net::lookup_host((name, port))).await {
                Ok(Ok(found)) => found.take(MOST_ADDRESSES).collect::<Vec<_>>(),
                Ok(Err(error)) => return Err(failed(Detail::Raw(format!("{name}: {error}")))),
                Err(_) => {
                    let said = said!(
                        "no-name-server",
                        "{name}: no name server answers",
                        name = name
                    );
                    return Err(failed(said.into()));
                }
            };
            if found.is_empty() {
                return Err(failed(name.into()));
            }
            let list: Vec<String> = found.iter().map(|a| a.ip().to_string()).collect();
            (found, format!("{name} -> {}", list.join(", ")))
        }
        (None, Some(url::Host::Ipv4(ip))) => (vec![(ip, port).into()], ip.to_string()),
        (None, Some(url::Host::Ipv6(ip))) => (vec![(ip, port).into()], ip.to_string()),
        (None, None) => {
            let failed = Finding::failed(Step::Name, Cause::NoStream, since(begun), "");
            return Err(failed);
        }
    };
    tell(Finding::passed(Step::Name, since(begun), detail));
    Ok(addresses)
}

async fn connect(
    addresses: &[SocketAddr],
    tell: &mut impl FnMut(Finding),
) -> Result<TcpStream, Finding> {
    let mut last = None;
    for address in addresses {
        let begun = Instant::now();
        let tried = timeout(PATIENCE, TcpStream::connect(address)).await;
        let took = since(begun);
        let failed = match tried {
            Ok(Ok(stream)) => {
                tell(Finding::passed(Step::Route, took, address.ip().to_string()));
                tell(Finding::passed(
                    Step::Port,
                    took,
                    address.port().to_string(),
                ));
                return Ok(stream);
            }
            Ok(Err(error)) => of_error(&error, *address, took),
            Err(_) => silent(*address, begun).await,
        };
        last = Some(failed);
    }
    match last {
        Some(failed) => {
            if failed.step == Step::Port {
                tell(Finding::passed(
                    Step::Route,
                    Duration::from_millis(failed.took_ms),
                    "",
                ));
            }
            Err(failed)
        }
        None => Err(Finding::failed(
            Step::Route,
            Cause::NoRoute,
            Duration::ZERO,
            "",
        )),
    }
}

fn of_error(error: &io::Error, address: SocketAddr, took: Duration) -> Finding {
    let (step, cause) = match error.kind() {
        io::ErrorKind::ConnectionRefused => (Step::Port, Cause::Refused),
        io::ErrorKind::TimedOut => (Step::Route, Cause::NoAnswer),
        io::ErrorKind::ConnectionReset => (Step::Rtsp, Cause::RtspClosed),
        _ => (Step::Route, Cause::NoRoute),
    };
    Finding::failed(
        step,
        cause,
        took,
        Detail::Raw(format!("{address}: {error}")),
    )
}

/// The port says nothing: does the host?
async fn silent(address: SocketAddr, begun: Instant) -> Finding {
    let other: (IpAddr, u16) = (address.ip(), CLOSED_PORT);
    let there = match timeout(SECOND, TcpStream::connect(other)).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.kind() == io::ErrorKind::ConnectionRefused,
        Err(_) => false,
    };
    let detail = said!(
        "nothing-within",
        "{address}: nothing within {s} s",
        address = address,
        s = PATIENCE.as_secs()
    );
    match there {
        true => Finding::failed(Step::Port, Cause::PortSilent, since(begun), detail),
        false => Finding::failed(Step::Route, Cause::NoAnswer, since(begun), detail),
    }
}

/// What it says to a request that needs no password (RFC 2326, 10.1): the first line of its answer.
async fn options(
    mut stream: TcpStream,
    source: &Source,
    begun: Instant,
) -> Result<String, Finding> {
    let failed = |cause, detail: Detail| Finding::failed(Step::Rtsp, cause, since(begun), detail);
    let request = format!(
        "OPTIONS {} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: sightline/{}\r\n\r\n",
        source.url,
        env!("CARGO_PKG_VERSION")
    );
    let asked = timeout(PATIENCE, async {
        stream.write_all(request.as_bytes()).await?;
        let (mut said, mut length) = ([0u8; 256], 0);
        loop {
            let more = stream.read(&mut said[length..]).await?;
            length += more;
            let whole = said[..length].contains(&b'\n') || length == said.len();
            if more == 0 || whole {
                return Ok::<_, io::Error>(said[..length].to_vec());
            }
        }
    });
    let said = match asked.await {
        Err(_) => {
            let said = said!(
                "options-unanswered",
                "no answer to OPTIONS within {s} s",
                s = PATIENCE.as_secs()
            );
            return Err(failed(Cause::RtspSilent, said.into()));
        }
        Ok(Err(error)) => return Err(failed(Cause::RtspClosed, Detail::Raw(error.to_string()))),
        Ok(Ok(said)) if said.is_empty() => {
            return Err(failed(
                Cause::RtspClosed,
                said!("options-closed", "closed without an answer to OPTIONS").into(),
            ));
        }
        Ok(Ok(said)) => said,
    };
    let line = said.split(|b| *b == b'\r' || *b == b'\n').next();
    let line: String = String::from_utf8_lossy(line.unwrap_or_default())
        .chars()
        .filter(|c| !c.is_control())
        .take(80)
        .collect();
    match said.starts_with(b"RTSP/") {
        true => Ok(line),
        false => {
            let said = said!("it-says", "it says '{line}'", line = line);
            Err(failed(Cause::NotRtsp, said.into()))
        }
    }
}
