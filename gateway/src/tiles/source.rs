//! What a tile source is: where its tiles are, in which grid they lie, and how the address of one is made. Nothing here asks anybody.

use command::Secret;
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded::byte_serialize};

use super::hosts::Hosts;

/// Nearest level that any source has.
pub const MAX_ZOOM: u8 = 24;
const MAX_URL: usize = 1000;
const MAX_SUBDOMAINS: usize = 16;
/// Names of query parameters that hold a token, as map services call it.
const TOKEN_NAMES: [&str; 8] = [
    "tk",
    "ak",
    "key",
    "token",
    "access_token",
    "apikey",
    "api_key",
    "sk",
];

/// A source of tiles, as the configuration or an administrator says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its id: up to 40 of `a-z`, `0-9` and `-`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The same in Latin letters.
    #[serde(default)]
    pub name_en: String,
    /// How a tile is asked for.
    #[serde(default)]
    pub kind: Kind,
    /// In which grid and datum its tiles lie.
    pub grid: Grid,
    /// Where: a template with `{z}`, `{x}`, `{y}` (or `{-y}`), or a WMTS service's address, or its template with `{TileMatrix}`,
    /// `{TileRow}`, `{TileCol}`. `{s}` is one of the subdomains, `{token}` the token.
    pub url: String,
    /// What `{s}` may be.
    #[serde(default)]
    pub subdomains: Vec<String>,
    /// The WMTS layer.
    #[serde(default)]
    pub layer: String,
    /// The WMTS style.
    #[serde(default)]
    pub style: String,
    /// The WMTS matrix set.
    #[serde(default)]
    pub matrix_set: String,
    /// What stands before the level in the name of a WMTS matrix, such as `EPSG:4490:`.
    #[serde(default)]
    pub matrix_prefix: String,
    /// The WMTS format, `image/png` if empty.
    #[serde(default)]
    pub format: String,
    /// The level furthest away that it has.
    #[serde(default)]
    pub min_zoom: u8,
    /// The nearest level that it has.
    #[serde(default = "eighteen")]
    pub max_zoom: u8,
    /// Another source that is drawn over this one: its names.
    #[serde(default)]
    pub labels: Option<String>,
    /// Whether it can be chosen as the map's ground; names alone cannot.
    #[serde(default = "yes")]
    pub base: bool,
    /// Whether the map opens with it.
    #[serde(default)]
    pub default: bool,
    /// Whose it is, shown on the map.
    #[serde(default)]
    pub attribution: String,
    /// Its approval number (审图号), shown on the map.
    #[serde(default)]
    pub approval: String,
    /// The `Referer` that its owner wants to see.
    #[serde(default)]
    pub referer: String,
    /// What its owner lets the gateway in by. Sealed in the journal; in no answer and no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
}

fn eighteen() -> u8 {
    18
}
fn yes() -> bool {
    true
}

/// How a tile is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A template of an address.
    #[default]
    Xyz,
    /// OGC 07-057r7, by its own template or by key and value.
    Wmts,
}

/// Grid and datum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grid {
    /// Web Mercator on WGS-84: level 0 is one tile.
    #[serde(rename = "EPSG:3857")]
    Mercator,
    /// Degrees on CGCS2000, from -180, 90: level 1 is two tiles beside each other, as Tianditu has it.
    #[serde(rename = "EPSG:4490")]
    Degrees,
    /// Web Mercator on GCJ-02, which lies some hundreds of metres off.
    #[serde(rename = "GCJ-02")]
    Shifted,
}

impl Grid {
    /// Columns and rows at a level.
    pub fn size(self, z: u8) -> (u32, u32) {
        let across = 1_u32 << z.min(MAX_ZOOM);
        match self {
            Self::Mercator | Self::Shifted => (across, across),
            Self::Degrees => (across, (across / 2).max(1)),
        }
    }

