//! The service's commands: those of every service, and `staff-add`, which makes the first member of staff.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use trinity_context::RequestContext;
use trinity_crypto::Passwords;
use trinity_db::Db;
use trinity_ids::TenantId;

use crate::handlers::staff::NewStaff;
use crate::{Config, MIGRATOR, build};

/// How long a password may be that is read.
const MAX_PASSWORD_BYTES: u64 = 4096;

/// Adds a member of staff, who can sign in at once. The password comes from STAFF_PASSWORD, or else from standard input.
#[derive(Parser)]
#[command(name = "trinity-identity staff-add")]
struct StaffAdd {
    #[arg(long)]
    email: String,
    #[arg(long, default_value = "")]
    full_name: String,
}

/// Does what the arguments of the process say.
#[must_use]
pub fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some("staff-add") {
        return trinity_rpc::launch("identity", &MIGRATOR, build);
    }
    match staff_add(&StaffAdd::parse_from(std::env::args().skip(1))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trinity-identity: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn staff_add(arguments: &StaffAdd) -> Result<()> {
    let config: Config = trinity_config::load("identity")?;
    let password = match std::env::var("STAFF_PASSWORD") {
        Ok(password) => password,
        Err(_) => read_password()?,
    };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    tokio.block_on(create_staff(&config, &arguments.email, &password, &arguments.full_name))?;
    println!("{} is staff now", arguments.email);
    Ok(())
}

fn read_password() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().take(MAX_PASSWORD_BYTES).read_to_string(&mut text).context("reading the password")?;
    let password = text.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "neither STAFF_PASSWORD nor standard input has a password");
    Ok(password.to_owned())
}

/// Adds a member of staff, where the settings say: how an installation gets its first one. The installation's own trail
/// tells of it as soon as the service runs.
///
/// # Errors
/// Names the field that is wrong, or that the e-mail is taken; when Postgres is away.
pub async fn create_staff(config: &Config, email: &str, password: &str, full_name: &str) -> Result<()> {
    let new = NewStaff::parse(email, full_name, password)?;
    let hash = Passwords::new()?.hash(password.to_owned()).await?;
    let db = Db::connect(&config.database_url, 1).context("the setting TRINITY_IDENTITY_DATABASE_URL is malformed")?;
    let ctx = RequestContext::service("staff-add").for_tenant(TenantId::NIL);
    let mut tx = db.begin(&ctx).await?;
    new.insert(&mut tx, &ctx, &hash).await?;
    tx.commit().await?;
    db.close().await;
    Ok(())
}
