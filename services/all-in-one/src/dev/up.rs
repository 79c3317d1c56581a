//! `up`, `down` and `remove`: the whole of Trinity from nothing to a finished run, and back.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use trinity_authz::ServiceKey;
use trinity_cli::Client;
use trinity_cli::Login as SignedIn;
use trinity_devstack::{Stack, provision, stack};

use super::bootstrap::{self, Login};
use super::example::{self, Loaded};
use super::folder::{Folder, Secret};
use super::instance;
use super::settings::{self, Ports};
use crate::migrate;

/// Starts what does not run, loads the example unless it is there, and prints how to go on.
pub async fn up(data: &Path, example_folder: &Path) -> Result<()> {
    let folder = Folder::open(data)?;
    let secret = folder.secret()?;
    let begun = Instant::now();
    let stack = start_servers(&folder)?;
    let ports = start_services(&folder, &stack, &secret).await?;
    say(begun, &format!("ready at {}", ports.http_url()));

    let (staff, login) = (settings::staff(&secret), settings::login(&secret));
    let key = ServiceKey::new("all-in-one", &settings::service_key(&secret)).map_err(anyhow::Error::msg)?;
    bootstrap::ensure(&ports.grpc_url(), &key, &staff, &login).await?;
    let environment = settings::write_dev_env(&folder, &stack, ports, &staff, &login)?;

    say(begun, "worked example: Seattle weather");
    let client = Client::new(&ports.http_url())?;
    let signed_in = client.login(&login.tenant, &login.email, &login.password).await.context("the demo login")?;
    let SignedIn::Done(tokens) = signed_in else {
        anyhow::bail!("the demo owner has a second factor: sign in with `trinity login`");
    };
    let loaded = example::load(&client.with_token(&tokens.access_token), example_folder).await?;
    say(begun, "done");
    print_directions(ports, &login, &loaded, &environment);
    Ok(())
}

/// Stops everything; the data stays.
pub async fn down(data: &Path) -> Result<()> {
    if !data.exists() {
        println!("nothing runs");
        return Ok(());
    }
    let folder = Folder::open(data)?;
    if let Some(instance) = instance::find(&folder) {
        println!("stopping Trinity");
        instance::stop(&folder, instance).await?;
    }
    println!("stopping Postgres and Redis");
    stack::stop(folder.path())
}

/// Stops everything and deletes the private servers' data.
pub async fn remove(data: &Path) -> Result<()> {
    down(data).await?;
    stack::remove(data)
}

fn start_servers(folder: &Folder) -> Result<Stack> {
    let begun = Instant::now();
    let stack = stack::start(folder.path()).context("starting Postgres and Redis")?;
    say(begun, "Postgres and Redis run");
    Ok(stack)
}

/// Starts the serving process unless it runs, with today's program and today's servers.
async fn start_services(folder: &Folder, stack: &Stack, secret: &Secret) -> Result<Ports> {
    let plan = settings::plan(stack, secret);
    let running = instance::find(folder);
    if let (Some(running), Some(ports)) = (running, Ports::last(folder))
        && !running.outdated
        && settings::is_current(folder, &settings::text(folder, stack, secret, ports, &provision::urls(&plan)?))
    {
        instance::wait_ready(folder, &ports.http_url()).await?;
        return Ok(ports);
    }
    if let Some(running) = running {
        instance::stop(folder, running).await?;
    }
    let begun = Instant::now();
    let urls = provision(&plan).await.context("provisioning the database")?;
    migrate::each(|service| Ok(urls[service].owner.clone())).await?;
    say(begun, "schemas are provisioned and migrated");
    let ports = Ports::choose(folder)?;
    let file = folder.write_private(settings::FILE, &settings::text(folder, stack, secret, ports, &urls))?;
    bootstrap::first_staff(&file, &settings::staff(secret)).await.context("making the first member of staff")?;
    instance::start(folder, &file, &format!("127.0.0.1:{}", ports.grpc))?;
    instance::wait_ready(folder, &ports.http_url()).await?;
    Ok(ports)
}

/// A step that was taken, with the seconds since its beginning.
fn say(begun: Instant, what: &str) {
    println!("  {:5.1} s  {what}", begun.elapsed().as_secs_f32());
}

fn print_directions(ports: Ports, login: &Login, loaded: &Loaded, environment: &Path) {
    let (url, Login { tenant, email, password }) = (ports.http_url(), login);
    println!(
        r#"
Trinity runs.
  URL       {url}        (API description: {url}/docs)
  gRPC      127.0.0.1:{grpc}
  tenant    {tenant}
  e-mail    {email}
  password  {password}
  for scripts: {environment}

Try:
  TOKEN=$(curl -s {url}/api/v1/auth/login -H 'content-type: application/json' -d '{{"tenant":"{tenant}","email":"{email}","password":"{password}"}}' | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
  curl -s "{url}/api/v1/datasets/{result}/preview?rows=3" -H "authorization: Bearer $TOKEN"
  curl -s "{url}/api/v1/audit/events?object_id={project}" -H "authorization: Bearer $TOKEN"
"#,
        grpc = ports.grpc,
        environment = environment.display(),
        result = loaded.result_id,
        project = loaded.project_id,
    );
}
