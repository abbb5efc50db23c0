//! What a column of a register's spreadsheet is: what it is called, and how it goes into a camera's file and out again. The columns
//! themselves are in `columns.rs`.

use super::{columns::COLUMNS, detail::Detail};
use crate::camera::Camera;

/// What a row gives beside the camera's file itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// Longitude as it stands there.
    pub lon: Option<f64>,
    /// Latitude as it stands there.
    pub lat: Option<f64>,
    /// Password in clear, to be sealed by who keeps it.
    pub password: Option<String>,
    /// URLs as they stand there, with credentials or without, by `main_url` and `sub_url`.
    pub urls: Vec<(&'static str, String)>,
}

/// One column.
pub struct Column {
    /// Its name in the API.
    pub name: &'static str,
    /// Its heading in Chinese.
    pub zh: &'static str,
    /// Its heading in English.
    pub en: &'static str,
    /// What else it is called.
    pub also: &'static [&'static str],
    /// Whether every row must have it.
    pub mandatory: bool,
    /// Takes a cell that is not empty; says what is wrong with it.
    pub set: fn(&mut Camera, &mut Draft, &str) -> Result<(), Detail>,
    /// Empties it.
    pub clear: fn(&mut Camera),
    /// As it is written.
    pub get: fn(&Camera) -> String,
}

/// The name of the code's column, which is not set but looked up by.
pub const CODE: &str = "code";
/// The name of the region's column.
pub const REGION: &str = "region";

/// The column that a heading names, whatever its case, spaces and marks that say "mandatory".
pub fn of_heading(heading: &str) -> Option<&'static Column> {
    let bare = |text: &str| -> String {
        let text = text.replace(['（', '）'], "(").replace(')', "(");
        let keep = |c: &char| !c.is_whitespace() && !matches!(c, '*' | '_' | '-' | '＊' | '(');
        text.to_lowercase().chars().filter(keep).collect()
    };
    let wanted = bare(heading);
    COLUMNS.iter().find(|column| {
        let names = [column.name, column.zh, column.en];
        names
            .iter()
            .chain(column.also)
            .any(|name| bare(name) == wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_told_apart() {
        let mut seen = std::collections::BTreeMap::new();
        for column in COLUMNS {
            for name in [column.name, column.zh, column.en]
                .iter()
                .chain(column.also)
            {
                let found = of_heading(name).expect(name);
                assert_eq!(found.name, column.name, "{name}");
                seen.insert(*name, column.name);
            }
        }
        assert_eq!(of_heading(" * 摄像机名称 ").unwrap().name, "name");
        assert_eq!(of_heading("安装高度（米）").unwrap().name, "height_m");
        assert!(of_heading("天气").is_none());
    }
}
