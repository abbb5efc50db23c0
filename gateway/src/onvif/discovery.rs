//! WS-Discovery (2005/04, as ONVIF uses it): a probe to everybody on a link, and what comes back.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::UdpSocket, task::JoinSet, time};

use super::xml;

/// Where devices listen.
pub const PORT: u16 = 3702;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xc);
/// Devices that are told of; a link holds no more, and whoever floods it is cut off there.
const MOST: usize = 1000;
/// Sockets: links times two.
const MOST_LINKS: usize = 32;

/// A device that answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its endpoint's identity, most often a UUID.
    pub id: String,
    /// Where its device service is, the address that answered first.
    pub addresses: Vec<String>,
    /// What it calls itself, from its scopes.
    pub name: String,
    /// Its model, from its scopes.
    pub hardware: String,
    /// Where it says it is, from its scopes.
    pub location: String,
    /// All its scopes.
    pub scopes: Vec<String>,
}

/// The probe for video devices.
pub fn probe(message: u128) -> String {
    let hex = format!("{message:032x}");
    let id = format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    );
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><e:Header><w:MessageID>urn:uuid:{id}</w:MessageID><w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To><w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header><e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"#
    )
}

/// The devices of one answer; none where it is not understood. `from`: who sent it.
pub fn matches(bytes: &[u8], from: IpAddr) -> Vec<Found> {
    let Ok(envelope) = xml::parse(bytes) else {
        return Vec::new();
    };
    let Some(all) = envelope.at(&["Body", "ProbeMatches"]) else {
        return Vec::new();
    };
    let cut = |text: &str| text.chars().take(200).collect::<String>();
    all.all("ProbeMatch")
        .take(16)
        .filter_map(|found| {
            let id = cut(found.text_at(&["EndpointReference", "Address"]));
            let words = |name: &str| -> Vec<String> {
                let words = found.text_at(&[name]).split_whitespace();
                words.take(64).map(cut).collect()
            };
            let scopes: Vec<String> = words("Scopes");
            let scope = |kind: &str| -> String {
                let prefix = format!("onvif://www.onvif.org/{kind}/");
                let found = scopes.iter().find_map(|s| s.strip_prefix(&prefix));
                decode(found.unwrap_or_default())
            };
            let (name, hardware, location) = (scope("name"), scope("hardware"), scope("location"));
            let mut addresses: Vec<String> = words("XAddrs")
                .into_iter()
                .filter(|a| a.starts_with("http://") || a.starts_with("https://"))
                .collect();
            // A device with several networks names them all: the one it answered from can be reached.
            let host = match from {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            };
            addresses.sort_by_key(|a| !a.contains(&format!("//{host}")));
            (!addresses.is_empty()).then_some(Found {
                name,
                hardware,
                location,
                id,
                addresses,
                scopes,
            })
        })
        .collect()
}

