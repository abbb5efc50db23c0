//! 20-digit codes: what one says, and the next that is free.

use ::media::{CameraId, RegionCode, code::Parts, said};
use command::code::{self, Stem};
use serde::Serialize;

use super::super::{Answer, Call, Problem, json, problem};
use crate::access::Action;

#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    explained: code::Explained,
    /// `free`, `taken`, or `gone`: its camera was taken out, and its recordings are kept under it. Null where it is no code.
    state: Option<&'static str>,
    /// The camera that has it, where the user may see that one.
    name: Option<String>,
}

/// `GET /camera-codes/{digits}`.
pub(in crate::api) async fn explain(call: Call) -> Answer {
    let register = call.gateway.register.read();
    let digits = call.param("digits");
    let district = call.gateway.config.district.code;
    let name = |r: &RegionCode| register.region(r).map(|r| r.name.clone());
    let explained = code::explain(digits, Some(district), name);
    let code: Option<CameraId> = explained.code.parse().ok();
    let camera = code.and_then(|c| register.camera(&c));
    let state = code.map(|c| match (camera, register.file_or_gone(&c)) {
        (Some(_), _) => "taken",
        (None, Some(_)) => "gone",
        (None, None) => "free",
    });
    let name = camera
        .filter(|c| call.sees(Action::Look, c.region))
        .map(|c| c.name.clone());
    json(&Told {
        explained,
        state,
        name,
    })
}

#[derive(Serialize)]
struct Next {
    code: CameraId,
}

/// `GET /camera-codes/next`.
pub(in crate::api) async fn next(call: Call) -> Answer {
    let district = call.gateway.config.district.code;
    let centre = match call.query.get("centre") {
        Some(text) => text.clone(),
        None => format!(
            "{:0<8}",
            &district.as_str()[..district.as_str().len().min(8)]
        ),
    };
    let digits = |name: &str, text: &str, n: usize| -> Result<u32, Problem> {
        let good = text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
        let number = good.then(|| text.parse().ok()).flatten();
        number.ok_or_else(|| {
            let said = said!(
                "digits",
                "'{value}', expected {n} digits",
                value = text,
                n = n
            );
            Problem::wrong(name, said)
        })
    };
    let part = |name: &str, usual: &str, n: usize| {
        let text = call.query.get(name).map_or(usual, String::as_str);
        digits(name, text, n).map(|number| (text.to_owned(), number))
    };
    let centre = digits("centre", &centre, 8)?;
    let (_, industry) = part("industry", "00", 2)?;
    let (device, _) = part("type", "132", 3)?;
    let (_, network) = part("network", "6", 1)?;
    if !matches!(device.as_str(), "131" | "132") {
        let said = said!(
            "no-camera-type",
            "{value}, expected 131 or 132 (camera)",
            value = device
        );
        return Err(Problem::wrong("type", said));
    }
    // A whole code, so that its type is read where all types are read.
    let whole: CameraId = format!("{centre:08}{industry:02}{device}{network}000001")
        .parse()
        .map_err(|e| problem::bad_code("centre", &e))?;
    let parts = Parts::of(&whole);
    let stem = Stem {
        centre: parts.centre,
        industry: parts.industry,
        device: parts.device,
        network: parts.network,
    };
    match call.gateway.register.read().next_code(&stem) {
        Some(code) => json(&Next { code }),
        None => Err(Problem::wrong(
            "centre",
            said!("serials-taken", "all 999,999 serial numbers are taken"),
        )),
    }
}
