//! A small ONVIF device: its device and media services over SOAP, and its answer to WS-Discovery. Written from the standards
//! alone, so that a reader of devices is judged by something it does not share code with.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::Md5;
use sha1::{Digest, Sha1};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How a device wants its account shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Not at all.
    Open,
    /// WS-UsernameToken in the envelope, else a fault `NotAuthorized`.
    Token,
    /// HTTP Digest, else 401.
    Digest,
}

/// A media profile.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The device's name for it.
    pub token: String,
    /// `H264`, `H265`, `JPEG`.
    pub encoding: String,
    /// Pixels.
    pub size: (u32, u32),
    /// Pictures a second.
    pub frame_rate: u32,
    /// Limit, kbit/s.
    pub kbps: u32,
    /// Where it is played.
    pub url: String,
}

/// What the device says of itself.
#[derive(Clone, Debug)]
pub struct DeviceConfig {
    /// Shown in its scopes.
    pub name: String,
    /// Who made it.
    pub maker: String,
    /// Its model.
    pub model: String,
    /// Its hardware address.
    pub mac: String,
    /// Who may ask.
    pub user: String,
    /// And with what password.
    pub password: String,
    /// How that is asked for.
    pub login: Login,
    /// What its clock is ahead, seconds.
    pub clock_ahead_s: i64,
    /// Its profiles.
    pub profiles: Vec<Profile>,
    /// The port for WS-Discovery, 3702 on a real one; it also joins the group on loopback. None: it is not to be found.
    pub discovery_port: Option<u16>,
    /// Answer everything with this instead, to try readers with nonsense.
    pub nonsense: Option<String>,
}

impl Default for DeviceConfig {
    fn default() -> Self {
        Self {
            name: "camsim".into(),
            maker: "Sightline camsim".into(),
            model: "CS-1".into(),
            mac: "02:00:5e:10:00:01".into(),
            user: "admin".into(),
            password: "camsim".into(),
            login: Login::Token,
            clock_ahead_s: 0,
            profiles: Vec::new(),
            discovery_port: None,
            nonsense: None,
        }
    }
}

/// A running device. It stops when dropped.
#[derive(Debug)]
pub struct Device {
    /// Where its services are.
    pub address: SocketAddr,
    /// Where it answers probes.
    pub discovery: Option<SocketAddr>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Drop for Device {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.tasks.close();
    }
}

/// The longest request.
const MAX_REQUEST: usize = 64 * 1024;
const REALM: &str = "camsim";

struct Shared {
    config: DeviceConfig,
    address: SocketAddr,
    nonce: String,
}

impl Device {
    /// Serves on a free port of 127.0.0.1. Errors if there is none.
    pub async fn start(config: DeviceConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let udp = config.discovery_port.map(discovery_socket).transpose()?;
        let discovery = udp.as_ref().map(UdpSocket::local_addr).transpose()?;
        let shared = Arc::new(Shared {
            config,
            address,
            nonce: format!("{:032x}", rand::random::<u128>()),
        });
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (of, stop, of_tasks) = (shared.clone(), cancel.clone(), tasks.clone());
        tasks.spawn(async move {
            loop {
                let stream = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stop.cancelled() => return,
                };
                if let Ok((stream, _)) = stream {
                    let shared = of.clone();
                    of_tasks.spawn(async move {
                        // A client that says nothing is let go of.
                        let _ = timeout(Duration::from_secs(10), answer(&shared, stream)).await;
                    });
                }
            }
        });
        if let Some(udp) = udp {
            let (shared, stop) = (shared.clone(), cancel.clone());
            tasks.spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                loop {
                    let got = tokio::select! {
                        got = udp.recv_from(&mut buffer) => got,
                        () = stop.cancelled() => return,
                    };
                    let Ok((length, from)) = got else { continue };
                    let text = String::from_utf8_lossy(&buffer[..length]);
                    if let Some(answer) = shared.probe_match(&text) {
                        let _ = udp.send_to(answer.as_bytes(), from).await;
                    }
                }
            });
        }
        Ok(Self {
            address,
            discovery,
            cancel,
            tasks,
        })
    }

    /// Its device service.
    pub fn url(&self) -> String {
        format!("http://{}/onvif/device_service", self.address)
    }
}

fn discovery_socket(port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    let any: SocketAddr = (Ipv4Addr::UNSPECIFIED, port).into();
    socket.bind(&any.into())?;
    socket.join_multicast_v4(&Ipv4Addr::new(239, 255, 255, 250), &Ipv4Addr::LOCALHOST)?;
    UdpSocket::from_std(socket.into())
}

/// The text between the first `<...name>` and the tag after it.
fn inside<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    // `Username` is not `UsernameToken`.
    let whole = |i: usize| xml[i + name.len()..].starts_with(['>', ' ', '/']);
    let at = xml
        .match_indices(name)
        .find(|(i, _)| xml[..*i].ends_with([':', '<']) && whole(*i))?
        .0;
    let rest = &xml[at..];
    let rest = &rest[rest.find('>')? + 1..];
    Some(rest[..rest.find('<')?].trim())
}