    /// The tile at a level that a place lies in.
    pub fn tile_at(self, place: &media::Place, z: u8) -> (u32, u32) {
        let (columns, rows) = self.size(z);
        let place = match self {
            Self::Shifted => command::coordinates::to_gcj02(*place),
            _ => *place,
        };
        let x = (place.lon + 180.0) / 360.0;
        let y = match self {
            Self::Degrees => (90.0 - place.lat) / 360.0 * f64::from(columns) / f64::from(rows),
            _ => {
                let latitude = place.lat.clamp(-85.0511, 85.0511).to_radians();
                (1.0 - latitude.tan().asinh() / std::f64::consts::PI) / 2.0
            }
        };
        let cell =
            |share: f64, of: u32| (share * f64::from(of)).clamp(0.0, f64::from(of - 1)) as u32;
        (cell(x, columns), cell(y, rows))
    }
}

/// Which field of a source is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {text}")]
pub struct Wrong {
    /// Its name.
    pub field: &'static str,
    /// What was expected.
    pub text: String,
}

fn wrong<T>(field: &'static str, text: impl Into<String>) -> Result<T, Wrong> {
    let text = text.into();
    Err(Wrong { field, text })
}

impl Source {
    /// Whether it can be kept: fields, placeholders, and hosts that are on the list.
    ///
    /// # Errors
    /// [`Wrong`] names the field.
    pub fn check(&self, hosts: &Hosts) -> Result<(), Wrong> {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.id.is_empty() || self.id.len() > 40 || !self.id.chars().all(letter) {
            return wrong("id", "expected 1 to 40 of a-z, 0-9 and -");
        }
        for (field, text, least, most) in [
            ("name", &self.name, 1, 60),
            ("name_en", &self.name_en, 0, 60),
            ("layer", &self.layer, 0, 100),
            ("style", &self.style, 0, 100),
            ("matrix_set", &self.matrix_set, 0, 100),
            ("matrix_prefix", &self.matrix_prefix, 0, 100),
            ("format", &self.format, 0, 60),
            ("attribution", &self.attribution, 0, 200),
            ("approval", &self.approval, 0, 100),
            ("referer", &self.referer, 0, 200),
        ] {
            let n = text.chars().count();
            if !(least..=most).contains(&n) || text.chars().any(char::is_control) {
                let text = format!(
                    "{n} characters, expected {least} to {most}, and no control characters"
                );
                return wrong(field, text);
            }
        }
        if !self.referer.is_ascii() {
            return wrong("referer", "expected an address in ASCII");
        }
        if self.max_zoom > MAX_ZOOM || self.min_zoom > self.max_zoom {
            let text = format!("expected min_zoom up to max_zoom, and that up to {MAX_ZOOM}");
            return wrong("max_zoom", text);
        }
        if self.grid == Grid::Degrees && self.min_zoom == 0 {
            return wrong("min_zoom", "the first level of an EPSG:4490 grid is 1");
        }
        if self.labels.as_ref() == Some(&self.id) {
            return wrong("labels", "a source cannot be drawn over itself");
        }
        if self.default && !self.base {
            return wrong(
                "default",
                "what cannot be the ground cannot be what the map opens with",
            );
        }
        self.check_url(hosts)
    }

