//! Whatever a spreadsheet holds, as CSV, as an XLSX of any bytes, or as a workbook with any sheet: an answer within bounds; and
//! what is taken goes out and comes back as it is.
#![no_main]

use std::{io::Write, sync::LazyLock};

use command::{
    Region, Register, State,
    import::{self, Headings},
    register::Change,
};
use libfuzzer_sys::fuzz_target;
use media::WallTime;

static REGISTER: LazyLock<Register> = LazyLock::new(|| {
    let mut register = Register::default();
    let regions = ["441403", "441403102", "441403102201"].map(|code| Region {
        code: code.parse().expect("a code"),
        name: code.into(),
        name_en: String::new(),
        place: None,
    });
    register.apply(WallTime(0), Change::Regions(regions.into()));
    register
});

/// A workbook whose sheet holds these bytes.
fn workbook(sheet: &[u8]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let parts: [(&str, &[u8]); 4] = [
        ("[Content_Types].xml", br#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#),
        ("xl/workbook.xml", br#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>"#),
        ("xl/_rels/workbook.xml.rels", br#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    for (name, bytes) in parts {
        if out.start_file(name, options).is_err() || out.write_all(bytes).is_err() {
            return Vec::new();
        }
    }
    out.finish().map(std::io::Cursor::into_inner).unwrap_or_default()
}

fn judge(file: &[u8]) {
    let Ok(table) = import::read(file) else { return };
    let report = import::check(&table, &REGISTER, None);
    if !report.is_good() {
        return;
    }
    // What is taken can be written out and read again.
    let cameras: Vec<_> = report.cameras.iter().map(|r| &r.camera).collect();
    let again = import::export(cameras.into_iter(), Headings::Chinese);
    assert!(report.cameras.is_empty() || import::read(&again).is_ok());
}

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((0, rest)) => judge(&workbook(rest)),
        Some((1, rest)) => {
            let mut file = b"PK\x03\x04".to_vec();
            file.extend_from_slice(rest);
            judge(&file);
        }
        _ => judge(bytes),
    }
});
