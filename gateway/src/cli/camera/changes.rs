//! Searching, history, restoring, changing many, codes, and devices: by a running gateway.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use http::Method;
use media::{CameraId, RegionCode};
use serde_json::{Map, Value, json};

use crate::cli::remote::{Api, SignIn};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Gateway {
    /// A running gateway: a URL, or HOST[:PORT]
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) url: String,
    #[command(flatten)]
    pub(in crate::cli) sign_in: SignIn,
}

impl Gateway {
    pub(in crate::cli) async fn open(&self) -> Result<Api> {
        Api::open(&SignIn::url(&self.url)?, &self.sign_in).await
    }

    /// Asks once.
    pub(in crate::cli) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        let api = self.open().await?;
        let answer = api.json(method, path, body).await;
        api.close().await;
        answer
    }

    /// Asks once for what answers nothing.
    pub(in crate::cli) async fn tell(&self, method: Method, path: &str) -> Result<()> {
        let api = self.open().await?;
        let answer = api.send(method, path, None).await.map(|_| ());
        api.close().await;
        answer
    }
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Search {
    /// Words: name, pinyin initials, code, address, maker, tag, region
    #[arg(value_name = "WORDS", default_value = "")]
    words: String,
    /// In this region and below
    #[arg(long, value_name = "CODE")]
    region: Option<RegionCode>,
    /// In this group
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// With this tag
    #[arg(long)]
    tag: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Gateway,
}