struct Request {
    body: String,
    authorization: Option<String>,
    path: String,
}

async fn receive(stream: &mut TcpStream) -> Option<Request> {
    let mut got = Vec::new();
    loop {
        let mut part = [0; 4096];
        let n = stream.read(&mut part).await.ok()?;
        got.extend_from_slice(&part[..n]);
        if n == 0 || got.len() > MAX_REQUEST {
            return None;
        }
        let Some(end) = got.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&got[..end]).into_owned();
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (n, v) = line.split_once(':')?;
                n.eq_ignore_ascii_case(name).then(|| v.trim().to_owned())
            })
        };
        let length: usize = header("content-length")?.parse().ok()?;
        if length > MAX_REQUEST || got.len() < end + 4 + length {
            if length > MAX_REQUEST {
                return None;
            }
            continue;
        }
        return Some(Request {
            body: String::from_utf8_lossy(&got[end + 4..end + 4 + length]).into_owned(),
            authorization: header("authorization"),
            path: head.split(' ').nth(1)?.to_owned(),
        });
    }
}

async fn answer(shared: &Shared, mut stream: TcpStream) -> Option<()> {
    let request = receive(&mut stream).await?;
    let (status, more, body) = shared.respond(&request);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/soap+xml\r\nContent-Length: {}\r\n{more}Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

fn envelope(body: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:ter="http://www.onvif.org/ver10/error"><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"#
    )
}

fn fault(code: &str, text: &str) -> String {
    envelope(&format!(
        "<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value><SOAP-ENV:Subcode><SOAP-ENV:Value>ter:{code}</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text xml:lang=\"en\">{text}</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>"
    ))
}

