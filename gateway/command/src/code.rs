//! The 20-digit code of GB/T 28181 (annex D) in words: what each part says, what is wrong with it, and the next one that is free.

use media::{
    CameraId, RegionCode,
    code::{DeviceType, Parts},
};
use serde::Serialize;

/// One part of a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `centre`, `industry`, `type`, `network`, `serial`.
    pub name: &'static str,
    /// Its digits, as many as there are.
    pub digits: String,
    /// What they say, in Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// What is wrong with it, in Chinese and English; none where it is good.
    pub fault: Option<[String; 2]>,
}

/// A code taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// As it was given.
    pub code: String,
    /// Whether it is a camera's code without a fault.
    pub good: bool,
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// What is wrong with it as a whole.
    pub fault: Option<[String; 2]>,
}

/// The part of a code before its serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stem {
    /// 8 digits.
    pub centre: u32,
    /// 2 digits.
    pub industry: u8,
    /// 3 digits.
    pub device: DeviceType,
    /// 1 digit.
    pub network: u8,
}

impl Stem {
    /// With a serial number of up to 6 digits; none where a part has too many digits.
    pub fn with(&self, serial: u32) -> Option<CameraId> {
        let parts = Parts {
            centre: self.centre,
            industry: self.industry,
            device: self.device,
            network: self.network,
            serial,
        };
        parts.to_id().ok()
    }
}

/// GB/T 28181, table D.3.
const INDUSTRIES: [(&str, &str, &str); 28] = [
    ("00", "社会治安路面接入", "public security: roads"),
    ("01", "社会治安社区接入", "public security: communities"),
    ("02", "社会治安内部接入", "public security: internal"),
    ("03", "社会治安其他接入", "public security: other"),
    ("04", "交通路面接入", "traffic: roads"),
    ("05", "交通卡口接入", "traffic: checkpoints"),
    ("06", "交通内部接入", "traffic: internal"),
    ("07", "交通其他接入", "traffic: other"),
    ("08", "城市管理接入", "city management"),
    ("09", "卫生环保接入", "health and environment"),
    ("10", "商检海关接入", "inspection and customs"),
    ("11", "教育部门接入", "education"),
    ("40", "农林牧渔业接入", "agriculture, forestry, fishery"),
    ("41", "采矿企业接入", "mining"),
    ("42", "制造企业接入", "manufacturing"),
    ("43", "冶金企业接入", "metallurgy"),
    ("44", "电力企业接入", "electric power"),
    ("45", "燃气企业接入", "gas supply"),
    ("46", "建筑企业接入", "construction"),
    ("47", "物流企业接入", "logistics"),
    ("48", "邮政企业接入", "post"),
    ("49", "信息企业接入", "information"),
    ("50", "住宿和餐饮业接入", "hotels and catering"),
    ("51", "金融企业接入", "finance"),
    ("52", "房地产业接入", "real estate"),
    ("53", "商务服务业接入", "business services"),
    ("54", "水利企业接入", "water conservancy"),
    ("55", "娱乐企业接入", "entertainment"),
];

/// GB/T 28181, table D.1, those that a district meets.
const TYPES: [(&str, &str, &str); 12] = [
    ("111", "数字硬盘录像机 DVR", "digital video recorder"),
    ("112", "视频服务器", "video server"),
    ("113", "编码器", "encoder"),
    ("118", "网络视频录像机 NVR", "network video recorder"),
    ("130", "混合硬盘录像机 HVR", "hybrid video recorder"),
    ("131", "摄像机", "camera"),
    ("132", "网络摄像机 IPC", "network camera"),
    ("134", "报警输入设备", "alarm input"),
    ("135", "报警输出设备", "alarm output"),
    ("200", "中心信令控制服务器", "centre"),
    ("215", "业务分组", "business group"),
    ("216", "虚拟组织", "virtual organisation"),
];

fn industry(digits: &str) -> Option<(String, String)> {
    if let Some((_, zh, en)) = INDUSTRIES.iter().find(|(d, ..)| *d == digits) {
        return Some(((*zh).into(), (*en).into()));
    }
    match digits.parse::<u8>().ok()? {
        80..=89 => Some(("居民自建".into(), "residents' own".into())),
        90..=99 => Some(("其他主体".into(), "other bodies".into())),
        _ => None,
    }
}

fn network(digits: &str) -> Option<(&'static str, &'static str)> {
    Some(match digits {
        "0" | "1" | "2" | "3" | "4" => ("监控报警专网", "surveillance network"),
        "5" => ("公安信息网", "public security network"),
        "6" => ("政务网", "government extranet"),
        "7" => ("互联网", "internet"),
        "8" => ("社会资源接入网", "network of social resources"),
        _ => return None,
    })
}