    fn check_url(&self, hosts: &Hosts) -> Result<(), Wrong> {
        if self.url.len() > MAX_URL {
            return wrong("url", format!("longer than {MAX_URL} bytes"));
        }
        let has = |name: &str| self.url.contains(name);
        match self.kind {
            Kind::Xyz if !(has("{z}") && has("{x}") && (has("{y}") || has("{-y}"))) => {
                return wrong("url", "expected {z}, {x} and {y} in it");
            }
            Kind::Wmts if self.is_template() && !(has("{TileRow}") && has("{TileCol}")) => {
                return wrong(
                    "url",
                    "expected {TileMatrix}, {TileRow} and {TileCol} in it",
                );
            }
            Kind::Wmts if !self.is_template() => {
                for (field, text) in [("layer", &self.layer), ("matrix_set", &self.matrix_set)] {
                    if text.is_empty() {
                        return wrong(field, "a WMTS that is asked by key and value needs it");
                    }
                }
            }
            _ => {}
        }
        if has("{s}") == self.subdomains.is_empty() {
            return wrong(
                "subdomains",
                "{s} in the address and a list of subdomains go together",
            );
        }
        let host_letter = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let bad = |s: &String| s.is_empty() || s.len() > 20 || !s.chars().all(host_letter);
        if self.subdomains.len() > MAX_SUBDOMAINS || self.subdomains.iter().any(bad) {
            let text =
                format!("expected up to {MAX_SUBDOMAINS}, each of up to 20 letters and digits");
            return wrong("subdomains", text);
        }
        if has("{token}") && self.token.is_none() {
            return wrong("token", "{token} in the address needs one");
        }
        for n in 0..self.subdomains.len().max(1) {
            let url = self.address("token", self.min_zoom, n as u32, 0)?;
            if !matches!(url.scheme(), "http" | "https") {
                return wrong("url", "expected http:// or https://");
            }
            if !url.username().is_empty() || url.password().is_some() {
                return wrong("url", "no user and password in it: use {token}");
            }
            hosts
                .named(&url)
                .map_err(|text| Wrong { field: "url", text })?;
        }
        match leftover(&self.url) {
            Some(name) => wrong("url", format!("{{{name}}} is not known")),
            None => Ok(()),
        }
    }

    fn is_template(&self) -> bool {
        self.url.contains("{TileMatrix}")
    }

    /// The address of a tile.
    ///
    /// # Errors
    /// Where no address comes of it.
    pub fn address(&self, token: &str, z: u8, x: u32, y: u32) -> Result<Url, Wrong> {
        let (_, rows) = self.grid.size(z);
        let quote = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let matrix = format!("{}{z}", self.matrix_prefix);
        let subdomain = match self.subdomains.len() {
            0 => "",
            n => &self.subdomains[(x as usize + y as usize) % n],
        };
        let pairs: [(&str, String); 12] = [
            ("{s}", subdomain.to_owned()),
            ("{z}", z.to_string()),
            ("{x}", x.to_string()),
            ("{y}", y.to_string()),
            ("{-y}", (rows - 1).saturating_sub(y).to_string()),
            ("{TileMatrixSet}", quote(&self.matrix_set)),
            ("{TileMatrix}", quote(&matrix)),
            ("{TileRow}", y.to_string()),
            ("{TileCol}", x.to_string()),
            ("{Layer}", quote(&self.layer)),
            ("{Style}", quote(&self.style)),
            ("{token}", quote(token)),
        ];
        let text = pairs.iter().fold(self.url.clone(), |text, (name, value)| {
            text.replace(name, value)
        });
        let mut url = Url::parse(&text).map_err(|e| Wrong {
            field: "url",
            text: format!("no address: {e}"),
        })?;
        if url.host_str().is_none() {
            return wrong("url", "it names no host");
        }
        url.set_fragment(None);
        if self.kind == Kind::Wmts && !self.is_template() {
            let format = if self.format.is_empty() {
                "image/png"
            } else {
                &self.format
            };
            url.query_pairs_mut()
                .append_pair("SERVICE", "WMTS")
                .append_pair("REQUEST", "GetTile")
                .append_pair("VERSION", "1.0.0")
                .append_pair("LAYER", &self.layer)
                .append_pair("STYLE", &self.style)
                .append_pair("TILEMATRIXSET", &self.matrix_set)
                .append_pair("FORMAT", format)
                .append_pair("TILEMATRIX", &matrix)
                .append_pair("TILEROW", &y.to_string())
                .append_pair("TILECOL", &x.to_string());
        }
        Ok(url)
    }

