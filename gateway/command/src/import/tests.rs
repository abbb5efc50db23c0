//! Files as spreadsheet users make them, and as those make them who mean harm.

use std::io::Write;

use media::{Place, WallTime};
use proptest::prelude::*;

use super::{table::MAX_ROWS, *};
use crate::{
    asset::Reference,
    coordinates::to_gcj02,
    register::{Change, Region},
    state::State,
};

fn register() -> Register {
    let mut register = Register::default();
    let region = |code: &str| Region {
        code: code.parse().unwrap(),
        name: format!("R{code}"),
        name_en: String::new(),
        place: None,
    };
    let regions = ["441403", "441403102", "441403102201"].map(region);
    register.apply(WallTime(0), Change::Regions(regions.into()));
    register
}

/// A square around 116 E, 24 N.
fn outline() -> Outline {
    let text = br#"{"features":[{"properties":{"kind":"district"},"geometry":{"type":"Polygon","coordinates":
        [[[115.9,23.9],[116.1,23.9],[116.1,24.1],[115.9,24.1],[115.9,23.9]]]}}]}"#;
    Outline::of_geojson(text).unwrap().unwrap()
}

fn report_of(file: &[u8]) -> Report {
    check(&read(file).unwrap(), &register(), Some(&outline()))
}

fn take(register: &mut Register, report: &Report) {
    let cameras = report.cameras.iter().map(|read| {
        let mut camera = read.camera.clone();
        for (field, url) in &read.draft.urls {
            match *field {
                "sub_url" => camera.sub_url = Some(url.clone()),
                _ => camera.main_url = Some(url.clone()),
            }
        }
        camera
    });
    let change = Change::Import(cameras.collect());
    register.check(&change).unwrap();
    register.apply(WallTime(1), change);
}

fn kinds(report: &Report) -> Vec<(u32, &str, &str)> {
    let told = report.faults.iter();
    told.filter(|f| f.severity == Severity::Error || !["missing", "same-address"].contains(&f.kind))
        .map(|f| (f.row, f.column.as_str(), f.kind))
        .collect()
}

const CHINESE: &str = "梅县区视频监控一机一档,,,,,,\r\n\
    经度,纬度,摄像机名称*,设备编码,行政区划,主码流,监控点位类型,安装时间\r\n\
    116.01,24.02,村口,44140300001326000001,441403102201,rtsp://10.0.0.1/main,一类,2024年5月1日\r\n\
    \r\n\
    ,,桥头,44140300001326000002,441403102000,rtsp://10.0.0.2/main,2类点,2024/5/1\r\n";

#[test]
fn a_file_as_people_make_it_is_read_in_either_encoding() {
    let (gb, _, lost) = encoding_rs::GB18030.encode(CHINESE);
    assert!(!lost);
    for file in [CHINESE.as_bytes(), &gb] {
        let file = String::from_utf8(file.to_vec()).map_or_else(
            |_| file.to_vec(),
            |text| text.replace("2类点", "二类点").into_bytes(),
        );
        let report = report_of(&file);
        assert!(report.rows == 2 && report.added == 2, "{report:?}");
        let first = &report.cameras[0];
        assert_eq!((first.row, first.camera.name.as_str()), (3, "村口"));
        assert_eq!(first.camera.asset.installed_on, "2024-05-01");
        assert_eq!(first.camera.site_class, "1");
        let region = report.cameras[1].camera.region;
        assert_eq!(region.as_str(), "441403102", "filled up with zeros");
    }
}

#[test]
fn english_headings_in_any_order_with_semicolons() {
    let file = "Name;Main URL;Region code;Longitude;Latitude;Code;Weather\n\
        gate;rtsp://10.0.0.1/;441403;116;24;44140300001326000001;fine\n";
    let report = report_of(file.as_bytes());
    assert!(report.is_good());
    assert_eq!(kinds(&report), [(1, "Weather", "unknown-column")]);
}