fn decode(text: &str) -> String {
    let protected = text
        .replace('+', "%2B")
        .replace('=', "%3D")
        .replace('&', "%26");
    let mut pairs = url::form_urlencoded::parse(protected.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

/// A link of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Link {
    name: String,
    index: u32,
}

/// Every link that is up. Blocking, but short: a few small files of the kernel.
fn links() -> Vec<Link> {
    let Ok(all) = std::fs::read_dir("/sys/class/net") else {
        return Vec::new();
    };
    let links = all.flatten().filter_map(|entry| {
        let read = |file: &str| std::fs::read_to_string(entry.path().join(file)).ok();
        // Loopback and tunnels say "unknown", and may well be up.
        let up = read("operstate").is_some_and(|s| matches!(s.trim(), "up" | "unknown"));
        let index = read("ifindex")?.trim().parse().ok()?;
        up.then(|| Link {
            name: entry.file_name().to_string_lossy().into_owned(),
            index,
        })
    });
    links.take(MOST_LINKS).collect()
}

fn socket(link: &Link, v6: bool) -> io::Result<UdpSocket> {
    let domain = if v6 { Domain::IPV6 } else { Domain::IPV4 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    let any: SocketAddr = match v6 {
        true => (Ipv6Addr::UNSPECIFIED, 0).into(),
        false => (Ipv4Addr::UNSPECIFIED, 0).into(),
    };
    socket.bind_device(Some(link.name.as_bytes()))?;
    if v6 {
        socket.set_only_v6(true)?;
        socket.set_multicast_if_v6(link.index)?;
    }
    socket.bind(&any.into())?;
    UdpSocket::from_std(socket.into())
}

/// Asks on every link, and these addresses directly, and gathers what comes back until the time is up.
///
/// # Errors
/// Where not one socket could be had.
pub async fn discover(addresses: &[SocketAddr], patience: Duration) -> io::Result<Vec<Found>> {
    let message = probe(rand::random());
    let mut listening = JoinSet::new();
    let mut error = None;
    let mut ask = |socket: io::Result<UdpSocket>, to: Vec<SocketAddr>| match socket {
        Ok(socket) => {
            listening.spawn(gather(socket, to, message.clone(), patience));
        }
        Err(e) => error = Some(e),
    };
    let known = tokio::task::spawn_blocking(links).await.unwrap_or_default();
    for link in &known {
        ask(socket(link, false), vec![(GROUP_V4, PORT).into()]);
        ask(socket(link, true), vec![(GROUP_V6, PORT).into()]);
    }
    for v6 in [false, true] {
        let to: Vec<SocketAddr> = addresses
            .iter()
            .filter(|a| a.is_ipv6() == v6)
            .copied()
            .collect();
        if !to.is_empty() {
            let any = if v6 { "[::]:0" } else { "0.0.0.0:0" };
            ask(UdpSocket::bind(any).await, to);
        }
    }
    if listening.is_empty() {
        return Err(error.unwrap_or_else(|| io::Error::other("this machine has no link")));
    }
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    while let Some(some) = listening.join_next().await {
        for device in some.unwrap_or_default() {
            let key = match device.id.is_empty() {
                true => device.addresses[0].clone(),
                false => device.id.clone(),
            };
            let known = found.entry(key).or_insert_with(|| device.clone());
            for address in device.addresses {
                if !known.addresses.contains(&address) {
                    known.addresses.push(address);
                }
            }
        }
    }
    Ok(found.into_values().take(MOST).collect())
}

async fn gather(
    socket: UdpSocket,
    to: Vec<SocketAddr>,
    message: String,
    patience: Duration,
) -> Vec<Found> {
    let deadline = time::Instant::now() + patience;
    let mut found = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    // UDP may lose the first one.
    for part in [patience / 3, patience] {
        for address in &to {
            // A link without this address family answers nothing, which is what is then told.
            let _ = socket.send_to(message.as_bytes(), address).await;
        }
        let until = (deadline - patience + part).min(deadline);
        while let Ok(Ok((length, from))) =
            time::timeout_at(until, socket.recv_from(&mut buffer)).await
        {
            found.extend(matches(&buffer[..length], from.ip()));
            if found.len() >= MOST {
                return found;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whatever_its_prefixes() {
        let answer = br#"<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"><SOAP-ENV:Body><d:ProbeMatches xmlns:d="x"><d:ProbeMatch>
            <wsa:EndpointReference xmlns:wsa="y"><wsa:Address>urn:uuid:1</wsa:Address></wsa:EndpointReference>
            <d:Scopes>onvif://www.onvif.org/name/Gate%20East onvif://www.onvif.org/hardware/IPC-1 onvif://www.onvif.org/location/%E6%9D%91</d:Scopes>
            <d:XAddrs>http://10.0.0.9/onvif/device_service http://192.168.1.64/onvif/device_service ftp://x</d:XAddrs></d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>"#;
        let found = matches(answer, "192.168.1.64".parse().unwrap());
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].name.as_str(), found[0].hardware.as_str()),
            ("Gate East", "IPC-1")
        );
        assert_eq!(found[0].location, "村");
        assert_eq!(
            found[0].addresses[0],
            "http://192.168.1.64/onvif/device_service"
        );
        assert_eq!(found[0].addresses.len(), 2);
        assert!(matches(b"<a/>", "10.0.0.1".parse().unwrap()).is_empty());
        assert!(matches(probe(1).as_bytes(), "10.0.0.1".parse().unwrap()).is_empty());
    }

    #[test]
    fn a_probe_has_a_uuid_of_its_own() {
        assert!(probe(1).contains("urn:uuid:00000000-0000-0000-0000-000000000001"));
        assert!(xml::parse(probe(u128::MAX).as_bytes()).is_ok());
    }
}
