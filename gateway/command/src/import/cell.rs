//! Cells as people write them: numbers, words, lists, days.

use std::str::FromStr;

use super::detail::{Detail, Expected, cut};

pub(super) fn number<T: FromStr>(text: &str, expected: Expected) -> Result<T, Detail> {
    text.parse().map_err(|_| Detail::expected(text, expected))
}

pub(super) fn shown<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

pub(super) fn list(text: &str) -> Vec<String> {
    let parts = text.split(['/', '、', ';', '；']);
    let parts = parts.map(str::trim).filter(|p| !p.is_empty());
    parts.map(str::to_owned).collect()
}

/// One of several words, each with what people write for it.
pub(super) fn word(text: &str, known: &[(&'static str, &[&str])]) -> Result<&'static str, Detail> {
    let lower = text.to_lowercase();
    let found = known
        .iter()
        .find(|(name, also)| *name == lower || also.contains(&lower.as_str()));
    found.map(|(name, _)| *name).ok_or_else(|| Detail::Word {
        value: cut(text),
        known: known.iter().map(|(name, _)| *name).collect(),
    })
}

pub(super) const FORM_WORDS: [(&str, &[&str]); 6] = [
    ("dome", &["1", "球机", "球型", "快球"]),
    ("half-dome", &["2", "半球", "半球机"]),
    ("fixed", &["3", "枪机", "固定枪机", "固定"]),
    ("steerable", &["4", "遥控枪机", "云台", "可控"]),
    ("checkpoint", &["5", "卡口", "卡口枪机"]),
    ("other", &["99", "其他", "未知"]),
];
pub(super) const CLASS_WORDS: [(&str, &[&str]); 5] = [
    ("1", &["一类", "1类", "一类点", "一类视频监控点", "class 1"]),
    ("2", &["二类", "2类", "二类点", "二类视频监控点", "class 2"]),
    ("3", &["三类", "3类", "三类点", "三类视频监控点", "class 3"]),
    ("4", &["内部", "公安内部", "公安内部视频监控点", "internal"]),
    ("9", &["其他", "其他点", "other"]),
];
pub(super) const REFERENCE_WORDS: [(&str, &[&str]); 3] = [
    ("wgs84", &["wgs-84", "gps", "epsg:4326"]),
    ("cgcs2000", &["国家2000", "2000国家大地坐标系", "epsg:4490"]),
    ("gcj02", &["gcj-02", "火星", "火星坐标", "高德", "高德坐标"]),
];
pub(super) const YES_WORDS: [(&str, &[&str]); 2] = [
    ("yes", &["是", "1", "true", "y", "有"]),
    ("no", &["否", "0", "false", "n", "无"]),
];

pub(super) fn yes(text: &str) -> Result<bool, Detail> {
    word(text, &YES_WORDS).map(|w| w == "yes")
}
pub(super) fn shown_yes(value: bool) -> String {
    if value { "yes" } else { "no" }.into()
}

/// Days as people write them: 2024/5/31, 2024.5.31, 2024年5月31日, 20240531.
pub(super) fn day(text: &str) -> String {
    let spread = match text.len() {
        8 if text.bytes().all(|b| b.is_ascii_digit()) => {
            return format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]);
        }
        _ => text.replace(['/', '.', '年', '月'], "-").replace('日', ""),
    };
    let day = spread.split([' ', 'T']).next().unwrap_or_default();
    let parts: Vec<&str> = day.split('-').collect();
    match parts[..] {
        [year, month, day] => format!("{year:0>4}-{month:0>2}-{day:0>2}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_write_them() {
        for text in [
            "2024-05-31",
            "2024/5/31",
            "2024.5.31",
            "2024年5月31日",
            "20240531",
            "2024-05-31 08:00:00",
        ] {
            assert_eq!(day(text), "2024-05-31", "{text}");
        }
    }
}
