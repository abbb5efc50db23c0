//! What a device says of itself, from its answers: pure, so that any maker's answers can be tried without a device.

use media::{Said, WallTime};
use serde::Serialize;

use super::xml::Node;

/// How the device wanted the account shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Authentication {
    /// It asked for none.
    #[default]
    None,
    /// WS-UsernameToken.
    Token,
    /// HTTP Digest.
    Digest,
}

/// One media profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stream {
    /// The device's own name for it.
    pub token: String,
    /// Its name for people.
    pub name: String,
    /// H.264, H.265, JPEG.
    pub codec: String,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Pictures a second.
    pub frame_rate: Option<f64>,
    /// As it is limited to.
    pub bit_rate_bps: Option<u64>,
    /// RTSP address, without credentials.
    pub url: Option<String>,
}

/// All that was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reading {
    /// Who made it.
    pub maker: String,
    /// Its model.
    pub model: String,
    /// Its firmware's version.
    pub firmware: String,
    /// Its serial number.
    pub serial: String,
    /// Its hardware's id.
    pub hardware: String,
    /// Its hardware address, with colons; empty where it does not say.
    pub mac: String,
    /// Its addresses, as it says.
    pub ipv4: Option<std::net::Ipv4Addr>,
    /// The same.
    pub ipv6: Option<std::net::Ipv6Addr>,
    /// Its profiles, the largest picture first.
    pub streams: Vec<Stream>,
    /// The address of the largest picture.
    pub main_url: Option<String>,
    /// The address of the smallest, if it is another one.
    pub sub_url: Option<String>,
    /// What it is set to send at most there, kbit/s.
    pub main_kbps: Option<u32>,
    /// The same of the sub stream.
    pub sub_kbps: Option<u32>,
    /// By how much its clock is ahead of ours, ms.
    pub clock_offset_ms: Option<i64>,
    /// How it wanted the account shown.
    pub authentication: Authentication,
    /// What it did not answer, or answered oddly.
    pub notes: Vec<Said>,
}

fn text(node: &Node, path: &[&str]) -> String {
    node.text_at(path).chars().take(200).collect()
}

fn number<T: std::str::FromStr>(node: &Node, path: &[&str]) -> Option<T> {
    node.text_at(path).parse().ok()
}

/// The UTC time of a `GetSystemDateAndTimeResponse`.
pub fn clock(body: &Node) -> Option<WallTime> {
    let utc = body.at(&["SystemDateAndTime", "UTCDateTime"])?;
    let of = |path: &[&str]| number::<u32>(utc, path);
    let date = (
        of(&["Date", "Year"])?,
        of(&["Date", "Month"])?,
        of(&["Date", "Day"])?,
    );
    let time = (
        of(&["Time", "Hour"])?,
        of(&["Time", "Minute"])?,
        of(&["Time", "Second"])?,
    );
    let text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.0,
        date.1,
        date.2,
        time.0,
        time.1,
        time.2.min(59)
    );
    text.parse().ok()
}

/// From a `GetDeviceInformationResponse`.
pub fn device(reading: &mut Reading, body: &Node) {
    reading.maker = text(body, &["Manufacturer"]);
    reading.model = text(body, &["Model"]);
    reading.firmware = text(body, &["FirmwareVersion"]);
    reading.serial = text(body, &["SerialNumber"]);
    reading.hardware = text(body, &["HardwareId"]);
}

/// From a `GetNetworkInterfacesResponse`: the first interface that is enabled.
pub fn network(reading: &mut Reading, body: &Node) {
    let mut all = body.all("NetworkInterfaces");
    let Some(first) = all.find(|i| i.text_at(&["Enabled"]) != "false") else {
        return;
    };
    let mac = first.text_at(&["Info", "HwAddress"]).replace('-', ":");
    let pairs = mac.split(':').count() == 6;
    if pairs && mac.chars().all(|c| c == ':' || c.is_ascii_hexdigit()) {
        reading.mac = mac.to_ascii_lowercase();
    }
    for path in [
        ["IPv4", "Config", "FromDHCP", "Address"],
        ["IPv4", "Config", "Manual", "Address"],
    ] {
        reading.ipv4 = reading.ipv4.or_else(|| number(first, &path));
    }
    for kind in ["Manual", "FromDHCP", "FromRA", "LinkLocal"] {
        let found = number(first, &["IPv6", "Config", kind, "Address"]);
        reading.ipv6 = reading.ipv6.or(found);
    }
}

/// From a `GetProfilesResponse`, the largest picture first; those without video are left out.
pub fn profiles(body: &Node) -> Vec<Stream> {
    let mut streams: Vec<Stream> = body
        .all("Profiles")
        .take(16)
        .filter_map(|profile| {
            let encoder = profile.child("VideoEncoderConfiguration")?;
            let codec = match encoder.text_at(&["Encoding"]) {
                "H264" => "H.264".to_owned(),
                "H265" | "HEVC" => "H.265".to_owned(),
                other => other.chars().take(20).collect(),
            };
            let kbps: Option<u64> = number(encoder, &["RateControl", "BitrateLimit"]);
            Some(Stream {
                token: profile.attribute("token")?.to_owned(),
                name: text(profile, &["Name"]),
                codec,
                width: number(encoder, &["Resolution", "Width"]),
                height: number(encoder, &["Resolution", "Height"]),
                frame_rate: number(encoder, &["RateControl", "FrameRateLimit"]),
                bit_rate_bps: kbps.and_then(|k| k.checked_mul(1000)),
                url: None,
            })
        })
        .collect();
    streams.sort_by_key(|s| std::cmp::Reverse(pixels(s)));
    streams
}

