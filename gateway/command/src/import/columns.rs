//! Every column of a register's spreadsheet, as one table.

use super::{
    cell::{
        CLASS_WORDS, FORM_WORDS, REFERENCE_WORDS, day, list, number, shown, shown_yes, word, yes,
    },
    column::{CODE, Column, REGION},
    detail::{Detail, Expected},
};
use crate::{
    asset::{Reference, is_day},
    camera::{Camera, FORMS, SITE_CLASSES, Transport},
};

macro_rules! text {
    ($name:literal, $zh:literal, $en:literal, $also:expr, $mandatory:literal, $($field:tt).+) => {
        Column {
            name: $name, zh: $zh, en: $en, also: &$also, mandatory: $mandatory,
            set: |c, _, t| { c.$($field).+ = t.to_owned(); Ok(()) },
            clear: |c| c.$($field).+.clear(),
            get: |c| c.$($field).+.clone(),
        }
    };
}
macro_rules! optional {
    ($name:literal, $zh:literal, $en:literal, $also:expr, $expected:ident, $($field:tt).+) => {
        Column {
            name: $name, zh: $zh, en: $en, also: &$also, mandatory: false,
            set: |c, _, t| { c.$($field).+ = Some(number(t, Expected::$expected)?); Ok(()) },
            clear: |c| c.$($field).+ = None,
            get: |c| shown(c.$($field).+.as_ref()),
        }
    };
}

