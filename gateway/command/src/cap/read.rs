//! Reads a message. Never more memory than the message's own length and a bounded part of it.

use std::str::FromStr;

use media::{Place, WallTime};
use quick_xml::{
    events::{BytesRef, Event},
    name::{Namespace, ResolveResult},
    reader::NsReader,
};

use super::message::{Area, Circle, Info, Message, MessageType, Reference, Severity, Status};

/// The longest message, bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// The deepest element there is: alert, info, area, geocode, value.
const MAX_DEPTH: usize = 8;
const MAX_INFOS: usize = 16;
const MAX_AREAS: usize = 64;
const MAX_SHAPES: usize = 64;
const MAX_CORNERS: usize = 4000;
const MAX_REFERENCES: usize = 32;
/// A longer text is cut: a description is read by people.
const MAX_TEXT: usize = 8000;
const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";

/// Why a message is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is too long.
    #[error("a message is at most {MAX_BYTES} bytes long")]
    Long,
    /// It is no XML in UTF-8.
    #[error("no XML in UTF-8: {0}")]
    Xml(String),
    /// It declares a document type: that is how entities are made to grow.
    #[error(
        "a document type (DOCTYPE) is refused: a message needs none, and entities of its own can be made to grow without end"
    )]
    DocType,
    /// It names an entity that XML does not have itself.
    #[error("'&{0};' is no entity of XML itself; others are refused")]
    Entity(String),
    /// It is no CAP 1.2.
    #[error("no CAP 1.2: {0}")]
    NotCap(String),
    /// An element is missing.
    #[error("{0}: is missing")]
    Missing(&'static str),
    /// An element holds what it may not.
    #[error("{element}: {text}")]
    Value {
        /// Which.
        element: &'static str,
        /// What is wrong and what was expected.
        text: String,
    },
    /// There is more of something than is taken.
    #[error("{0}: more than are taken in one message")]
    Many(&'static str),
}

fn wrong(element: &'static str, text: impl Into<String>) -> Error {
    Error::Value {
        element,
        text: text.into(),
    }
}

/// An element with what stands in it.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

/// Reads a message of CAP 1.2.
///
/// # Errors
/// [`Error`] names the element.
pub fn read(bytes: &[u8]) -> Result<Message, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::Long);
    }
    let text = std::str::from_utf8(bytes).map_err(|e| Error::Xml(e.to_string()))?;
    message(&parse(text.trim_start_matches('\u{feff}'))?)
}