pub(in crate::cli) fn escape(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

pub(super) async fn search(args: Search) -> Result<()> {
    let mut path = format!(
        "cameras/search?q={}&limit={}",
        escape(&args.words),
        args.limit
    );
    let pairs = [
        ("region", args.region.map(|r| r.to_string())),
        ("group", args.group),
        ("tag", args.tag),
    ];
    for (name, value) in pairs {
        if let Some(value) = value {
            path += &format!("&{name}={}", escape(&value));
        }
    }
    let page = args.at.ask(Method::GET, &path, None).await?;
    for camera in page["cameras"].as_array().into_iter().flatten() {
        match args.json {
            true => println!("{camera}"),
            false => println!(
                "{}  {:<12}  {}",
                word(&camera["code"]),
                word(&camera["region"]),
                word(&camera["name"])
            ),
        }
    }
    eprintln!("{} found", page["total"]);
    Ok(())
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct History {
    /// Its 20-digit code
    #[arg(value_name = "CODE")]
    code: CameraId,
    #[command(flatten)]
    at: Gateway,
}

pub(in crate::cli) fn print_history(past: &Value) {
    for version in past.as_array().into_iter().flatten() {
        let by = match version["by"].as_str() {
            None | Some("") => "the gateway",
            Some(by) => by,
        };
        println!(
            "{:>4}  {}  {}  {}  {}",
            word(&version["revision"]),
            word(&version["at"]),
            word(&version["what"]),
            by,
            version["note"].as_str().unwrap_or_default()
        );
        for change in version["changes"].as_array().into_iter().flatten() {
            let (from, to) = (word(&change["from"]), word(&change["to"]));
            println!("      {}: {from} -> {to}", word(&change["field"]));
        }
    }
}

pub(super) async fn history(args: History) -> Result<()> {
    let path = format!("cameras/{}/history", args.code);
    print_history(&args.at.ask(Method::GET, &path, None).await?);
    Ok(())
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Restore {
    /// Its 20-digit code; it may have been taken out
    #[arg(value_name = "CODE")]
    code: CameraId,
    /// The revision that is made anew, from `sightline camera history`
    #[arg(value_name = "REVISION")]
    revision: u32,
    #[command(flatten)]
    at: Gateway,
}

pub(super) async fn restore(args: Restore) -> Result<()> {
    let body = json!({"revision": args.revision});
    let path = format!("cameras/{}/restore", args.code);
    let camera = args.at.ask(Method::POST, &path, Some(&body)).await?;
    eprintln!(
        "revision {} is now revision {}",
        args.revision, camera["revision"]
    );
    Ok(())
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Set {
    /// Cameras; without any, all that --search, --region, --group and --tag find
    #[arg(value_name = "CODE")]
    codes: Vec<CameraId>,
    /// Words to search by
    #[arg(long, conflicts_with = "codes")]
    search: Option<String>,
    /// In this region and below
    #[arg(long, value_name = "CODE", conflicts_with = "codes")]
    region: Option<RegionCode>,
    /// In this group
    #[arg(long, value_name = "ID", conflicts_with = "codes")]
    group: Option<String>,
    /// With this tag
    #[arg(long, conflicts_with = "codes")]
    tag: Option<String>,
    /// FIELD=VALUE, as in the API: keep_days=90, asset.manager=...; may be repeated
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// A tag to add; may be repeated
    #[arg(long)]
    add_tag: Vec<String>,
    /// A tag to take away; may be repeated
    #[arg(long)]
    remove_tag: Vec<String>,
    /// Change them; without it what would change is shown, and nothing changes
    #[arg(long)]
    commit: bool,
    #[command(flatten)]
    at: Gateway,
}

/// Numbers, true, false, null and lists as in JSON; all else is text.
fn value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::String(_)) | Err(_) => Value::String(text.to_owned()),
        Ok(value) => value,
    }
}

pub(super) async fn set(args: Set) -> Result<()> {
    let mut fields = Map::new();
    for field in &args.fields {
        let (name, text) = field
            .split_once('=')
            .with_context(|| format!("'{field}', expected FIELD=VALUE"))?;
        // A class is a text of one digit, and so is a telephone number.
        let is_text = match name.strip_prefix("asset.") {
            Some(name) => !matches!(name, "height_m" | "main_kbps" | "sub_kbps" | "functions"),
            None => name == "site_class",
        };
        let value = if is_text {
            Value::String(text.into())
        } else {
            value(text)
        };
        fields.insert(name.to_owned(), value);
    }
    let searched = [&args.search, &args.group, &args.tag]
        .iter()
        .any(|o| o.is_some());
    if args.codes.is_empty() && !searched && args.region.is_none() {
        bail!("which cameras? Give codes, or --search, --region, --group or --tag");
    }
    let mut body = json!({
        "set": fields, "add_tags": args.add_tag, "remove_tags": args.remove_tag, "commit": args.commit,
    });
    match args.codes.is_empty() {
        false => body["codes"] = json!(args.codes),
        true => {
            body["search"] = json!({
                "q": args.search.unwrap_or_default(), "region": args.region, "group": args.group, "tag": args.tag,
            });
        }
    }
    let said = args
        .at
        .ask(Method::POST, "cameras/bulk", Some(&body))
        .await?;
    for camera in said["changes"].as_array().into_iter().flatten() {
        println!("{}  {}", word(&camera["code"]), word(&camera["name"]));
        for change in camera["changes"].as_array().into_iter().flatten() {
            let (from, to) = (word(&change["from"]), word(&change["to"]));
            println!("      {}: {from} -> {to}", word(&change["field"]));
        }
    }
    let done = match said["committed"] == true {
        true => "changed",
        false => "nothing is changed yet: --commit does it",
    };
    eprintln!(
        "{} cameras, {} differ; {done}",
        said["cameras"], said["changed"]
    );
    Ok(())
}

/// 20-digit codes.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Code {
    /// The next code that no camera has or had
    Next {
        /// Who gives it, 8 digits; the district's own if left out
        #[arg(long)]
        centre: Option<String>,
        /// 2 digits
        #[arg(long, default_value = "00")]
        industry: String,
        /// 131 or 132
        #[arg(long = "type", default_value = "132")]
        device: String,
        /// 1 digit; 6 is the government extranet
        #[arg(long, default_value = "6")]
        network: String,
        #[command(flatten)]
        at: Gateway,
    },
    /// What a code says, part by part, and what is wrong with it
    Check {
        /// The code
        #[arg(value_name = "CODE")]
        code: String,
        #[command(flatten)]
        at: Gateway,
    },
}

