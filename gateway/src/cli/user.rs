//! `sightline user`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use command::{Register, Store};
use http::Method;
use media::{RegionCode, WallTime};
use serde_json::json;

use super::{
    camera::offline,
    remote::{Api, SignIn},
};
use crate::access::{
    Role, Users, password,
    users::{Account, Change},
};

/// Accounts.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add an account
    Add(Add),
    /// List the accounts of a data directory
    List(List),
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Its name: a-z, 0-9, '.', '-', '_'
    #[arg(value_name = "NAME")]
    name: String,
    /// administrator, operator, responder or auditor
    #[arg(long, default_value = "operator")]
    role: Role,
    /// They see what lies in it and below; the district where left out with --data
    #[arg(long, value_name = "CODE")]
    region: Option<RegionCode>,
    /// What the person is called
    #[arg(long, value_name = "TEXT")]
    full_name: Option<String>,
    /// File with the new account's password in its first line; asked for if not given
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
    /// A data directory on which no gateway runs
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
    /// A running gateway: a URL, or HOST[:PORT]
    #[arg(long, value_name = "URL", required_unless_present = "data")]
    url: Option<String>,
    #[command(flatten)]
    sign_in: SignIn,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// A data directory on which no gateway runs
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

pub(super) fn run(command: Command) -> Result<ExitCode> {
    super::log("warn", false)?;
    super::block_on(async {
        match command {
            Command::Add(args) => add(args).await?,
            Command::List(args) => {
                let data = offline(&args.data)?;
                let users = Store::<Users>::open(data.journal("users"))?;
                for a in users.read().iter() {
                    println!(
                        "{:<20}  {:<14}  {:<12}  {}",
                        a.user, a.role, a.region, a.name
                    );
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn add(args: Add) -> Result<()> {
    let full_name = args.full_name.clone().unwrap_or_else(|| args.name.clone());
    let prompt = format!("New password of {}", args.name);
    match (&args.data, &args.url) {
        (Some(dir), _) => {
            // A first account may come before the gateway's first start.
            let data = match dir.join("sightline-data").exists() {
                true => offline(dir)?,
                false => storage::DataDir::open(dir)?,
            };
            let secret = super::password(args.new_password_file.as_ref(), &prompt)?;
            password::check(&args.name, &secret).context("the password")?;
            let register = Store::<Register>::open(data.journal("register"))?;
            let district = register.read().regions().next().map(|r| r.code);
            let region = args.region.or(district);
            let region = region.context(
                "give --region: the register is still empty, so the district is not known",
            )?;
            let users = Store::<Users>::open(data.journal("users"))?;
            let account = Account {
                user: args.name.clone(),
                name: full_name,
                role: args.role,
                region,
                hash: password::hash(&secret),
            };
            users.change(WallTime::now(), Change::Add(account)).await?;
        }
        (None, Some(url)) => {
            let region = args
                .region
                .context("give --region: below which they may see")?;
            let api = Api::open(&SignIn::url(url)?, &args.sign_in).await?;
            let secret = super::password(args.new_password_file.as_ref(), &prompt)?;
            let body = json!({
                "user": args.name, "name": full_name, "password": secret,
                "role": args.role, "region": region,
            });
            api.json(Method::POST, "users", Some(&body)).await?;
            api.close().await;
        }
        (None, None) => bail!("give --data or --url"),
    }
    eprintln!("user {} may sign in", args.name);
    Ok(())
}