#[test]
fn every_fault_names_its_row_and_column() {
    let file = "编码,名称,行政区划,经度,纬度,主码流,朝向\n\
        4414030000132600000,a,441403,116,24,rtsp://h/,\n\
        44140300001326000001,a,441403,116,24,rtsp://h/,\n\
        44140300001326000001,a,441403,116,24,rtsp://h/,\n\
        44140300001116000002,a,441403,116,24,rtsp://h/,\n\
        44140300001326000003,,441403,116,24,rtsp://h/,\n\
        44140300001326000004,a,441402,116,24,rtsp://h/,\n\
        44140300001326000005,a,441403,24,116,rtsp://h/,\n\
        44140300001326000006,a,441403,117,24,rtsp://h/,\n\
        44140300001326000007,a,441403,116.1042,23.9973,rtsp://h/,\n\
        44140300001326000008,a,441403,116,24,rtsp://h/,north\n\
        44140300001326000009,a,441403,116,24,rtsp://h/,360\n\
        4.41403000013E+19,a,441403,116,24,rtsp://h/,\n\
        44140300001326000010,a,441403,116,24,,\n\
        44140300001326000011,a,441403,116,,rtsp://h/,\n";
    let report = report_of(file.as_bytes());
    assert_eq!(
        kinds(&report),
        [
            (2, "编码", "bad-code"),
            (4, "编码", "duplicate"),
            (5, "编码", "wrong-type"),
            (6, "名称", "missing"),
            (7, "行政区划", "unknown-region"),
            (8, "经度", "swapped"),
            (9, "经度", "outside"),
            (10, "经度", "gcj-02"),
            (11, "朝向", "bad-value"),
            (12, "朝向", "bad-value"),
            (13, "编码", "bad-code"),
            (14, "主码流", "missing"),
            (15, "纬度", "missing"),
        ]
    );
    assert!(!report.is_good());
}

#[test]
fn gcj_02_is_converted_where_the_file_says_so() {
    let file = "编码,名称,行政区划,经度,纬度,主码流,坐标系\n\
        44140300001326000007,a,441403,116.1042,23.9973,rtsp://h/,高德\n";
    let report = report_of(file.as_bytes());
    assert_eq!(kinds(&report), []);
    let camera = &report.cameras[0].camera;
    assert_eq!(camera.asset.reference, Reference::Gcj02);
    assert!(camera.place.unwrap().lon < 116.1);
}

#[test]
fn what_the_file_leaves_out_stays_and_what_it_leaves_empty_goes() {
    let mut register = register();
    let first = "编码,名称,行政区划,主码流,厂商,型号,密码\n\
        44140300001326000001,a,441403,rtsp://h/,M,X,p\n";
    take(&mut register, &report_of(first.as_bytes()));
    let second = "编码,型号\n44140300001326000001,\n";
    let report = check(&read(second.as_bytes()).unwrap(), &register, None);
    assert!(report.is_good(), "{:?}", report.faults);
    let camera = &report.cameras[0].camera;
    assert_eq!(
        (camera.maker.as_str(), camera.asset.model.as_str()),
        ("M", "")
    );
    assert_eq!(report.added, 0);
}

fn workbook(sheet: &str) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let mut part = |name: &str, text: &str| {
        out.start_file(name, options).unwrap();
        out.write_all(text.as_bytes()).unwrap();
    };
    part(
        "[Content_Types].xml",
        r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#,
    );
    part(
        "_rels/.rels",
        r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
    );
    part(
        "xl/workbook.xml",
        r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>"#,
    );
    part(
        "xl/_rels/workbook.xml.rels",
        r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
    );
    part("xl/worksheets/sheet1.xml", sheet);
    out.finish().unwrap().into_inner()
}

fn sheet(rows: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
    )
}

fn cell(at: &str, text: &str) -> String {
    format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#)
}

#[test]
fn a_workbook_is_read_and_a_code_that_became_a_number_is_seen() {
    let rows = format!(
        r#"<row r="1">{}{}{}{}</row><row r="3">{}{}<c r="C3"><v>441403</v></c>{}</row><row r="4"><c r="A4"><v>44140300001326000001</v></c></row>"#,
        cell("A1", "编码"),
        cell("B1", "名称"),
        cell("C1", "行政区划"),
        cell("D1", "主码流"),
        cell("A3", "44140300001326000001"),
        cell("B3", "村口"),
        cell("D3", "rtsp://h/"),
    );
    let report = report_of(&workbook(&sheet(&rows)));
    assert_eq!(report.cameras[0].camera.name, "村口");
    assert_eq!(kinds(&report), [(4, "编码", "bad-code")]);
}

