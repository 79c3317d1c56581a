//! What authorization costs a call, and how near logins come to the bare cost of a password's hash.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use trinity_authz::Authenticator;
use trinity_rpc::{CancellationToken, Peers, Runtime};

use crate::place::{Place, cpu_seconds};
use crate::{Result, row};

const WARM_CALLS: u32 = 20_000;
const COLD_CALLS: u32 = 5_000;
/// How long idleness is watched.
const IDLE: Duration = Duration::from_secs(5);
const LOGINS: usize = 120;
const LOGIN_THREADS: usize = 4;

/// From a token to a decision, as every call of a service goes: with what is remembered, and with everything forgotten.
/// The CPU is that of all who work for it: this process, the serving one, and Postgres, less what they use when nobody asks.
pub fn decisions(place: &Place) -> Result<()> {
    let tokio = tokio::runtime::Runtime::new()?;
    let _inside = tokio.enter();
    let asker = Asker { authenticator: runtime(place)?.authenticator, token: place.token.clone() };
    let idle = idle_cpu(place)?;
    // Why a task: services decide in tasks as well, beside the ones that carry their calls.
    let warm = tokio.block_on(tokio.spawn(asker.clone().ask(WARM_CALLS, false)))??;
    let (before, begun) = (place.all_cpu_seconds()?, Instant::now());
    tokio.block_on(tokio.spawn(asker.ask(COLD_CALLS, true)))??;
    let used = place.all_cpu_seconds()? - before - idle * begun.elapsed().as_secs_f64();
    let cold = used / f64::from(COLD_CALLS);
    row("Authorization of a call, warm cache", &format!("{:.1} µs of CPU", warm * 1e6), "", "target ≤ 60 µs");
    row(
        "Authorization of a call, nothing remembered",
        &format!("{:.0} µs of CPU, at both ends and in Postgres", cold * 1e6),
        "",
        "target ≤ 1,000 µs",
    );
    Ok(())
}

/// Somebody who asks again and again whether a caller may do something.
#[derive(Clone)]
struct Asker {
    authenticator: Arc<Authenticator>,
    token: String,
}

impl Asker {
    /// Asks so many times; says how many CPU seconds of this process one took.
    async fn ask(self, times: u32, forgetting: bool) -> Result<f64> {
        let tenant = self.authenticator.authenticate(&self.token).await?.tenant().ok_or("a tenant's caller")?;
        self.decide().await?;
        let before = cpu_seconds("self")?;
        for _ in 0..times {
            if forgetting {
                self.authenticator.forget_access(tenant);
                self.authenticator.forget_standing(Some(tenant));
            }
            self.decide().await?;
        }
        Ok((cpu_seconds("self")? - before) / f64::from(times))
    }

    async fn decide(&self) -> Result<()> {
        let caller = self.authenticator.authenticate(&self.token).await?;
        let standing = self.authenticator.standing(caller.tenant().ok_or("a tenant's caller")?);
        let (access, standing) = futures::try_join!(self.authenticator.access(&caller), standing)?;
        if access.allows_in_tenant("project.read") && !standing.suspended { Ok(()) } else { Err("refused".into()) }
    }
}

/// CPU seconds that all use in a second when nobody asks for anything.
fn idle_cpu(place: &Place) -> Result<f64> {
    let (before, begun) = (place.all_cpu_seconds()?, Instant::now());
    std::thread::sleep(IDLE);
    Ok((place.all_cpu_seconds()? - before) / begun.elapsed().as_secs_f64())
}

/// A client process of the installation: it verifies tokens as a service does.
fn runtime(place: &Place) -> Result<Runtime> {
    let settings = std::fs::read_to_string(".data/bench/trinity.toml")?;
    let value = |name: &str| {
        let line = settings.lines().find(|line| line.starts_with(&format!("{name} = ")));
        line.and_then(|line| line.split('"').nth(1)).map(str::to_owned).ok_or("no such setting")
    };
    let grpc = &place.settings["TRINITY_GRPC_URL"];
    let mut variables = BTreeMap::from([
        ("TRINITY_REDIS_URL".to_owned(), value("redis_url")?),
        ("TRINITY_SERVICE_KEY".to_owned(), value("service_key")?),
    ]);
    for peer in ["TENANT", "IDENTITY", "AUDIT"] {
        variables.insert(format!("TRINITY_PEERS_{peer}"), grpc.clone());
    }
    let shared = trinity_config::load_shared_from(&variables)?;
    Ok(Runtime::new(&shared, Peers::remote("bench", &shared)?, CancellationToken::new())?)
}

/// Logins by password, against the same number of checks of a hash with nothing around them.
pub fn logins(place: &Place) -> Result<()> {
    let reached = {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..LOGIN_THREADS).map(|_| scope.spawn(|| sign_in(place))).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("a login that works"))
        })?;
        rate(LOGINS, begun.elapsed())
    };
    let tokio = tokio::runtime::Runtime::new()?;
    let bare = tokio.block_on(async {
        let passwords = trinity_crypto::Passwords::new()?;
        let hash = passwords.hash("violet tundra motorway 41 kettle".to_owned()).await?;
        let begun = Instant::now();
        let check = || passwords.verify("violet tundra motorway 41 kettle".to_owned(), Some(hash.clone()));
        let checks = (0..LOGIN_THREADS).map(|_| async {
            for _ in 0..LOGINS / LOGIN_THREADS {
                check().await?;
            }
            Ok::<_, trinity_error::Error>(())
        });
        futures::future::try_join_all(checks).await?;
        Ok::<_, trinity_error::Error>(rate(LOGINS, begun.elapsed()))
    })?;
    row(
        "Logins by password, 4 at a time",
        &format!("{reached:.0}/s"),
        &format!("the bare Argon2id check: {bare:.0}/s"),
        &format!("{:.2} (target ≥ 0.8)", reached / bare),
    );
    Ok(())
}

fn sign_in(place: &Place) -> Result<()> {
    let login = json!({
        "tenant": place.settings["TRINITY_TENANT"],
        "email": place.settings["TRINITY_EMAIL"],
        "password": place.settings["TRINITY_PASSWORD"],
    });
    for _ in 0..LOGINS / LOGIN_THREADS {
        place.post("/auth/login", &login)?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
