//! The figures as a spreadsheet and as a report to print, in both languages.

use std::fmt::Write;

use ::media::{ReasonCode, said};
use command::supervision::{By, Line, Part, Period, query::Rates};
use http::{HeaderValue, header};

use super::{Answer, Asked, Call, Problem, name, state};
use crate::{
    access::Action,
    api::bytes,
    config::{self, Threshold},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Chinese,
    English,
}

impl Language {
    fn of(call: &Call) -> Result<Self, Problem> {
        match call.query.get("language").map(String::as_str) {
            None | Some("zh") => Ok(Self::Chinese),
            Some("en") => Ok(Self::English),
            Some(_) => Err(Problem::wrong(
                "language",
                said!("no-language", "expected zh or en"),
            )),
        }
    }

    fn reason(self, code: ReasonCode) -> &'static str {
        let (zh, en) = super::causes::words(code);
        self.say(zh, en)
    }

    fn say(self, zh: &'static str, en: &'static str) -> &'static str {
        match self {
            Self::Chinese => zh,
            Self::English => en,
        }
    }
}

fn rates(rates: &Rates, c: &config::Supervision) -> [(Part, Threshold); 6] {
    [
        (rates.online, c.online),
        (rates.recording, c.recording),
        (rates.retention, c.retention),
        (rates.clock, c.clock),
        (rates.quality, c.quality),
        (rates.file, c.file),
    ]
}

const RATES: [(&str, &str); 6] = [
    ("在线率", "Online rate"),
    ("录像完整率", "Recording completeness"),
    ("存储天数达标率", "Retention met"),
    ("时钟准确率", "Clock accuracy"),
    ("图像质量合格率", "Image quality"),
    ("建档率", "File completeness"),
];

fn by_words(by: By, l: Language) -> &'static str {
    match super::by_name(by) {
        "all" => l.say("全部", "All"),
        "town" => l.say("镇（街道）", "Town"),
        "village" => l.say("村（社区）", "Village"),
        "department" => l.say("部门", "Department"),
        "maker" => l.say("厂商", "Maker"),
        "camera" => l.say("摄像机", "Camera"),
        _ => l.say("区县", "District"),
    }
}

fn called(call: &Call, by: By, line: &Line, l: Language) -> String {
    if by == By::All {
        return l.say("全部", "All").into();
    }
    if line.key.is_empty() {
        return l.say("未填写", "Not given").into();
    }
    let (zh, en) = name(call, by, &line.key);
    l.say_owned(zh, en)
}

impl Language {
    fn say_owned(self, zh: String, en: String) -> String {
        match self {
            Self::Chinese => zh,
            Self::English => en,
        }
    }
}

fn percent(part: Part) -> String {
    match part.share() {
        // Cut, not rounded: 99.996 % is not all of them.
        Some(share) => format!("{:.2} %", (share * 10_000.0 + 1e-7).floor() / 100.0),
        None => "—".into(),
    }
}

/// What a spreadsheet would take for a formula is made text.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = match formula {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

async fn told(call: &Call, action: &str) -> Result<(Asked, Language), Problem> {
    let language = Language::of(call)?;
    let asked = Asked::of(call).await?;
    let q = &asked.question;
    call.may(Action::Look, q.region, q.region.as_str())?;
    let mut entry = call.entry(action, q.region.to_string(), Some(q.region))?;
    entry.detail = format!(
        "{} to {}, by {}, a line a {}",
        q.from,
        q.to,
        super::by_name(q.by),
        super::period_name(q.period)
    );
    call.audit(entry).await?;
    Ok((asked, language))
}