#[test]
fn harmful_files_are_refused_within_bounds() {
    let far = workbook(&sheet(&format!(
        r#"<row r="1">{}{}</row><row r="1048576">{}</row>"#,
        cell("A1", "a"),
        cell("B1", "b"),
        cell("XFD1048576", "x")
    )));
    assert!(matches!(read(&far), Err(Error::TooLarge(_))));
    // A part that unpacks to a gigabyte.
    let bomb = workbook(&" ".repeat(200 << 20));
    assert!(bomb.len() < 1 << 20);
    let error = read(&bomb).unwrap_err();
    assert!(
        error.to_string().contains("unpacks to more than"),
        "{error}"
    );
    let wide = format!("编码{}\n", ",x".repeat(1_000_000));
    assert!(matches!(read(wide.as_bytes()), Err(Error::TooLarge(_))));
    let long = "编码,名称\n".to_owned() + &"1,2\n".repeat(MAX_ROWS + 100);
    assert!(matches!(read(long.as_bytes()), Err(Error::TooLarge(_))));
    assert!(matches!(read(&[0xff; 100]), Err(Error::Format(_))));
    assert!(matches!(read(b"PK\x03\x04nothing"), Err(Error::Format(_))));
    assert_eq!(read(b""), Err(Error::Empty));
}

#[test]
fn a_cell_that_would_be_a_formula_goes_out_as_text_and_comes_back() {
    let mut camera = Camera::new(
        "44140300001326000001".parse().unwrap(),
        "=HYPERLINK(1)",
        "441403".parse().unwrap(),
    );
    camera.main_url = Some("rtsp://h/".into());
    let file = export([&camera].into_iter(), Headings::English);
    let text = String::from_utf8(file.clone()).unwrap();
    assert!(text.contains(",'=HYPERLINK(1),"), "{text}");
    let report = report_of(&file);
    assert_eq!(report.cameras[0].camera.name, "=HYPERLINK(1)");
}

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9\u{4e00}-\u{4eff},\"= ]{0,12}".prop_map(|s| s.trim().to_owned())
}

prop_compose! {
    fn cameras()(
        serial in 1u32..999_999,
        name in "[a-z\u{4e00}-\u{4eff}]{1,20}",
        place in proptest::option::of((-179.0f64..179.0, -89.0f64..89.0)),
        texts in proptest::array::uniform8(words()),
        numbers in (proptest::option::of(0u16..360), proptest::option::of(1u16..=360), 1u32..3650),
        (class, form, reference, record) in (0usize..5, 0usize..6, 0usize..3, any::<bool>()),
        ip in proptest::option::of(any::<u128>()),
        kbps in (proptest::option::of(16u32..=200_000), proptest::option::of(16u32..=200_000)),
    ) -> Camera {
        let code = format!("44140300001326{serial:06}").parse().unwrap();
        let mut c = Camera::new(code, name, "441403102201".parse().unwrap());
        let [maker, address, model, manager, contact, network, location, department] = texts;
        (c.maker, c.address) = (maker, address);
        (c.asset.model, c.asset.manager, c.asset.contact) = (model, manager, contact);
        (c.asset.network, c.asset.location_type, c.asset.department) = (network, location, department);
        (c.heading, c.view_angle, c.keep_days) = numbers;
        c.site_class = crate::register::SITE_CLASSES[class].into();
        c.form = crate::register::FORMS[form].into();
        c.asset.reference = Reference::ALL[reference];
        c.place = place.map(|(lon, lat)| Place { lon, lat });
        c.asset.ipv6 = ip.map(Into::into);
        c.asset.functions = vec!["人员".into(), "车辆".into()];
        (c.asset.main_kbps, c.asset.sub_kbps) = kbps;
        (c.tag, c.always) = (record, !record);
        if !record {
            let points = vec![[0.1, 0.25], [0.9, 0.5], [1.0 / 3.0, 1.0]];
            c.zones = vec![crate::Zone { name: "院子, \"门\"".into(), points }];
        }
        c.record = record;
        c.main_url = Some("rtsp://10.0.0.1/main".into());
        c.username = Some("admin".into());
        c
    }
}

proptest! {
    /// What is exported, in either language, comes back without a change; and where it is not there yet, as it was.
    #[test]
    fn an_export_imports_again_without_loss(camera in cameras(), chinese in any::<bool>()) {
        let headings = if chinese { Headings::Chinese } else { Headings::English };
        let file = export([&camera].into_iter(), headings);
        let table = read(&file).unwrap();
        let mut there = register();
        there.apply(WallTime(0), Change::Import(vec![camera.clone()]));
        let again = check(&table, &there, None);
        prop_assert!(again.is_good(), "{:?}", again.faults);
        prop_assert_eq!((again.same, again.cameras.len()), (1, 0), "{:?}", again.cameras);
        let mut empty = register();
        take(&mut empty, &check(&table, &register(), None));
        let back = empty.camera(&camera.code).unwrap();
        if let (Some(a), Some(b)) = (back.place, camera.place) {
            prop_assert!(a.distance_m(&b) < 0.05);
        }
        let mut expected = camera.clone();
        expected.place = back.place;
        prop_assert_eq!(&**back, &expected);
    }

    /// Whatever the bytes: an answer, and no panic.
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(table) = read(&bytes) {
            let _ = check(&table, &register(), None);
        }
    }
}