impl Shared {
    fn now_s(&self) -> i64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap_or_default().as_secs() as i64 + self.config.clock_ahead_s
    }

    fn respond(&self, request: &Request) -> (&'static str, String, String) {
        let ok = |body: String| ("200 OK", String::new(), body);
        if let Some(nonsense) = &self.config.nonsense {
            return ok(nonsense.clone());
        }
        let body = &request.body;
        if body.contains("GetSystemDateAndTime") {
            return ok(self.clock());
        }
        match self.config.login {
            Login::Token if !self.token_passes(body) => {
                let text = fault("NotAuthorized", "Sender not authorized");
                return ("400 Bad Request", String::new(), text);
            }
            Login::Digest if !self.digest_passes(request) => {
                let challenge = format!(
                    "WWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"{}\", qop=\"auth\", algorithm=MD5\r\n",
                    self.nonce
                );
                return ("401 Unauthorized", challenge, String::new());
            }
            _ => {}
        }
        let config = &self.config;
        let service = |path: &str| format!("http://{}/onvif/{path}", self.address);
        ok(match () {
            () if body.contains("GetDeviceInformation") => envelope(&format!(
                "<tds:GetDeviceInformationResponse><tds:Manufacturer>{}</tds:Manufacturer><tds:Model>{}</tds:Model><tds:FirmwareVersion>V1.0</tds:FirmwareVersion><tds:SerialNumber>S1</tds:SerialNumber><tds:HardwareId>H1</tds:HardwareId></tds:GetDeviceInformationResponse>",
                config.maker, config.model
            )),
            () if body.contains("GetNetworkInterfaces") => envelope(&format!(
                "<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token=\"eth0\"><tt:Enabled>true</tt:Enabled><tt:Info><tt:Name>eth0</tt:Name><tt:HwAddress>{}</tt:HwAddress></tt:Info><tt:IPv4><tt:Enabled>true</tt:Enabled><tt:Config><tt:Manual><tt:Address>{}</tt:Address><tt:PrefixLength>24</tt:PrefixLength></tt:Manual><tt:DHCP>false</tt:DHCP></tt:Config></tt:IPv4></tds:NetworkInterfaces></tds:GetNetworkInterfacesResponse>",
                config.mac,
                self.address.ip()
            )),
            () if body.contains("GetCapabilities") => envelope(&format!(
                "<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media><tt:XAddr>{}</tt:XAddr></tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>",
                service("media_service")
            )),
            () if body.contains("GetProfiles") && request.path == "/onvif/media_service" => {
                envelope(&format!(
                    "<trt:GetProfilesResponse>{}</trt:GetProfilesResponse>",
                    config.profiles.iter().map(profile).collect::<String>()
                ))
            }
            () if body.contains("GetStreamUri") => {
                let token = inside(body, "ProfileToken").unwrap_or_default();
                match config.profiles.iter().find(|p| p.token == token) {
                    Some(p) => envelope(&format!(
                        "<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{}</tt:Uri></trt:MediaUri></trt:GetStreamUriResponse>",
                        p.url.replace('&', "&amp;")
                    )),
                    None => fault("InvalidArgVal", "no such profile"),
                }
            }
            () => fault("ActionNotSupported", "not implemented"),
        })
    }

    fn clock(&self) -> String {
        let now = self.now_s();
        let (days, s) = (now.div_euclid(86_400), now.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        envelope(&format!(
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:UTCDateTime><tt:Time><tt:Hour>{}</tt:Hour><tt:Minute>{}</tt:Minute><tt:Second>{}</tt:Second></tt:Time><tt:Date><tt:Year>{year}</tt:Year><tt:Month>{month}</tt:Month><tt:Day>{day}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>",
            s / 3600,
            s / 60 % 60,
            s % 60
        ))
    }

    fn token_passes(&self, body: &str) -> bool {
        let of = |name| inside(body, name);
        let (Some(user), Some(digest), Some(nonce), Some(created)) =
            (of("Username"), of("Password"), of("Nonce"), of("Created"))
        else {
            return false;
        };
        let Ok(nonce) = STANDARD.decode(nonce) else {
            return false;
        };
        // As devices do: a token of another minute is refused, so its maker must know this clock.
        let now = self.now_s();
        let fresh = seconds_of(created).is_some_and(|s| (s - now).abs() <= 30);
        let hash = Sha1::new()
            .chain_update(nonce)
            .chain_update(created)
            .chain_update(&self.config.password)
            .finalize();
        fresh && user == self.config.user && STANDARD.encode(hash) == digest
    }

    fn digest_passes(&self, request: &Request) -> bool {
        let Some(given) = request
            .authorization
            .as_ref()
            .and_then(|a| a.strip_prefix("Digest "))
        else {
            return false;
        };
        let of = |name: &str| {
            given.split(',').find_map(|part| {
                let (n, v) = part.trim().split_once('=')?;
                (n == name).then(|| v.trim_matches('"').to_owned())
            })
        };
        let hex = |text: String| {
            let bytes = Md5::digest(text);
            bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        let (Some(user), Some(nonce), Some(uri), Some(response), Some(nc), Some(cnonce)) = (
            of("username"),
            of("nonce"),
            of("uri"),
            of("response"),
            of("nc"),
            of("cnonce"),
        ) else {
            return false;
        };
        let a1 = hex(format!("{user}:{REALM}:{}", self.config.password));
        let a2 = hex(format!("POST:{uri}"));
        let expected = hex(format!("{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}"));
        user == self.config.user
            && nonce == self.nonce
            && uri == request.path
            && response == expected
    }

    fn probe_match(&self, probe: &str) -> Option<String> {
        if !probe.contains("/Probe</") {
            return None;
        }
        let message = inside(probe, "MessageID")?;
        let name = self.config.name.replace(' ', "%20");
        Some(format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><SOAP-ENV:Header><wsa:RelatesTo>{message}</wsa:RelatesTo></SOAP-ENV:Header><SOAP-ENV:Body><d:ProbeMatches><d:ProbeMatch><wsa:EndpointReference><wsa:Address>urn:uuid:{}</wsa:Address></wsa:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>onvif://www.onvif.org/name/{name} onvif://www.onvif.org/hardware/{}</d:Scopes><d:XAddrs>http://{}/onvif/device_service</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>"#,
            self.nonce, self.config.model, self.address
        ))
    }
}

fn profile(p: &Profile) -> String {
    format!(
        r#"<trt:Profiles token="{}" fixed="true"><tt:Name>{}</tt:Name><tt:VideoEncoderConfiguration token="v"><tt:Encoding>{}</tt:Encoding><tt:Resolution><tt:Width>{}</tt:Width><tt:Height>{}</tt:Height></tt:Resolution><tt:RateControl><tt:FrameRateLimit>{}</tt:FrameRateLimit><tt:BitrateLimit>{}</tt:BitrateLimit></tt:RateControl></tt:VideoEncoderConfiguration></trt:Profiles>"#,
        p.token, p.token, p.encoding, p.size.0, p.size.1, p.frame_rate, p.kbps
    )
}

/// Year, month and day of so many days since 1970 (Howard Hinnant's algorithm).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (
        yoe + era * 400 + i64::from(month <= 2),
        month,
        doy - (153 * mp + 2) / 5 + 1,
    )
}

/// Seconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`.
fn seconds_of(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = (month + 9) % 12;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + (153 * mp + 2) / 5 + day - 1;
    let days = era * 146_097 + doe - 719_468;
    Some(days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_seconds_agree() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(20_787), (2026, 11, 30));
        assert_eq!(
            seconds_of("2026-11-30T00:00:01Z"),
            Some(20_787 * 86_400 + 1)
        );
        assert_eq!(seconds_of("2024-02-29T12:00:00Z"), Some(1_709_208_000));
        assert_eq!(seconds_of("x"), None);
    }
}