/// `GET /supervision/export.csv`.
pub(in crate::api) async fn spreadsheet(call: Call) -> Answer {
    let (asked, l) = told(&call, "supervision-exported").await?;
    let c = call.gateway.supervision.config();
    // A mark that it is UTF-8: without it Excel shows Chinese as something else.
    let mut text = String::from("\u{feff}");
    let mut head = vec![
        l.say("起始日", "From").to_owned(),
        by_words(asked.question.by, l).to_owned(),
        l.say("编码", "Code").to_owned(),
        l.say("摄像机数", "Cameras").to_owned(),
    ];
    for (zh, en) in RATES {
        let name = l.say(zh, en);
        head.push(name.to_owned());
        head.push(format!("{name} {}", l.say("实际", "part")));
        head.push(format!("{name} {}", l.say("应有", "whole")));
    }
    head.push(l.say("离线原因（秒）", "Down because (s)").to_owned());
    let row =
        |cells: &[String]| cells.iter().map(|c| cell(c)).collect::<Vec<_>>().join(",") + "\r\n";
    text += &row(&head);
    for line in &asked.lines {
        let mut cells = vec![
            line.period.to_string(),
            called(&call, asked.question.by, line, l),
            match asked.question.by {
                By::Level(_) => line.key.clone(),
                // Twenty digits are no number: a tab keeps them whole in a spreadsheet.
                By::Camera => line.key.clone() + "\t",
                _ => String::new(),
            },
            line.cameras.to_string(),
        ];
        for (part, _) in rates(&line.rates, c) {
            let share = part.share().map_or_else(String::new, |s| format!("{s:.6}"));
            cells.extend([share, part.part.to_string(), part.whole.to_string()]);
        }
        let causes = line
            .causes
            .iter()
            .map(|(code, s)| format!("{} {s}", l.reason(*code)));
        cells.push(causes.collect::<Vec<_>>().join("; "));
        text += &row(&cells);
    }
    let mut response = bytes("text/csv", text);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"supervision.csv\""),
    );
    Ok(response)
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const STYLE: &str = "body{font:14px/1.5 'Noto Sans CJK SC','Microsoft YaHei',system-ui,sans-serif;color:#111;margin:24px auto;max-width:1080px;padding:0 16px}\
h1{font-size:22px;margin:0 0 4px}p{margin:4px 0}table{border-collapse:collapse;width:100%;margin:16px 0;font-variant-numeric:tabular-nums}\
th,td{border:1px solid #999;padding:4px 8px;text-align:right}th:first-child,td:first-child,td.t{text-align:left}thead th{background:#eee}\
tfoot td{font-weight:700}.alarm{font-weight:700}.alarm::after{content:' \\25BC\\25BC'}.short::after{content:' \\25BC'}small{color:#444}\
.wide{overflow-x:auto}@page{size:A4 landscape;margin:12mm}@media print{body{margin:0;max-width:none}thead{display:table-header-group}tr{break-inside:avoid}.wide{overflow:visible}}";

/// `GET /supervision/report.html`.
pub(in crate::api) async fn report(call: Call) -> Answer {
    let (asked, l) = told(&call, "supervision-reported").await?;
    let mut response = bytes("text/html; charset=utf-8", page(&call, &asked, l));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Its own style and nothing else: no script, no picture, no frame.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    );
    Ok(response)
}

fn page(call: &Call, asked: &Asked, l: Language) -> String {
    let q = &asked.question;
    let c = call.gateway.supervision.config();
    let register = call.gateway.register.read();
    let place = register.region(&q.region).map_or_else(
        || q.region.to_string(),
        |r| match l {
            Language::English if !r.name_en.is_empty() => r.name_en.clone(),
            _ => r.name.clone(),
        },
    );
    let title = match l {
        Language::Chinese => format!("{place}视频监控运行考核报表"),
        Language::English => format!("{place}: supervision of video cameras"),
    };
    let mut out = String::with_capacity(16 * 1024);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{}</title><style>{STYLE}</style></head><body><h1>{}</h1>",
        l.say("zh-CN", "en"),
        html(&title),
        html(&title)
    );
    let made = call.gateway.supervision.day(call.gateway.now());
    let user = call.user().map(|u| u.user.clone()).unwrap_or_default();
    let line = match l {
        Language::Chinese => format!(
            "考核期：{} 至 {}（有数据 {} 天）。制表：{made}，{user}。",
            q.from, q.to, asked.days
        ),
        Language::English => format!(
            "From {} to {} ({} days with figures). Made {made} by {user}.",
            q.from, q.to, asked.days
        ),
    };
    let _ = write!(out, "<p>{}</p>", html(&line));
    let only: Vec<&str> = [&q.maker, &q.department]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    if !only.is_empty() {
        let _ = write!(
            out,
            "<p>{}{}</p>",
            l.say("仅限：", "Only: "),
            html(&only.join(", "))
        );
    }
    if asked.provisional {
        let _ = write!(
            out,
            "<p>{}</p>",
            l.say(
                "含当日未结算数据，数值仍会变化。",
                "Holds figures of today, which still change."
            )
        );
    }
    if asked.revised > 0 {
        let _ = match l {
            Language::Chinese => write!(
                out,
                "<p>其中 {} 天因事后批准的停机重新核算。</p>",
                asked.revised
            ),
            Language::English => write!(
                out,
                "<p>{} of the days were judged again after an outage was approved.</p>",
                asked.revised
            ),
        };
    }
    table(&mut out, call, asked, l, c);
    causes(&mut out, asked, l);
    notes(&mut out, asked, l, c);
    out += "</body></html>";
    out
}