fn pixels(stream: &Stream) -> u64 {
    let of = |v: Option<u32>| u64::from(v.unwrap_or_default());
    of(stream.width) * of(stream.height)
}

/// Chooses main and sub stream among those that have an address: the largest picture, and the smallest other one.
pub fn choose(reading: &mut Reading) {
    let playable = |s: &&Stream| s.url.is_some() && s.codec.starts_with("H.26");
    let mut with = reading.streams.iter().filter(playable);
    let main = with.next();
    let sub = with.next_back();
    let sub = sub.filter(|s| main.is_some_and(|m| pixels(s) < pixels(m)));
    let url = |s: Option<&Stream>| s?.url.clone();
    (reading.main_url, reading.sub_url) = (url(main), url(sub));
    (reading.main_kbps, reading.sub_kbps) = (main.and_then(kbps), sub.and_then(kbps));
}

/// What a stream is set to send, where that is something a camera's file may hold.
fn kbps(stream: &Stream) -> Option<u32> {
    let kbps = u32::try_from(stream.bit_rate_bps? / 1000).ok()?;
    command::asset::KBPS.contains(&kbps).then_some(kbps)
}

/// A camera's file with what was read put in; what was not read stays.
pub fn fill(camera: &mut command::Camera, reading: &Reading) {
    let put = |to: &mut String, from: &str| {
        if !from.is_empty() {
            from.clone_into(to);
        }
    };
    put(&mut camera.maker, &reading.maker);
    put(&mut camera.asset.model, &reading.model);
    put(&mut camera.asset.mac, &reading.mac);
    if let Some(first) = reading.streams.first() {
        put(&mut camera.asset.codec, &first.codec);
    }
    camera.asset.ipv4 = reading.ipv4.or(camera.asset.ipv4);
    camera.asset.ipv6 = reading.ipv6.or(camera.asset.ipv6);
    camera.asset.main_kbps = reading.main_kbps.or(camera.asset.main_kbps);
    camera.asset.sub_kbps = reading.sub_kbps.or(camera.asset.sub_kbps);
    for (to, from) in [
        (&mut camera.main_url, &reading.main_url),
        (&mut camera.sub_url, &reading.sub_url),
    ] {
        if from.is_some() {
            to.clone_from(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::xml::parse;
    use super::*;

    #[test]
    fn the_clock_is_read_and_nonsense_is_not() {
        let of = |hour: &str| {
            let text = format!(
                "<r><SystemDateAndTime><UTCDateTime><Time><Hour>{hour}</Hour><Minute>5</Minute><Second>9</Second></Time><Date><Year>2026</Year><Month>11</Month><Day>30</Day></Date></UTCDateTime></SystemDateAndTime></r>"
            );
            clock(&parse(text.as_bytes()).unwrap())
        };
        assert_eq!(of("8"), "2026-11-30T08:05:09Z".parse().ok());
        assert_eq!(of("25"), None);
        assert_eq!(of("x"), None);
    }

    #[test]
    fn the_largest_picture_is_main_and_the_smallest_is_sub() {
        let profile = |token: &str, codec: &str, w: u32| {
            format!(
                r#"<p:Profiles token="{token}"><n:Name>{token}</n:Name><v:VideoEncoderConfiguration><Encoding>{codec}</Encoding><Resolution><Width>{w}</Width><Height>{w}</Height></Resolution><RateControl><FrameRateLimit>25</FrameRateLimit><BitrateLimit>512</BitrateLimit></RateControl></v:VideoEncoderConfiguration></p:Profiles>"#
            )
        };
        let text = format!(
            "<r>{}{}{}{}<Profiles token=\"a\"/></r>",
            profile("s", "H264", 640),
            profile("m", "H265", 1920),
            profile("t", "H264", 1280),
            profile("j", "JPEG", 320)
        );
        let mut reading = Reading {
            streams: profiles(&parse(text.as_bytes()).unwrap()),
            ..Reading::default()
        };
        for stream in &mut reading.streams {
            stream.url = Some(format!("rtsp://h/{}", stream.token));
        }
        choose(&mut reading);
        assert_eq!(reading.streams[0].codec, "H.265");
        assert_eq!(reading.streams[0].bit_rate_bps, Some(512_000));
        assert_eq!(reading.main_url.as_deref(), Some("rtsp://h/m"));
        assert_eq!(reading.sub_url.as_deref(), Some("rtsp://h/s"));
        assert_eq!(
            (reading.main_kbps, reading.sub_kbps),
            (Some(512), Some(512))
        );
        let code = "44140300001326000001".parse().unwrap();
        let mut camera = command::Camera::new(code, "a", "441403".parse().unwrap());
        fill(&mut camera, &reading);
        assert_eq!(camera.asset.main_kbps, Some(512));
        reading.streams[0].bit_rate_bps = Some(4_000_000_000);
        choose(&mut reading);
        assert_eq!(reading.main_kbps, None, "no camera's file may hold that");
        fill(&mut camera, &reading);
        assert_eq!(camera.asset.main_kbps, Some(512), "what was not read stays");
    }
}