    /// A token that somebody wrote into the address is taken out of it, so that the address can be shown: the token.
    pub fn take_token(&mut self) -> Option<String> {
        let (before, query) = self.url.split_once('?')?;
        let mut taken = None;
        let pairs: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, value))
                    if TOKEN_NAMES.contains(&name.to_ascii_lowercase().as_str())
                        && !value.is_empty()
                        && !value.contains('{')
                        && taken.is_none() =>
                {
                    let (value, _) = url::form_urlencoded::parse(value.as_bytes()).next()?;
                    taken = Some(value.into_owned());
                    Some(format!("{name}={{token}}"))
                }
                _ => Some(pair.to_owned()),
            })
            .collect::<Option<_>>()?;
        taken.as_ref()?;
        self.url = format!("{before}?{}", pairs.join("&"));
        taken
    }

    /// Changes with everything that its tiles depend on; the token is not in it.
    pub fn version(&self) -> String {
        use sha2::{Digest, Sha256};
        let of = (
            self.kind,
            self.grid,
            &self.url,
            &self.layer,
            &self.style,
            &self.matrix_set,
            &self.matrix_prefix,
            &self.format,
        );
        let text = serde_json::to_string(&of).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        digest[..4].iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// A placeholder that nothing fills in.
fn leftover(url: &str) -> Option<&str> {
    const KNOWN: [&str; 12] = [
        "s",
        "z",
        "x",
        "y",
        "-y",
        "TileMatrixSet",
        "TileMatrix",
        "TileRow",
        "TileCol",
        "Layer",
        "Style",
        "token",
    ];
    url.split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next())
        .find(|name| !KNOWN.contains(name))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn source(kind: Kind, grid: Grid, url: &str) -> Source {
        let text = serde_json::json!({"id": "a", "name": "底图", "kind": kind, "grid": grid, "url": url, "min_zoom": 1});
        serde_json::from_value(text).unwrap()
    }

    fn hosts() -> Hosts {
        Hosts::parse(
            &["*.tianditu.gov.cn".into(), "tiles.example:8080".into()],
            &[],
        )
        .unwrap()
    }

    #[test]
    fn an_xyz_address_is_filled_in() {
        let mut s = source(
            Kind::Xyz,
            Grid::Mercator,
            "https://t{s}.tianditu.gov.cn/{z}/{x}/{-y}.png?k={token}",
        );
        s.subdomains = vec!["0".into(), "1".into()];
        s.token = Some(Secret::sealed("x".into()));
        s.check(&hosts()).unwrap();
        let url = s.address("a b&c", 3, 6, 1).unwrap();
        assert_eq!(
            url.as_str(),
            "https://t1.tianditu.gov.cn/3/6/6.png?k=a+b%26c"
        );
    }

    #[test]
    fn a_wmts_is_asked_by_key_and_value_or_by_its_template() {
        let mut s = source(
            Kind::Wmts,
            Grid::Degrees,
            "https://t0.tianditu.gov.cn/vec_c/wmts?tk={token}",
        );
        s.token = Some(Secret::sealed("x".into()));
        assert_eq!(s.check(&hosts()).unwrap_err().field, "layer");
        (s.layer, s.style, s.matrix_set, s.format) =
            ("vec".into(), "default".into(), "c".into(), "tiles".into());
        s.check(&hosts()).unwrap();
        assert_eq!(
            s.address("T", 10, 842, 182).unwrap().as_str(),
            "https://t0.tianditu.gov.cn/vec_c/wmts?tk=T&SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=vec&STYLE=default\
             &TILEMATRIXSET=c&FORMAT=tiles&TILEMATRIX=10&TILEROW=182&TILECOL=842"
        );
        s.url =
            "http://tiles.example:8080/{Layer}/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}"
                .into();
        s.matrix_prefix = "EPSG:4490:".into();
        s.check(&hosts()).unwrap();
        assert_eq!(
            s.address("", 2, 3, 1).unwrap().as_str(),
            "http://tiles.example:8080/vec/c/EPSG%3A4490%3A2/1/3"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let field = |s: &Source| s.check(&hosts()).unwrap_err().field;
        let good = source(
            Kind::Xyz,
            Grid::Mercator,
            "https://t0.tianditu.gov.cn/{z}/{x}/{y}",
        );
        good.check(&hosts()).unwrap();
        let with = |change: &dyn Fn(&mut Source)| {
            let mut s = good.clone();
            change(&mut s);
            field(&s)
        };
        assert_eq!(with(&|s| s.id = "A".into()), "id");
        assert_eq!(with(&|s| s.name = String::new()), "name");
        assert_eq!(
            with(&|s| s.url = "https://t0.tianditu.gov.cn/{z}/{x}".into()),
            "url"
        );
        assert_eq!(
            with(&|s| s.url = "https://evil.example/{z}/{x}/{y}".into()),
            "url"
        );
        assert_eq!(
            with(&|s| s.url = "https://tianditu.gov.cn/{z}/{x}/{y}".into()),
            "url"
        );
        assert_eq!(
            with(&|s| s.url = "https://t0.tianditu.gov.cn:81/{z}/{x}/{y}".into()),
            "url"
        );
        assert_eq!(
            with(&|s| s.url = "https://u:p@t0.tianditu.gov.cn/{z}/{x}/{y}".into()),
            "url"
        );
        assert_eq!(
            with(&|s| s.url = "ftp://t0.tianditu.gov.cn/{z}/{x}/{y}".into()),
            "url"
        );
        assert_eq!(with(&|s| s.url += "{quadkey}"), "url");
        assert_eq!(with(&|s| s.url += "{token}"), "token");
        assert_eq!(with(&|s| s.url += "{s}"), "subdomains");
        assert_eq!(with(&|s| s.max_zoom = 30), "max_zoom");
        assert_eq!(with(&|s| s.referer = "a\nb: c".into()), "referer");
        assert_eq!(
            with(&|s| (s.grid, s.min_zoom) = (Grid::Degrees, 0)),
            "min_zoom"
        );
        assert_eq!(with(&|s| s.labels = Some("a".into())), "labels");
    }

    #[test]
    fn a_token_in_the_address_is_taken_out_of_it() {
        let mut s = source(
            Kind::Wmts,
            Grid::Degrees,
            "https://t0.tianditu.gov.cn/vec_c/wmts?a=b&tk=se%20cret&c=d",
        );
        assert_eq!(s.take_token().unwrap(), "se cret");
        assert_eq!(
            s.url,
            "https://t0.tianditu.gov.cn/vec_c/wmts?a=b&tk={token}&c=d"
        );
        assert_eq!(s.take_token(), None);
    }

    /// Tile numbers by the published formulas: OpenStreetMap's for Web Mercator, degrees from -180, 90 for the other.
    #[test]
    fn a_place_lies_in_the_tile_that_is_published_for_it() {
        let tower = media::Place {
            lon: 113.3245,
            lat: 23.1066,
        };
        assert_eq!(Grid::Mercator.tile_at(&tower, 10), (834, 444));
        assert_eq!(Grid::Degrees.tile_at(&tower, 1), (1, 0));
        assert_eq!(Grid::Degrees.tile_at(&tower, 10), (834, 190));
        // 500 m are four tiles and more at level 18.
        let (plain, shifted) = (
            Grid::Mercator.tile_at(&tower, 18),
            Grid::Shifted.tile_at(&tower, 18),
        );
        assert!(
            shifted.0 > plain.0 + 2 && shifted.1 > plain.1,
            "{plain:?} {shifted:?}"
        );
    }

    proptest! {
        #[test]
        fn any_address_is_made_or_refused(url in "\\PC{0,60}", z in 0..=MAX_ZOOM, x in 0..1000_u32) {
            let s = Source { url, ..source(Kind::Wmts, Grid::Mercator, "") };
            let _ = s.clone().take_token();
            let _ = (s.check(&hosts()), s.address("t", z, x, x));
        }
    }
}