#[test]
fn formulas_are_refused_by_row_and_column() {
    let file = "编码,名称,行政区划,主码流,联系方式\n\
        44140300001326000001,=cmd|' /C calc'!A0,441403,rtsp://h/1,+86 753 2580000\n\
        44140300001326000002,@SUM(1+1),441403,rtsp://h/2,-\n\
        44140300001326000003,'=a name,441403,rtsp://h/3,\n";
    let report = report_of(file.as_bytes());
    assert_eq!(
        kinds(&report),
        [(2, "名称", "formula"), (3, "名称", "formula")]
    );
    // In a workbook the formula stands beside the value it came to.
    let rows = format!(
        r#"<row r="1">{}{}{}{}</row><row r="2">{}<c r="B2" t="str"><f>HYPERLINK("http://x","y")</f><v>y</v></c>{}{}</row>"#,
        cell("A1", "编码"),
        cell("B1", "名称"),
        cell("C1", "行政区划"),
        cell("D1", "主码流"),
        cell("A2", "44140300001326000001"),
        cell("C2", "441403"),
        cell("D2", "rtsp://h/"),
    );
    let report = report_of(&workbook(&sheet(&rows)));
    assert_eq!(kinds(&report), [(2, "名称", "formula")]);
}

/// A formula that claims to be shared by every cell of the sheet, a thousand times over.
#[test]
fn shared_formulas_over_a_million_cells_cost_nothing() {
    let shared: String = (0..1000)
        .map(|i| {
            format!(r#"<c r="A2"><f t="shared" si="{i}" ref="A1:XFD1048576">A1</f><v>1</v></c>"#)
        })
        .collect();
    let rows = format!(
        r#"<row r="1">{}{}</row><row r="2">{shared}</row>"#,
        cell("A1", "编码"),
        cell("B1", "名称")
    );
    let report = report_of(&workbook(&sheet(&rows)));
    assert!(
        report.faults.iter().any(|f| f.kind == "formula"),
        "{:?}",
        report.faults
    );
}

#[test]
fn a_column_is_understood_as_somebody_says() {
    let file = "编号,说明,行政区划,主码流\n44140300001326000001,村口,441403,rtsp://h/\n";
    let table = read(file.as_bytes()).unwrap();
    let plain = check(&table, &register(), None);
    assert!(plain.faults.iter().any(|f| f.kind == "missing-column"));
    let fields = |r: &Report| r.columns.iter().map(|c| c.field).collect::<Vec<_>>();
    assert_eq!(
        fields(&plain),
        [None, None, Some("region"), Some("main_url")]
    );
    let said = mapping("0:code,1:name").unwrap();
    let told = check_mapped(&table, &register(), None, &said);
    assert!(told.is_good(), "{:?}", told.faults);
    assert_eq!(told.cameras[0].camera.name, "村口");
    assert_eq!(told.columns[0].samples, ["44140300001326000001"]);
    let without = check_mapped(
        &table,
        &register(),
        None,
        &mapping("0:code,1:name,3:-").unwrap(),
    );
    assert!(
        without
            .faults
            .iter()
            .any(|f| f.kind == "missing" && f.column == "主码流地址")
    );
    for wrong in ["0", "x:name", "0:nothing"] {
        assert!(mapping(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_place_that_moved_by_the_shift_of_gcj_02_is_told() {
    let mut there = register();
    let place = Place {
        lon: 116.0,
        lat: 24.0,
    };
    let mut camera = Camera::new(
        "44140300001326000001".parse().unwrap(),
        "a",
        "441403".parse().unwrap(),
    );
    camera.main_url = Some("rtsp://h/".into());
    camera.place = Some(place);
    there.apply(WallTime(0), Change::Import(vec![camera]));
    let line = |p: Place, reference: &str| {
        let file = format!(
            "编码,经度,纬度,坐标系\n44140300001326000001,{},{},{reference}\n",
            p.lon, p.lat
        );
        let report = check(&read(file.as_bytes()).unwrap(), &there, Some(&outline()));
        report.faults.iter().any(|f| f.kind == "gcj-02")
    };
    let shifted = to_gcj02(place);
    assert!(line(shifted, ""), "given as it is on other maps");
    assert!(!line(shifted, "GCJ-02"), "and said so");
    assert!(line(place, "GCJ-02"), "said so, and is not");
    assert!(!line(place, ""));
    assert!(
        !line(
            Place {
                lon: 116.004,
                ..place
            },
            ""
        ),
        "it was put somewhere else"
    );
}

#[test]
fn codes_of_elsewhere_and_addresses_that_stand_twice_are_looked_at() {
    let file = "编码,名称,行政区划,主码流\n\
        44140200001326000001,a,441403,rtsp://h/1\n\
        44140300001326000002,b,441403,rtsp://h/1\n";
    let report = report_of(file.as_bytes());
    assert!(report.is_good());
    assert_eq!(kinds(&report), [(2, "编码", "foreign-code")]);
    let same = report
        .faults
        .iter()
        .find(|f| f.kind == "same-address")
        .unwrap();
    assert_eq!(
        (same.row, same.column.as_str(), same.text.as_str()),
        (3, "主码流", "row 2 has the same address")
    );
}

/// A column of every field filled with what does not fit it: every cell is named, and nothing panics.
#[test]
fn wrong_types_everywhere_are_told_cell_by_cell() {
    let heads: Vec<&str> = COLUMNS.iter().map(|c| c.name).collect();
    let mut file = heads.join(",") + "\n";
    for n in 0..300 {
        let cells = heads.iter().map(|h| match *h {
            "code" => format!("44140300001326{:06}", n + 1),
            _ => "☃\u{202e}9e999".to_owned(),
        });
        file += &(cells.collect::<Vec<_>>().join(",") + "\n");
    }
    let report = report_of(file.as_bytes());
    assert!(!report.is_good());
    assert!(report.faults.len() <= MAX_FAULTS + 1);
    let told: BTreeSet<&str> = report.faults.iter().map(|f| f.column.as_str()).collect();
    for number in [
        "heading",
        "view_angle",
        "view_distance",
        "keep_days",
        "height_m",
        "main_kbps",
        "sub_kbps",
        "zones",
        "tag",
        "lon",
        "lat",
        "ipv4",
        "region",
    ] {
        assert!(told.contains(number), "{number}: {told:?}");
    }
}

/// A page words a fault by its code and values; the English beside them is made of the same.
#[test]
fn a_fault_says_exactly_what_by_a_code_and_its_values() {
    let file = "编码,名称,行政区划,经度,纬度,主码流,朝向,主码流码率(kbps),摄像机类型\n\
        4414030000132600000,a,441403,116,24,rtsp://h/1,,,\n\
        44140300001326000001,a,441403,116,24,rtsp://h/2,north,,\n\
        44140300001326000001,a,441403,116,24,rtsp://h/3,,,\n\
        44140300001326000003,a,441403,24,116,rtsp://h/4,,,\n\
        44140300001326000004,a,441403,116,24,rtsp://h/5,,5,round\n\
        44140300001326000005,a,441403,116,24,rtsp://h/6,,5,球机\n";
    let report = report_of(file.as_bytes());
    let of = |row: u32, kind: &str| {
        let mut all = report.faults.iter();
        let fault = all.find(|f| f.row == row && f.kind == kind).unwrap();
        assert_eq!(fault.text, fault.detail.to_string());
        serde_json::to_value(&fault.detail).unwrap()
    };
    let expected = serde_json::json!([
        {"code": "length", "value": "4414030000132600000", "found": 19, "expected": "20 digits"},
        {"code": "expected", "value": "north", "expected": "heading"},
        {"code": "code-twice", "row": 3},
        {"code": "swapped", "lon": 24.0, "lat": 116.0},
        {"code": "word", "value": "round", "known": ["dome", "half-dome", "fixed", "steerable", "checkpoint", "other"]},
        {"code": "limit", "field": "asset.main_kbps", "text": "5, expected 16 to 200000 kbit/s"},
    ]);
    let told = [
        of(2, "bad-code"),
        of(3, "bad-value"),
        of(4, "duplicate"),
        of(5, "swapped"),
        of(6, "bad-value"),
        of(7, "bad-value"),
    ];
    assert_eq!(serde_json::to_value(told).unwrap(), expected);
}