/// Every column, in the order of the export.
pub static COLUMNS: &[Column] = &[
    Column {
        name: CODE,
        zh: "摄像机编码",
        en: "Code",
        also: &["设备编码", "编码", "国标编码", "camera code", "gb code"],
        mandatory: true,
        set: |_, _, _| Ok(()),
        clear: |_| {},
        get: |c| c.code.to_string(),
    },
    text!(
        "name",
        "摄像机名称",
        "Name",
        ["设备名称", "名称", "监控点名称", "camera name"],
        true,
        name
    ),
    Column {
        name: REGION,
        zh: "行政区划",
        en: "Region",
        also: &[
            "行政区域",
            "行政区划代码",
            "行政区域编码",
            "区划代码",
            "region code",
        ],
        mandatory: true,
        set: |c, _, t| {
            // Codes are often filled up with zeros to twelve digits.
            let digits = match t.len() {
                12 if t.ends_with("000000") => &t[..6],
                12 if t.ends_with("000") => &t[..9],
                _ => t,
            };
            c.region = digits.parse()?;
            Ok(())
        },
        clear: |_| {},
        get: |c| c.region.to_string(),
    },
    text!(
        "maker",
        "设备厂商",
        "Maker",
        ["厂商", "生产厂商", "制造商", "manufacturer"],
        true,
        maker
    ),
    text!("model", "设备型号", "Model", ["型号"], false, asset.model),
    text!(
        "common_name",
        "点位俗称",
        "Common name",
        ["俗称"],
        false,
        asset.common_name
    ),
    Column {
        name: "site_class",
        zh: "监控点位类型",
        en: "Site class",
        also: &["点位类型", "点位级别", "类别"],
        mandatory: true,
        set: |c, _, t| {
            c.site_class = word(t, &CLASS_WORDS)?.to_owned();
            debug_assert!(SITE_CLASSES.contains(&c.site_class.as_str()));
            Ok(())
        },
        clear: |c| c.site_class.clear(),
        get: |c| c.site_class.clone(),
    },
    Column {
        name: "form",
        zh: "摄像机类型",
        en: "Form",
        also: &["设备类型", "摄像机形态", "camera type"],
        mandatory: false,
        set: |c, _, t| {
            c.form = word(t, &FORM_WORDS)?.to_owned();
            debug_assert!(FORMS.contains(&c.form.as_str()));
            Ok(())
        },
        clear: |c| c.form.clear(),
        get: |c| c.form.clone(),
    },
    Column {
        name: "functions",
        zh: "摄像机功能",
        en: "Functions",
        also: &["功能", "功能类型"],
        mandatory: false,
        set: |c, _, t| {
            c.asset.functions = list(t);
            Ok(())
        },
        clear: |c| c.asset.functions.clear(),
        get: |c| c.asset.functions.join("/"),
    },
    optional!(
        "ipv4",
        "IPv4地址",
        "IPv4",
        ["ip地址", "ip", "ipv4 address"],
        Ipv4,
        asset.ipv4
    ),
    optional!(
        "ipv6",
        "IPv6地址",
        "IPv6",
        ["ipv6 address"],
        Ipv6,
        asset.ipv6
    ),
    Column {
        name: "mac",
        zh: "MAC地址",
        en: "MAC",
        also: &["物理地址", "mac address"],
        mandatory: false,
        set: |c, _, t| {
            c.asset.mac = t.replace('-', ":").to_uppercase();
            Ok(())
        },
        clear: |c| c.asset.mac.clear(),
        get: |c| c.asset.mac.clone(),
    },
    text!(
        "fill_light",
        "补光属性",
        "Fill light",
        ["补光"],
        false,
        asset.fill_light
    ),
    text!(
        "codec",
        "摄像机编码格式",
        "Codec",
        ["编码格式", "视频编码"],
        false,
        asset.codec
    ),
    text!(
        "address",
        "安装地址",
        "Address",
        ["地址", "详细地址", "安装位置"],
        true,
        address
    ),
    optional!(
        "height_m",
        "安装高度",
        "Mounting height (m)",
        ["安装高度(米)", "高度", "mounting height"],
        Metres,
        asset.height_m
    ),
    Column {
        name: "lon",
        zh: "经度",
        en: "Longitude",
        also: &["lon", "lng", "x"],
        mandatory: true,
        set: |_, d, t| {
            d.lon = Some(number(t, Expected::Longitude)?);
            Ok(())
        },
        clear: |_| {},
        get: |c| shown(written(c).map(|p| p.lon)),
    },
    Column {
        name: "lat",
        zh: "纬度",
        en: "Latitude",
        also: &["lat", "y"],
        mandatory: true,
        set: |_, d, t| {
            d.lat = Some(number(t, Expected::Latitude)?);
            Ok(())
        },
        clear: |_| {},
        get: |c| shown(written(c).map(|p| p.lat)),
    },
    Column {
        name: "reference",
        zh: "坐标系",
        en: "Coordinate system",
        also: &["坐标系统", "坐标类型"],
        mandatory: false,
        set: |c, _, t| {
            let name = word(t, &REFERENCE_WORDS)?;
            c.asset.reference = Reference::ALL
                .into_iter()
                .find(|r| r.as_str() == name)
                .unwrap_or_default();
            Ok(())
        },
        clear: |c| c.asset.reference = Reference::default(),
        get: |c| c.asset.reference.as_str().into(),
    },
    optional!(
        "heading",
        "监控方位",
        "Heading",
        ["朝向", "方位角", "监控方向"],
        Heading,
        heading
    ),
    optional!(
        "view_angle",
        "可视角度",
        "View angle",
        ["视场角", "视角"],
        Angle,
        view_angle
    ),
    optional!(
        "view_distance",
        "可视距离",
        "View distance (m)",
        ["可视距离(米)", "监视距离", "view distance"],
        WholeMetres,
        view_distance
    ),
    text!(
        "location_type",
        "位置类型",
        "Location type",
        ["摄像机位置类型", "场所类型"],
        true,
        asset.location_type
    ),
    text!(
        "network",
        "联网属性",
        "Network",
        ["所属网络", "网络", "网络属性"],
        true,
        asset.network
    ),
    text!(
        "manager",
        "管理单位",
        "Managing unit",
        ["所属单位", "建设单位"],
        true,
        asset.manager
    ),
    text!(
        "contact",
        "管理单位联系方式",
        "Contact",
        ["联系方式", "联系电话", "contact phone"],
        true,
        asset.contact
    ),
    text!(
        "police_unit",
        "所属辖区公安机关",
        "Police unit",
        ["辖区公安机关", "公安机关"],
        true,
        asset.police_unit
    ),
    Column {
        name: "installed_on",
        zh: "安装时间",
        en: "Installed on",
        also: &["安装日期", "建设时间"],
        mandatory: true,
        set: |c, _, t| {
            let day = day(t);
            if !is_day(&day) {
                return Err(Detail::expected(t, Expected::Day));
            }
            c.asset.installed_on = day;
            Ok(())
        },
        clear: |c| c.asset.installed_on.clear(),
        get: |c| c.asset.installed_on.clone(),
    },
    Column {
        name: "keep_days",
        zh: "录像保存天数",
        en: "Days to keep",
        also: &["保存天数", "录像保存时间", "存储天数"],
        mandatory: true,
        set: |c, _, t| {
            c.keep_days = number(t.trim_end_matches('天'), Expected::Days)?;
            Ok(())
        },
        clear: |_| {},
        get: |c| c.keep_days.to_string(),
    },
    text!(
        "condition",
        "设备状态",
        "State",
        ["状态", "使用状态"],
        true,
        asset.condition
    ),
    text!(
        "department",
        "所属部门",
        "Department",
        ["部门", "行业", "所属行业"],
        false,
        asset.department
    ),
    Column {
        name: "tags",
        zh: "标签",
        en: "Tags",
        also: &["分组", "groups"],
        mandatory: false,
        set: |c, _, t| {
            c.tags = list(t);
            Ok(())
        },
        clear: |c| c.tags.clear(),
        get: |c| c.tags.join("/"),
    },
    Column {
        name: "main_url",
        zh: "主码流地址",
        en: "Main URL",
        also: &["主码流", "rtsp", "rtsp地址", "main stream"],
        mandatory: false,
        set: |_, d, t| {
            d.urls.push(("main_url", t.to_owned()));
            Ok(())
        },
        clear: |_| {},
        get: |c| c.main_url.clone().unwrap_or_default(),
    },
    Column {
        name: "sub_url",
        zh: "子码流地址",
        en: "Sub URL",
        also: &["子码流", "辅码流", "辅码流地址", "sub stream"],
        mandatory: false,
        set: |_, d, t| {
            d.urls.push(("sub_url", t.to_owned()));
            Ok(())
        },
        clear: |_| {},
        get: |c| c.sub_url.clone().unwrap_or_default(),
    },
    optional!(
        "main_kbps",
        "主码流码率(kbps)",
        "Main rate (kbit/s)",
        ["主码流码率", "主码率", "main rate"],
        Kbps,
        asset.main_kbps
    ),
    optional!(
        "sub_kbps",
        "子码流码率(kbps)",
        "Sub rate (kbit/s)",
        ["子码流码率", "子码率", "辅码流码率", "sub rate"],
        Kbps,
        asset.sub_kbps
    ),
    Column {
        name: "username",
        zh: "用户名",
        en: "User name",
        also: &["账号", "登录名", "user"],
        mandatory: false,
        set: |c, _, t| {
            c.username = Some(t.to_owned());
            Ok(())
        },
        clear: |_| {},
        get: |c| c.username.clone().unwrap_or_default(),
    },
    Column {
        name: "password",
        zh: "密码",
        en: "Password",
        also: &["口令", "登录密码"],
        mandatory: false,
        set: |_, d, t| {
            d.password = Some(t.to_owned());
            Ok(())
        },
        clear: |_| {},
        // Never leaves the gateway.
        get: |_| String::new(),
    },
    Column {
        name: "transport",
        zh: "传输方式",
        en: "Transport",
        also: &[],
        mandatory: false,
        set: |c, _, t| {
            c.transport = match word(t, &[("tcp", &[]), ("udp", &[]), ("auto", &["自动"])])? {
                "tcp" => Transport::Tcp,
                "udp" => Transport::Udp,
                _ => Transport::Auto,
            };
            Ok(())
        },
        clear: |c| c.transport = Transport::default(),
        get: |c| match c.transport {
            Transport::Tcp => "tcp".into(),
            Transport::Udp => "udp".into(),
            Transport::Auto => "auto".into(),
        },
    },
    Column {
        name: "record",
        zh: "是否录像",
        en: "Record",
        also: &["录像"],
        mandatory: false,
        set: |c, _, t| {
            c.record = yes(t)?;
            Ok(())
        },
        clear: |_| {},
        get: |c| shown_yes(c.record),
    },
    Column {
        name: "disabled",
        zh: "是否停用",
        en: "Out of service",
        also: &["停用", "disabled"],
        mandatory: false,
        set: |c, _, t| {
            c.disabled = yes(t)?;
            Ok(())
        },
        clear: |_| {},
        get: |c| shown_yes(c.disabled),
    },
    Column {
        name: "always",
        zh: "始终拉流",
        en: "Always pull",
        also: &["常拉流"],
        mandatory: false,
        set: |c, _, t| {
            c.always = yes(t)?;
            Ok(())
        },
        clear: |_| {},
        get: |c| shown_yes(c.always),
    },
    Column {
        name: "tag",
        zh: "智能标注",
        en: "Tag events",
        also: &["事件检测"],
        mandatory: false,
        set: |c, _, t| {
            c.tag = yes(t)?;
            Ok(())
        },
        clear: |_| {},
        get: |c| shown_yes(c.tag),
    },
    // As in the API: nobody types these, but what goes out comes back.
    Column {
        name: "zones",
        zh: "检测区",
        en: "Zones",
        also: &[],
        mandatory: false,
        set: |c, _, t| {
            let zones = serde_json::from_str(t);
            c.zones = zones.map_err(|_| Detail::expected(t, Expected::Zones))?;
            Ok(())
        },
        clear: |c| c.zones.clear(),
        get: |c| match c.zones.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&c.zones).unwrap_or_default(),
        },
    },
];

/// The place in the system that it was given in.
fn written(camera: &Camera) -> Option<media::Place> {
    let place = crate::coordinates::from_wgs84(camera.place?, camera.asset.reference);
    // To the centimetre: seven digits.
    let round = |v: f64| (v * 1e7).round() / 1e7;
    Some(media::Place {
        lon: round(place.lon),
        lat: round(place.lat),
    })
}
