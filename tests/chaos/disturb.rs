//! What is done to the installation: one thing after the other, and sometimes one beside the other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use redis::AsyncCommands;
use trinity_stack_tests::{Installation, Proxy};
use trinity_testkit::OwnRedis;

use crate::Dice;

/// Twice a lease and more: whoever is stopped for so long has lost what he had.
const STOPPED_MS: (u64, u64) = (4_000, 8_000);
const RECOVERY: Duration = Duration::from_secs(120);

/// The one who does it.
pub struct Disturber {
    dice: Dice,
    redis: OwnRedis,
    wire: Proxy,
    /// Processes that are down or stopped, and when they come back.
    away: BTreeMap<&'static str, (Instant, Back)>,
    done: BTreeMap<&'static str, u32>,
}

/// How a process comes back.
#[derive(Clone, Copy)]
enum Back {
    Start,
    Continue,
}

impl Disturber {
    /// Prepares, with the Redis behind a wire that can be turned to another.
    pub fn new(seed: u64, redis: OwnRedis, wire: Proxy) -> Self {
        Self { dice: Dice::new(seed), redis, wire, away: BTreeMap::new(), done: BTreeMap::new() }
    }

    /// Does things until `end`.
    pub async fn go_on(&mut self, installation: &mut Installation, end: Instant) {
        while Instant::now() < end {
            tokio::time::sleep(self.dice.pause(300, 2_000)).await;
            self.bring_back(installation, Instant::now());
            let victim = ["orchestration", "orchestration-2", "worker", "worker-2"][self.dice.below(4) as usize];
            let stopped = self.dice.pause(STOPPED_MS.0, STOPPED_MS.1);
            let down = self.dice.pause(100, 3_000);
            match self.dice.below(10) {
                0..=3 if !self.away.contains_key(victim) => {
                    self.note("kills");
                    installation.process(victim).kill();
                    self.away.insert(victim, (Instant::now() + down, Back::Start));
                }
                4..=6 if !self.away.contains_key(victim) => {
                    self.note("stops");
                    installation.process(victim).signal(Signal::SIGSTOP);
                    self.away.insert(victim, (Instant::now() + stopped, Back::Continue));
                }
                7 => self.empty_redis().await,
                8 => {
                    self.note("Redis restarts");
                    self.redis = OwnRedis::start();
                    self.wire.turn(self.redis.url().trim_start_matches("redis://").to_owned());
                }
                9 => self.crash_postgres(installation).await,
                _ => {}
            }
        }
    }

    /// Brings everything back, and waits until it is ready.
    pub async fn heal(&mut self, installation: &mut Installation) {
        self.bring_back(installation, Instant::now() + RECOVERY);
        installation.ready(RECOVERY).await;
    }

    /// What was done how often.
    pub fn summary(&self) -> String {
        self.done.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }

    fn bring_back(&mut self, installation: &mut Installation, now: Instant) {
        self.away.retain(|name, (at, back)| {
            let due = *at <= now;
            if due {
                match back {
                    Back::Start => installation.process(name).start(),
                    Back::Continue => installation.process(name).signal(Signal::SIGCONT),
                }
            }
            !due
        });
    }

    async fn empty_redis(&mut self) {
        self.note("Redis emptied");
        let client = redis::Client::open(self.redis.url()).expect("a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        connection.flushall::<()>().await.expect("an empty Redis");
    }

    /// Kills one backend as a crash does: the server then ends every session and recovers from its log.
    async fn crash_postgres(&mut self, installation: &Installation) {
        // Why a fresh look each time: the server may still be recovering from the crash before.
        let url = installation.db.admin_url();
        let backend = async {
            let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await?;
            sqlx::query_scalar::<_, i32>(
                "SELECT pid FROM pg_stat_activity WHERE usename = 'trinity_orchestration' LIMIT 1",
            )
            .fetch_one(&mut connection)
            .await
        };
        if let Ok(pid) = backend.await {
            self.note("Postgres crashes");
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    fn note(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }
}