/// The tree of elements; its size is bounded by the text's.
fn parse(text: &str) -> Result<Element, Error> {
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    loop {
        let (namespace, event) = reader
            .read_resolved_event()
            .map_err(|e| Error::Xml(e.to_string()))?;
        let foreign = matches!(event, Event::Start(_) | Event::Empty(_))
            && namespace != ResolveResult::Bound(Namespace(NAMESPACE));
        match event {
            Event::DocType(_) => return Err(Error::DocType),
            Event::Start(_) | Event::Empty(_) if foreign && open.is_empty() => {
                return Err(Error::NotCap(format!(
                    "its elements are not of {NAMESPACE}"
                )));
            }
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH || root.is_some() {
                    return Err(Error::NotCap(
                        "elements lie too deep, or there are two".into(),
                    ));
                }
                // What is of another namespace (a signature) is read over.
                let name = if foreign {
                    ""
                } else {
                    start.local_name().into_inner()
                };
                open.push(Element {
                    name: name.to_owned(),
                    ..Element::default()
                });
            }
            Event::Empty(_) => {}
            Event::Text(text) => add(&mut open, &text.xml10_content()),
            Event::CData(text) => add(&mut open, &text.xml10_content()),
            Event::GeneralRef(name) => add(&mut open, &resolve(&name)?),
            Event::End(_) => {
                if let Some(done) = open.pop() {
                    match open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => root = Some(done),
                    }
                }
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    match root {
        Some(root) if open.is_empty() && root.name == "alert" => Ok(root),
        Some(root) => Err(Error::NotCap(format!(
            "its root is <{}>",
            short(&root.name)
        ))),
        None => Err(Error::Xml("it ends too early".into())),
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn resolve(name: &BytesRef<'_>) -> Result<String, Error> {
    if name.is_char_ref() {
        let character = name
            .resolve_char_ref()
            .map_err(|e| Error::Xml(e.to_string()))?;
        return Ok(character.map(String::from).unwrap_or_default());
    }
    let known = quick_xml::escape::resolve_predefined_entity(name);
    known
        .map(str::to_owned)
        .ok_or_else(|| Error::Entity(short(name)))
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

impl Element {
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    fn text(&self, name: &'static str) -> Option<String> {
        let text = self.all(name).next()?.text.trim();
        (!text.is_empty()).then(|| text.chars().take(MAX_TEXT).collect())
    }

    fn need(&self, name: &'static str) -> Result<String, Error> {
        self.text(name).ok_or(Error::Missing(name))
    }

    fn word<T: FromStr<Err = &'static str>>(&self, name: &'static str) -> Result<T, Error> {
        let text = self.need(name)?;
        text.parse()
            .map_err(|e| wrong(name, format!("'{}', {e}", short(&text))))
    }

    fn time(&self, name: &'static str) -> Result<Option<WallTime>, Error> {
        self.text(name).map(|text| time(name, &text)).transpose()
    }
}

fn message(alert: &Element) -> Result<Message, Error> {
    let name = |element: &'static str| {
        let text = alert.need(element)?;
        // 3.2.1: no spaces, commas, < or &; references are made of these.
        let bad = text.chars().any(|c| c.is_whitespace() || ",<&".contains(c));
        match bad || text.len() > 300 {
            true => Err(wrong(
                element,
                "holds spaces, commas, < or &, or is longer than 300 bytes",
            )),
            false => Ok(text),
        }
    };
    let references = alert.text("references").unwrap_or_default();
    let references: Vec<Reference> = references
        .split_whitespace()
        .take(MAX_REFERENCES + 1)
        .map(reference)
        .collect::<Result<_, _>>()?;
    if references.len() > MAX_REFERENCES {
        return Err(Error::Many("references"));
    }
    let sent = alert.need("sent")?;
    let kind = alert.word("msgType")?;
    if matches!(kind, MessageType::Update | MessageType::Cancel) && references.is_empty() {
        return Err(Error::Missing("references"));
    }
    let infos: Vec<Info> = alert
        .all("info")
        .take(MAX_INFOS + 1)
        .map(info)
        .collect::<Result<_, _>>()?;
    if infos.len() > MAX_INFOS {
        return Err(Error::Many("info"));
    }
    let status: Status = alert.word("status")?;
    Ok(Message {
        identifier: name("identifier")?,
        sender: name("sender")?,
        sent: time("sent", &sent)?,
        status,
        kind,
        scope: alert.need("scope")?,
        references,
        infos,
    })
}

fn reference(text: &str) -> Result<Reference, Error> {
    let parts: Vec<&str> = text.split(',').collect();
    let [sender, identifier, sent] = parts[..] else {
        return Err(wrong("references", "expected sender,identifier,sent"));
    };
    Ok(Reference {
        sender: sender.chars().take(300).collect(),
        identifier: identifier.chars().take(300).collect(),
        sent: time("references", sent)?,
    })
}

/// A time with its zone. CAP wants one in figures: without it nobody knows when something was, and `Z` is forbidden (3.3.2),
/// but it is written by many and can be misunderstood by none.
fn time(element: &'static str, text: &str) -> Result<WallTime, Error> {
    let parsed: Result<WallTime, _> = text.parse();
    let zone = text.ends_with('Z')
        || text.len() > 6 && matches!(text.as_bytes()[text.len() - 6], b'+' | b'-') && zone(text);
    match parsed {
        Ok(time) if zone => Ok(time),
        _ => Err(wrong(
            element,
            format!(
                "'{}' is no time with its zone, such as 2026-11-30T18:00:00+08:00",
                short(text)
            ),
        )),
    }
}

/// Whether the zone is one that there is: -12:00 to +14:00, in quarters of an hour.
fn zone(text: &str) -> bool {
    let Some(zone) = text.get(text.len() - 6..) else {
        return false;
    };
    let number = |from: usize, to: usize| zone.get(from..to)?.parse::<i32>().ok();
    let (Some(hours), Some(minutes)) = (number(1, 3), number(4, 6)) else {
        return false;
    };
    let total = hours * 60 + minutes;
    let most = if zone.starts_with('+') {
        14 * 60
    } else {
        12 * 60
    };
    minutes < 60 && minutes % 15 == 0 && total <= most
}

fn info(of: &Element) -> Result<Info, Error> {
    let categories: Vec<String> = of
        .all("category")
        .take(16)
        .map(|c| short(c.text.trim()))
        .filter(|c| !c.is_empty())
        .collect();
    if categories.is_empty() {
        return Err(Error::Missing("category"));
    }
    let areas: Vec<Area> = of
        .all("area")
        .take(MAX_AREAS + 1)
        .map(area)
        .collect::<Result<_, _>>()?;
    if areas.len() > MAX_AREAS {
        return Err(Error::Many("area"));
    }
    let severity: Severity = of.word("severity")?;
    Ok(Info {
        language: of.text("language").unwrap_or_else(|| "en-US".into()),
        categories,
        event: of.need("event")?,
        urgency: of.word("urgency")?,
        severity,
        certainty: of.word("certainty")?,
        onset: of.time("onset")?,
        expires: of.time("expires")?,
        headline: of.text("headline").unwrap_or_default(),
        description: of.text("description").unwrap_or_default(),
        instruction: of.text("instruction").unwrap_or_default(),
        areas,
    })
}

fn area(of: &Element) -> Result<Area, Error> {
    let mut area = Area {
        description: of.need("areaDesc")?,
        ..Area::default()
    };
    // An empty element says the same as none.
    let shapes = |name| {
        of.all(name)
            .map(|e| e.text.trim())
            .filter(|t| !t.is_empty())
    };
    for text in shapes("polygon") {
        area.polygons.push(polygon(text)?);
    }
    for text in shapes("circle") {
        area.circles.push(circle(text)?);
    }
    if area.polygons.len() + area.circles.len() > MAX_SHAPES {
        return Err(Error::Many("polygon, circle"));
    }
    for code in of.all("geocode").take(MAX_SHAPES) {
        area.geocodes
            .push((code.need("valueName")?, code.need("value")?));
    }
    Ok(area)
}

/// `lat,lon`.
fn pair(element: &'static str, text: &str) -> Result<Place, Error> {
    let place = text.split_once(',').and_then(|(lat, lon)| {
        Some(Place {
            lat: lat.parse().ok()?,
            lon: lon.parse().ok()?,
        })
    });
    place.filter(Place::is_valid).ok_or_else(|| {
        wrong(
            element,
            format!("'{}' is no latitude,longitude in degrees", short(text)),
        )
    })
}

fn polygon(text: &str) -> Result<Vec<Place>, Error> {
    let corners: Vec<Place> = text
        .split_whitespace()
        .take(MAX_CORNERS + 1)
        .map(|p| pair("polygon", p))
        .collect::<Result<_, _>>()?;
    if corners.len() > MAX_CORNERS {
        return Err(Error::Many("polygon"));
    }
    if corners.len() < 4 {
        return Err(wrong(
            "polygon",
            format!("{} points, at least 4 are needed", corners.len()),
        ));
    }
    if corners.first() != corners.last() {
        return Err(wrong(
            "polygon",
            "is open: its last point is not its first; what lies inside is not known",
        ));
    }
    Ok(corners)
}

fn circle(text: &str) -> Result<Circle, Error> {
    let (center, radius) = text
        .split_once(char::is_whitespace)
        .ok_or_else(|| wrong("circle", "expected latitude,longitude and a radius in km"))?;
    let radius_km: f64 = radius.trim().parse().unwrap_or(f64::NAN);
    match (0.0..=20_000.0).contains(&radius_km) {
        true => Ok(Circle {
            center: pair("circle", center)?,
            radius_km,
        }),
        false => Err(wrong("circle", "its radius is no number of 0 to 20000 km")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::{Certainty, Urgency, write};
    use proptest::prelude::*;

    fn sample(area: &str, sent: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>GD-2026-1130-7</identifier><sender>met@gd.example</sender><sent>{sent}</sent>
  <status>Actual</status><msgType>Alert</msgType><scope>Public</scope>
  <info><language>zh-CN</language><category>Met</category><event>暴雨</event><urgency>Immediate</urgency>
    <severity>Severe</severity><certainty>Likely</certainty><expires>2026-11-30T23:00:00+08:00</expires>
    <headline>暴雨橙色预警 &amp; 山洪 &#x26A0;</headline><description><![CDATA[3 小时 > 50 mm]]></description>
    <area><areaDesc>石扇镇</areaDesc>{area}<geocode><valueName>GB/T 2260</valueName><value>441403102</value></geocode></area>
  </info>
</alert>"#
        )
    }
    const AREA: &str = "<polygon>24.3,116.0 24.4,116.0 24.4,116.2 24.3,116.0</polygon><circle>24.3,116.1 5</circle>";
    const SENT: &str = "2026-11-30T18:00:00+08:00";

    #[test]
    fn a_warning_is_read() {
        let message = read(sample(AREA, SENT).as_bytes()).unwrap();
        assert_eq!(
            (message.status, message.kind),
            (Status::Actual, MessageType::Alert)
        );
        assert_eq!(message.sent, "2026-11-30T10:00:00Z".parse().unwrap());
        let info = &message.infos[0];
        assert_eq!(
            (info.urgency, info.severity, info.certainty),
            (Urgency::Immediate, Severity::Severe, Certainty::Likely)
        );
        assert_eq!(info.headline, "暴雨橙色预警 & 山洪 \u{26a0}");
        assert_eq!(info.description, "3 小时 > 50 mm");
        assert_eq!(info.areas[0].polygons[0].len(), 4);
        assert_eq!(
            info.place(),
            Some(Place {
                lon: 116.1,
                lat: 24.3
            })
        );
        assert_eq!(info.areas[0].geocodes[0].1, "441403102");
    }

    #[test]
    fn what_is_written_reads_back() {
        let message = read(sample(AREA, SENT).as_bytes()).unwrap();
        let again = write(&message, 480);
        assert!(
            again.contains("<sent>2026-11-30T18:00:00+08:00</sent>"),
            "{again}"
        );
        assert_eq!(read(again.as_bytes()), Ok(message));
    }

    #[test]
    fn an_open_polygon_is_refused_and_named() {
        let of = |area: &str| read(sample(area, SENT).as_bytes()).unwrap_err().to_string();
        let open = of("<polygon>24.3,116.0 24.4,116.0 24.4,116.2 24.3,116.1</polygon>");
        assert!(open.starts_with("polygon: is open"), "{open}");
        assert!(of("<polygon>1,1 2,2 1,1</polygon>").starts_with("polygon: 3 points"));
        assert!(
            of("<polygon>116.0,24.3 116,24.4 116.2,24.4 116.0,24.3</polygon>")
                .starts_with("polygon: '116.0,24.3'"),
            "swapped"
        );
        assert!(of("<circle>24.3,116.1 -5</circle>").starts_with("circle:"));
        assert!(
            read(sample("<polygon/>", SENT).as_bytes()).unwrap().infos[0]
                .place()
                .is_none()
        );
    }

    #[test]
    fn a_billion_laughs_are_refused_before_they_grow() {
        let mut laughs =
            String::from("<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\">");
        for n in 1..10 {
            let before = if n == 1 {
                "lol".into()
            } else {
                format!("lol{}", n - 1)
            };
            laughs += &format!("<!ENTITY lol{n} \"{}\">", format!("&{before};").repeat(10));
        }
        laughs += "]><alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"><identifier>&lol9;</identifier></alert>";
        assert_eq!(read(laughs.as_bytes()), Err(Error::DocType));
        let entity = sample(AREA, SENT).replace("GD-2026", "&xxe;");
        assert_eq!(read(entity.as_bytes()), Err(Error::Entity("xxe".into())));
        let external = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><alert/>";
        assert_eq!(read(external.as_bytes()), Err(Error::DocType));
    }

    #[test]
    fn a_time_without_its_zone_or_with_a_wrong_one_is_refused() {
        let of = |sent: &str| read(sample(AREA, sent).as_bytes()).map(|m| m.sent);
        for sent in [
            "2026-11-30T18:00:00",
            "2026-11-30T18:00:00+25:00",
            "2026-11-30T18:00:00+14:15",
            "2026-11-30T18:00:00-13:00",
            "2026-11-30T18:00:00+08:07",
            "2026-11-30T18:00:00 CST",
            "2026-11-30 18:00",
            "yesterday",
        ] {
            assert!(
                of(sent).unwrap_err().to_string().starts_with("sent: '"),
                "{sent}"
            );
        }
        let z = of("2026-11-30T10:00:00Z");
        assert_eq!(z, of(SENT));
        assert_eq!(of("2026-11-30T10:00:00-00:00"), z);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let of = |from: &str, to: &str| {
            read(sample(AREA, SENT).replace(from, to).as_bytes())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(of("<scope>Public</scope>", ""), "scope: is missing");
        assert!(of("Actual", "Real").starts_with("status: 'Real', expected Actual"));
        assert!(of("GD-2026-1130-7", "a b").starts_with("identifier: holds spaces"));
        assert_eq!(
            of("<msgType>Alert", "<msgType>Update"),
            "references: is missing"
        );
        assert!(of("cap:1.2", "cap:1.1").starts_with("no CAP 1.2"));
        assert!(of("</alert>", "").starts_with("no XML"));
        assert_eq!(read(&vec![b' '; MAX_BYTES + 1]), Err(Error::Long));
        assert!(matches!(read(b"\xff\xfe<\0"), Err(Error::Xml(_))));
        let deep = format!("<alert xmlns=\"{NAMESPACE}\">{}", "<a>".repeat(20_000));
        assert!(matches!(read(deep.as_bytes()), Err(Error::NotCap(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes);
        }
        #[test]
        fn no_change_of_a_message_panics(at in 0usize..1000, with in "\\PC{0,8}") {
            let text = sample(AREA, SENT);
            let at = text.char_indices().map(|(i, _)| i).nth(at.min(text.chars().count() - 1)).unwrap();
            let _ = read(format!("{}{with}{}", &text[..at], &text[at..]).as_bytes());
        }
        /// Whatever stands in its texts, a message that is written is one that reads back the same.
        #[test]
        fn texts_read_back(text in "[^\\x00-\\x1f\\x7f\u{fffe}\u{ffff}]{1,60}") {
            let mut message = read(sample(AREA, SENT).as_bytes()).unwrap();
            let text = text.trim().to_owned();
            prop_assume!(!text.is_empty());
            message.infos[0].headline = text.clone();
            message.infos[0].event = text;
            prop_assert_eq!(read(write(&message, 480).as_bytes()), Ok(message));
        }
    }
}