pub(super) async fn code(command: Code) -> Result<ExitCode> {
    match command {
        Code::Next {
            centre,
            industry,
            device,
            network,
            at,
        } => {
            let mut path = format!(
                "camera-codes/next?industry={}&type={}&network={}",
                escape(&industry),
                escape(&device),
                escape(&network)
            );
            if let Some(centre) = centre {
                path += &format!("&centre={}", escape(&centre));
            }
            let next = at.ask(Method::GET, &path, None).await?;
            println!("{}", word(&next["code"]));
            Ok(ExitCode::SUCCESS)
        }
        Code::Check { code, at } => {
            let path = format!("camera-codes/{}", escape(&code));
            let told = at.ask(Method::GET, &path, None).await?;
            for part in told["parts"].as_array().into_iter().flatten() {
                let fault = part["fault"][1].as_str();
                let fault = fault.map(|f| format!("  WRONG: {f}")).unwrap_or_default();
                println!(
                    "{:<9} {:<8} {}{fault}",
                    word(&part["name"]),
                    word(&part["digits"]),
                    word(&part["en"])
                );
            }
            if let Some(fault) = told["fault"][1].as_str() {
                println!("WRONG: {fault}");
            }
            if let Some(state) = told["state"].as_str() {
                println!("{state} {}", told["name"].as_str().unwrap_or_default());
            }
            Ok(match told["good"] == true {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            })
        }
    }
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Discover {
    /// Devices to ask directly, where multicast does not reach: IP or IP:PORT
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// How long to listen, ms
    #[arg(long, default_value_t = 3000)]
    timeout_ms: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Gateway,
}

pub(super) async fn discover(args: Discover) -> Result<()> {
    let body = json!({"timeout_ms": args.timeout_ms, "addresses": args.addresses});
    let found = args
        .at
        .ask(Method::POST, "onvif/discover", Some(&body))
        .await?;
    let found = found.as_array().cloned().unwrap_or_default();
    for device in &found {
        if args.json {
            println!("{device}");
            continue;
        }
        let known = device["known"].as_array().into_iter().flatten();
        let known: Vec<String> = known.map(word).collect();
        let known = if known.is_empty() {
            "new".into()
        } else {
            known.join(" ")
        };
        println!(
            "{}  {} {}  {known}",
            word(&device["addresses"][0]),
            word(&device["name"]),
            word(&device["hardware"])
        );
    }
    eprintln!("{} devices answered", found.len());
    Ok(())
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Read {
    /// The device: IP, HOST:PORT, or http://HOST/onvif/device_service
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The camera whose file is compared; its account is used where none is given
    #[arg(long, value_name = "CODE")]
    camera: Option<CameraId>,
    /// Account on the device
    #[arg(long, value_name = "NAME", default_value = "")]
    device_user: String,
    /// File with its password in the first line
    #[arg(long, value_name = "FILE")]
    device_password_file: Option<PathBuf>,
    /// Write what was read into the camera's file
    #[arg(long, requires = "camera")]
    commit: bool,
    #[command(flatten)]
    at: Gateway,
}

pub(super) async fn read(args: Read) -> Result<()> {
    let password = match &args.device_password_file {
        Some(path) => crate::cli::read_secret(path)?,
        None => String::new(),
    };
    let body = json!({
        "address": args.address, "user": args.device_user, "password": password, "camera": args.camera,
    });
    let api = args.at.open().await?;
    let told = api.json(Method::POST, "onvif/read", Some(&body)).await?;
    for field in [
        "maker",
        "model",
        "firmware",
        "serial",
        "mac",
        "ipv4",
        "ipv6",
        "clock_offset_ms",
        "authentication",
    ] {
        println!("{field:<16} {}", word(&told[field]));
    }
    for stream in told["streams"].as_array().into_iter().flatten() {
        println!(
            "stream           {} {} {}x{} {}",
            word(&stream["token"]),
            word(&stream["codec"]),
            stream["width"],
            stream["height"],
            word(&stream["url"])
        );
    }
    for note in told["notes"].as_array().into_iter().flatten() {
        println!("note             {}", word(&note["text"]));
    }
    let changes = told["changes"].as_array().cloned().unwrap_or_default();
    for change in &changes {
        println!(
            "{}: {} -> {}",
            word(&change["field"]),
            word(&change["from"]),
            word(&change["to"])
        );
    }
    if let Some(code) = args.camera.filter(|_| args.commit && !changes.is_empty()) {
        let path = format!("cameras/{code}/record");
        let mut record = api.json(Method::GET, &path, None).await?;
        for change in &changes {
            let field = change["field"].as_str().unwrap_or_default();
            match field.split_once('.') {
                Some((outer, inner)) => record[outer][inner] = change["to"].clone(),
                None => record[field] = change["to"].clone(),
            }
        }
        if let Some(record) = record.as_object_mut() {
            for made in ["has_password", "changed_at", "changed_by"] {
                record.remove(made);
            }
        }
        let saved = api
            .json(Method::PUT, &format!("cameras/{code}"), Some(&record))
            .await?;
        eprintln!("written: revision {}", saved["revision"]);
    }
    api.close().await;
    Ok(())
}
