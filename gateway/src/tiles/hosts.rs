//! Which hosts the gateway may ask for tiles, and at which addresses: an administrator of the page names a source, and must not be able
//! to have the gateway knock at doors inside its own network by it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Url;

/// Hosts of the configuration (`map.hosts`), and networks that are private and may be asked all the same (`map.private`).
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    listed: Vec<Listed>,
    private: Vec<Net>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    /// `*.` before it: what lies below the name, not the name itself.
    below: bool,
    host: String,
    /// None: the scheme's own.
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
struct Net {
    address: IpAddr,
    bits: u8,
}

impl Hosts {
    /// Of what the configuration says.
    ///
    /// # Errors
    /// What is no host or network.
    pub fn parse(hosts: &[String], private: &[String]) -> Result<Self, String> {
        let listed = hosts.iter().map(|h| listed(h)).collect::<Result<_, _>>()?;
        let private = private.iter().map(|n| net(n)).collect::<Result<_, _>>()?;
        Ok(Self { listed, private })
    }

    /// Whether the host of an address is on the list.
    ///
    /// # Errors
    /// Says what would have to be on it.
    pub fn named(&self, url: &Url) -> Result<(), String> {
        match self.find(url) {
            Some(_) => Ok(()),
            None => {
                let host = url.host_str().unwrap_or_default();
                let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
                Err(format!(
                    "{host}{port} is not on the list of map servers: whoever runs the gateway adds it to map.hosts in its configuration"
                ))
            }
        }
    }

    fn find(&self, url: &Url) -> Option<&Listed> {
        let host = url.host_str()?.to_ascii_lowercase();
        self.listed.iter().find(|l| {
            let port = match l.port {
                None => url.port().is_none(),
                Some(p) => url.port_or_known_default() == Some(p),
            };
            let name = match l.below {
                false => l.host == host,
                true => host
                    .strip_suffix(&l.host)
                    .is_some_and(|h| h.len() > 1 && h.ends_with('.')),
            };
            port && name
        })
    }

    /// Whether this address of a listed host may be asked: a public one, one that stands on the list itself, or one in a network that
    /// is allowed.
    pub fn may_ask(&self, url: &Url, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let literal = match url.host() {
            Some(url::Host::Ipv4(ip)) => IpAddr::V4(ip) == address,
            Some(url::Host::Ipv6(ip)) => IpAddr::V6(ip).to_canonical() == address,
            _ => false,
        };
        let stands_there = literal && self.find(url).is_some_and(|l| !l.below);
        stands_there || is_public(address) || self.private.iter().any(|n| n.holds(address))
    }
}

fn listed(text: &str) -> Result<Listed, String> {
    let expected = || {
        format!(
            "'{text}', expected a host such as t0.tianditu.gov.cn, *.tianditu.gov.cn or 10.1.2.3:8080"
        )
    };
    let (below, rest) = match text.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let url = Url::parse(&format!("http://{rest}/")).map_err(|_| expected())?;
    let whole = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    if !whole || host.is_empty() || rest.contains('/') || host.contains('*') {
        return Err(expected());
    }
    // The parser leaves out port 80, which somebody may have meant for a server over HTTPS.
    let port = match rest.rsplit_once(':') {
        Some((_, port)) if !rest.ends_with(']') => Some(port.parse().map_err(|_| expected())?),
        _ => None,
    };
    Ok(Listed { below, host, port })
}

fn net(text: &str) -> Result<Net, String> {
    let expected = || format!("'{text}', expected a network such as 10.20.0.0/16 or fd00::/8");
    let (address, bits) = text.split_once('/').ok_or_else(expected)?;
    let address: IpAddr = address.parse().map_err(|_| expected())?;
    let bits: u8 = bits.parse().map_err(|_| expected())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    if bits > most {
        return Err(expected());
    }
    Ok(Net { address, bits })
}

impl Net {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                (net.to_bits() & mask) == (ip.to_bits() & mask)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.bits))
                    .unwrap_or(0);
                (net.to_bits() & mask) == (ip.to_bits() & mask)
            }
            _ => false,
        }
    }
}

/// Whether an address is somebody's in the open network, and not this machine's or its own network's (RFC 6890 and its registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // 2000::/3 is what is given out; of it, what leads back to IPv4 (6to4, Teredo) is asked by IPv4 or not at all.
    let first = ip.segments()[0];
    let second = ip.segments()[1];
    (0x2000..0x4000).contains(&first)
        && first != 0x2002
        && !(first == 0x2001 && (second == 0 || second == 0xdb8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn only_what_is_listed_is_asked() {
        let listed = [
            "*.a.cn".into(),
            "b.cn".into(),
            "c.cn:8080".into(),
            "[fd00::1]:81".into(),
        ];
        let hosts = Hosts::parse(&listed, &[]).unwrap();
        for good in [
            "http://x.a.cn/",
            "https://x.y.A.cn/",
            "https://b.cn/q",
            "http://c.cn:8080/",
            "http://[fd00::1]:81/",
        ] {
            assert!(hosts.named(&url(good)).is_ok(), "{good}");
        }
        for bad in [
            "http://a.cn/",
            "http://xa.cn/",
            "http://a.cn.evil.cn/",
            "http://b.cn:81/",
            "http://c.cn/",
            "http://x.b.cn/",
            "http://[fd00::1]/",
        ] {
            let text = hosts.named(&url(bad)).unwrap_err();
            assert!(text.contains("map.hosts"), "{bad}: {text}");
        }
        for wrong in ["", "a/b", "*", "http://a.cn", "a.cn:port", "u@a.cn", "a?b"] {
            assert!(Hosts::parse(&[wrong.into()], &[]).is_err(), "{wrong}");
        }
        for wrong in ["10.0.0.0", "10.0.0.0/33", "x/8"] {
            assert!(Hosts::parse(&[], &[wrong.into()]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_listed_name_leads_to_no_private_address() {
        let hosts = Hosts::parse(
            &["a.cn".into(), "127.0.0.1:9".into()],
            &["10.20.0.0/16".into()],
        )
        .unwrap();
        let may = |u: &str, ip: &str| hosts.may_ask(&url(u), ip.parse().unwrap());
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "::ffff:127.0.0.1",
            "fd00::1",
            "fe80::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "255.255.255.255",
        ] {
            assert!(!may("http://a.cn/", private), "{private}");
        }
        assert!(may("http://a.cn/", "8.8.8.8") && may("http://a.cn/", "240e::1"));
        assert!(may("http://a.cn/", "10.20.255.1") && !may("http://a.cn/", "10.21.0.1"));
        // What stands on the list as an address may be asked as that.
        assert!(
            may("http://127.0.0.1:9/", "127.0.0.1") && !may("http://127.0.0.1:9/", "127.0.0.2")
        );
    }
}