/// What a code says and what is wrong with it. `district` is where cameras are expected; `name` knows the regions' names.
pub fn explain(
    text: &str,
    district: Option<RegionCode>,
    name: impl Fn(&RegionCode) -> Option<String>,
) -> Explained {
    let code: String = text.trim().chars().take(64).collect();
    let whole = fault_of_whole(&code);
    // Only digits are cut into parts: positions in bytes are positions of digits then.
    let digits: &str = match code.bytes().all(|b| b.is_ascii_digit()) {
        true => &code,
        false => "",
    };
    let mut parts = Vec::new();
    for (part, from, to) in [
        ("centre", 0, 8),
        ("industry", 8, 10),
        ("type", 10, 13),
        ("network", 13, 14),
        ("serial", 14, 20),
    ] {
        let piece = digits.get(from..to.min(digits.len())).unwrap_or("");
        if piece.len() == to - from {
            parts.push(explain_part(part, piece, district, &name));
        }
    }
    let good = whole.is_none() && parts.iter().all(|p| p.fault.is_none());
    Explained {
        code,
        good,
        parts,
        fault: whole,
    }
}

fn fault_of_whole(code: &str) -> Option<[String; 2]> {
    if let Some((i, c)) = code.chars().enumerate().find(|(_, c)| !c.is_ascii_digit()) {
        return Some([
            format!("第 {} 位是“{c}”，应为数字", i + 1),
            format!("character {} is '{c}', expected a digit", i + 1),
        ]);
    }
    (code.len() != 20).then(|| {
        [
            format!("共 {} 位，应为 20 位", code.len()),
            format!("{} digits, expected 20", code.len()),
        ]
    })
}

fn explain_part(
    name: &'static str,
    digits: &str,
    district: Option<RegionCode>,
    region: &impl Fn(&RegionCode) -> Option<String>,
) -> Part {
    let reserved = || Some(["预留，未分配".into(), "reserved, not assigned".into()]);
    let (zh, en, fault) = match name {
        "centre" => {
            let code: Option<RegionCode> = digits[..6].parse().ok();
            let known = code.and_then(|c| region(&c));
            let foreign = district
                .zip(code)
                .filter(|(d, c)| !c.is_within(d) && !d.is_within(c));
            let fault = foreign.map(|(d, c)| {
                [
                    format!("{c} 不在本区 {d}"),
                    format!("{c} lies outside the district {d}"),
                ]
            });
            let shown = known.unwrap_or_else(|| digits[..6].to_owned());
            let level = &digits[6..];
            let below = |text: &str| match level {
                "00" => String::new(),
                level => format!("{text}{level}"),
            };
            (
                format!("{shown}{}", below(" 基层单位 ")),
                format!("{shown}{}", below(", unit ")),
                fault,
            )
        }
        "industry" => match industry(digits) {
            Some((zh, en)) => (zh, en, None),
            None => (String::new(), String::new(), reserved()),
        },
        "type" => {
            let known = TYPES.iter().find(|(d, ..)| *d == digits);
            let fault = !matches!(digits, "131" | "132");
            let (zh, en) =
                known.map_or(("其他设备", "another device"), |(_, zh, en)| (*zh, *en));
            (
                zh.into(),
                en.into(),
                fault.then(|| {
                    [
                        "不是摄像机，应为 131 或 132".into(),
                        "no camera, expected 131 or 132".into(),
                    ]
                }),
            )
        }
        "network" => match network(digits) {
            Some((zh, en)) => (zh.into(), en.into(), None),
            None => (String::new(), String::new(), reserved()),
        },
        _ => {
            let serial = digits.trim_start_matches('0');
            let fault = serial.is_empty().then(|| {
                [
                    "序号从 000001 起".into(),
                    "serial numbers begin at 000001".into(),
                ]
            });
            (
                format!("序号 {serial}"),
                format!("serial number {serial}"),
                fault,
            )
        }
    };
    Part {
        name,
        digits: digits.to_owned(),
        zh,
        en,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(text: &str) -> Explained {
        explain(text, "441403".parse().ok(), |r| {
            (r.as_str() == "441403").then(|| "梅县区".to_owned())
        })
    }

    #[test]
    fn a_good_code_is_told_part_by_part() {
        let told = explained("44140300001326000017");
        assert!(told.good, "{told:?}");
        let words: Vec<&str> = told.parts.iter().map(|p| p.en.as_str()).collect();
        assert_eq!(
            words,
            [
                "梅县区",
                "public security: roads",
                "network camera",
                "government extranet",
                "serial number 17"
            ]
        );
    }

    #[test]
    fn every_part_that_is_wrong_says_so() {
        for (code, part) in [
            ("44140200001326000017", "centre"),
            ("44140300201326000017", "industry"),
            ("44140300001186000017", "type"),
            ("44140300001329000017", "network"),
            ("44140300001326000000", "serial"),
        ] {
            let told = explained(code);
            let wrong: Vec<&str> = told
                .parts
                .iter()
                .filter(|p| p.fault.is_some())
                .map(|p| p.name)
                .collect();
            assert_eq!((wrong, told.good), (vec![part], false), "{code}");
        }
        assert_eq!(
            explained("4414x").fault.unwrap()[1],
            "character 5 is 'x', expected a digit"
        );
        let short = explained("441403000013");
        assert_eq!(short.parts.len(), 2);
        assert_eq!(short.fault.unwrap()[1], "12 digits, expected 20");
        assert!(!explained("梅县区").good && !explained("").good);
    }
}
