//! `sightline link`: what the links carry, and what is on them.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use http::Method;
use ingest::budget::Slot;
use media::{BitRate, RegionCode};
use serde_json::{Value, json};

use super::remote::{Api, SignIn};
use crate::config::units;

/// The links between cameras and the gateway.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the links: what they carry, what video may take now, what is given out, used and refused
    List(List),
    /// Say what a region's uplink carries, and what of it video may take
    Set(Box<Set>),
    /// Take that back: what the configuration says holds again
    Clear(Clear),
}

#[derive(Debug, clap::Args)]
pub(super) struct At {
    /// A running gateway: a URL, or HOST[:PORT]
    #[arg(long, value_name = "URL")]
    url: String,
    #[command(flatten)]
    sign_in: SignIn,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only links that something is held or was refused on
    #[arg(long)]
    used: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Set {
    /// The region at its lower end
    #[arg(value_name = "CODE")]
    region: RegionCode,
    /// What it carries, such as "50 Mbit/s"
    #[arg(long, value_name = "RATE", value_parser = rate)]
    capacity: BitRate,
    /// What of it video may take, 0 to 1
    #[arg(long, default_value_t = ingest::budget::usual_share())]
    share: f64,
    /// Another share at a time of the week, as DAYS FROM-TO SHARE: "1-5 08:00-18:00 0.3"; may be repeated, the first holds
    #[arg(long = "at", value_name = "TIME", value_parser = slot)]
    schedule: Vec<Slot>,
    /// The region at its upper end, if not the one above
    #[arg(long, value_name = "CODE")]
    via: Option<RegionCode>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Clear {
    /// The region at its lower end
    #[arg(value_name = "CODE")]
    region: RegionCode,
    #[command(flatten)]
    at: At,
}

fn rate(text: &str) -> Result<BitRate, String> {
    let number = text.parse().ok().map(BitRate);
    number
        .or_else(|| units::rate(text))
        .ok_or_else(|| format!("'{text}', expected a rate such as \"50 Mbit/s\""))
}

/// `1-5 08:00-18:00 0.3`: Monday is 1, Sunday 7.
fn slot(text: &str) -> Result<Slot, String> {
    let wrong = || format!("'{text}', expected DAYS FROM-TO SHARE such as \"1-5 08:00-18:00 0.3\"");
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [days, times, share] = parts[..] else {
        return Err(wrong());
    };
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        Some(hour.parse::<u16>().ok()? * 60 + minute.parse::<u16>().ok().filter(|m| *m < 60)?)
    };
    let read = || {
        let mut bits = 0u8;
        for range in days.split(',') {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let (from, to) = (from.parse::<u8>().ok()?, to.parse::<u8>().ok()?);
            if from == 0 || to > 7 || from > to {
                return None;
            }
            (from..=to).for_each(|day| bits |= 1 << (day - 1));
        }
        let (from, to) = times.split_once('-')?;
        Some(Slot {
            days: bits,
            from_min: minute(from)?,
            to_min: minute(to)?,
            share: share.parse().ok()?,
        })
    };
    let slot = read().ok_or_else(wrong)?;
    match slot.fault() {
        Some((field, text)) => Err(format!("{field}: {text}")),
        None => Ok(slot),
    }
}

pub(super) fn run(command: Command) -> Result<ExitCode> {
    super::log("warn", false)?;
    super::block_on(async {
        match command {
            Command::List(args) => list(args).await?,
            Command::Set(args) => set(*args).await?,
            Command::Clear(args) => {
                let api = Api::open(&SignIn::url(&args.at.url)?, &args.at.sign_in).await?;
                let path = format!("links/{}", args.region);
                api.send(Method::DELETE, &path, None).await?;
                api.close().await;
                eprintln!("link {}: as the configuration has it", args.region);
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn set(args: Set) -> Result<()> {
    let api = Api::open(&SignIn::url(&args.at.url)?, &args.at.sign_in).await?;
    let body = json!({
        "capacity_bps": args.capacity, "share": args.share, "schedule": args.schedule, "via": args.via,
    });
    let path = format!("links/{}", args.region);
    let link = api.json(Method::PUT, &path, Some(&body)).await?;
    api.close().await;
    let rate = |key: &str| BitRate(link[key].as_u64().unwrap_or(0));
    eprintln!(
        "link {}: {}, of which video may take {} now",
        args.region,
        rate("capacity_bps"),
        rate("budget_bps")
    );
    Ok(())
}

async fn list(args: List) -> Result<()> {
    let api = Api::open(&SignIn::url(&args.at.url)?, &args.at.sign_in).await?;
    let links = api.json(Method::GET, "links", None).await?;
    api.close().await;
    let links: Vec<Value> = serde_json::from_value(links).context("the gateway's list of links")?;
    if links.is_empty() {
        bail!("there are no links: the register has no regions");
    }
    for link in links {
        let is_used = link["reserved_bps"] != 0 || link["refused"] != 0 || link["gave_way"] != 0;
        if args.used && !is_used {
            continue;
        }
        if args.json {
            println!("{link}");
            continue;
        }
        let text = |key: &str| link[key].as_str().unwrap_or_default().to_owned();
        let rate = |key: &str| BitRate(link[key].as_u64().unwrap_or(0)).to_string();
        println!(
            "{:<12}  carries {:>12}  video {:>12}  given out {:>12}  used {:>12}  refused {:>4}  gave way {:>4}  {}",
            text("id"),
            rate("capacity_bps"),
            rate("budget_bps"),
            rate("reserved_bps"),
            rate("measured_bps"),
            link["refused"],
            link["gave_way"],
            text("name")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_week_is_read_or_refused() {
        let office = slot("1-5 08:00-18:00 0.3").unwrap();
        assert_eq!(
            (office.days, office.from_min, office.to_min),
            (0x1f, 480, 1080)
        );
        assert_eq!(slot("6,7 0:00-24:00 1").unwrap().days, 0x60);
        for wrong in [
            "",
            "8 08:00-18:00 0.3",
            "1 18:00-08:00 0.3",
            "1 08:00-18:00 2",
            "1 08:60-18:00 1",
        ] {
            assert!(slot(wrong).is_err(), "{wrong}");
        }
        assert_eq!(rate("50 Mbit/s"), Ok(BitRate::megabits(50)));
        assert!(rate("fast").is_err());
    }
}