fn table(out: &mut String, call: &Call, asked: &Asked, l: Language, c: &config::Supervision) {
    let q = &asked.question;
    let by_period = q.period != Period::All;
    let _ = write!(
        out,
        "<div class=\"wide\"><table><thead><tr><th>{}</th>",
        by_words(q.by, l)
    );
    if by_period {
        let _ = write!(out, "<th>{}</th>", l.say("起始日", "From"));
    }
    let _ = write!(out, "<th>{}</th>", l.say("摄像机", "Cameras"));
    for (zh, en) in RATES {
        let _ = write!(out, "<th>{}</th>", l.say(zh, en));
    }
    *out += "</tr></thead><tbody>";
    let cells = |out: &mut String, line: &Line| {
        let _ = write!(out, "<td>{}</td>", line.cameras);
        for (part, threshold) in rates(&line.rates, c) {
            let class = state(part, threshold).unwrap_or("met");
            let _ = write!(out, "<td class=\"{class}\">{}</td>", percent(part));
        }
    };
    for line in &asked.lines {
        let _ = write!(out, "<tr><td>{}</td>", html(&called(call, q.by, line, l)));
        if by_period {
            let _ = write!(out, "<td class=\"t\">{}</td>", line.period);
        }
        cells(out, line);
        *out += "</tr>";
    }
    let _ = write!(
        out,
        "</tbody><tfoot><tr><td{}>{}</td>",
        if by_period { " colspan=\"2\"" } else { "" },
        l.say("合计", "All together")
    );
    cells(out, &asked.total);
    *out += "</tr></tfoot></table></div>";
}

fn causes(out: &mut String, asked: &Asked, l: Language) {
    if asked.total.causes.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<h2>{}</h2><table><thead><tr><th>{}</th><th>{}</th></tr></thead><tbody>",
        l.say("离线原因", "Why cameras were down"),
        l.say("原因", "Reason"),
        l.say("累计时长（小时）", "Hours in all")
    );
    for (code, seconds) in &asked.total.causes {
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{:.1}</td></tr>",
            l.reason(*code),
            *seconds as f64 / 3600.0
        );
    }
    *out += "</tbody></table>";
}

fn notes(out: &mut String, asked: &Asked, l: Language, c: &config::Supervision) {
    let j = &asked.judging;
    let text = match l {
        Language::Chinese => format!(
            "口径（公式 {}）：在线率＝在线时长÷应在线时长；录像完整率＝已录时长÷计划时长；均扣除批准的停机与网关未运行时段（录像不扣后者）。无人调阅时，最后一次状态沿用 {} 小时。时钟偏差不超过 {} 秒为准确；当日图像故障累计不超过 {} 秒为合格。▼ 低于目标，▼▼ 低于告警线。“—”表示无可考核数据。",
            j.formula,
            j.known_for_s / 3600,
            f64::from(j.clock_ms) / 1000.0,
            j.fault_s
        ),
        Language::English => format!(
            "Formula {}: online rate is seconds online of seconds expected, recording completeness is seconds recorded of seconds planned, both without approved outages; what the gateway did not watch counts for neither (missing recordings do). What was last known of a camera stands for {} h when nobody asks. A clock is right within {} s; a picture is good with at most {} s of faults a day. ▼ below its target, ▼▼ below its alarm, — nothing to judge.",
            j.formula,
            j.known_for_s / 3600,
            f64::from(j.clock_ms) / 1000.0,
            j.fault_s
        ),
    };
    let _ = write!(out, "<p><small>{}</small></p><p><small>", html(&text));
    for ((name, t), (zh, en)) in c.thresholds().iter().zip(RATES) {
        debug_assert!(!name.is_empty());
        let _ = write!(
            out,
            "{} ≥ {:.0} % ({} &lt; {:.0} %)　",
            l.say(zh, en),
            t.target * 100.0,
            l.say("告警", "alarm"),
            t.alarm * 100.0
        );
    }
    *out += "</small></p>";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula_and_a_name_no_markup() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(html("<b>&\""), "&lt;b&gt;&amp;&quot;");
    }

    #[test]
    fn what_is_not_all_is_not_shown_as_all() {
        assert_eq!(
            percent(Part {
                part: 99_999,
                whole: 100_000
            }),
            "99.99 %"
        );
        assert_eq!(
            percent(Part {
                part: 98,
                whole: 100
            }),
            "98.00 %"
        );
        assert_eq!(percent(Part { part: 0, whole: 0 }), "—");
    }
}
