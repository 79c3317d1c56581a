//! `trinity-chaos`: an installation of real processes under load, and everything done to it that a bad night may do.
//!
//! Two orchestrations and two workers are killed, stopped beyond their leases and continued; Redis is emptied and
//! replaced; Postgres crashes and recovers. Afterwards the books must agree: see `books.rs`.

mod books;
mod disturb;
mod load;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use trinity_stack_tests::{Installation, Options, Proxy, add_first_staff, migrators};
use trinity_testkit::{OwnRedis, TestDb};

use disturb::Disturber;
use load::Load;

/// Kills, stops and empties while runs go on; then checks that nothing was lost.
#[derive(Parser)]
struct Arguments {
    /// How long things are done to it.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// What is done, and when, follows from this number.
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0 % 1_000_000);
    println!("chaos for {} s with --seed {seed}", arguments.seconds);
    let redis = OwnRedis::start();
    let wire = Proxy::start(redis.url().trim_start_matches("redis://").to_owned()).await;
    let settings = vec![("TRINITY_REDIS_URL", format!("redis://{}", wire.address))];
    let options = Options { settings, doubled: true, ..Options::default() };
    let mut installation = Installation::spawn(durable().await, &options);
    installation.ready(Duration::from_secs(60)).await;
    let mut load = Load::prepare(&installation, seed).await;
    let mut disturber = Disturber::new(seed, redis, wire);

    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    tokio::join!(load.go_on(end), disturber.go_on(&mut installation, end));
    disturber.heal(&mut installation).await;
    let faults = books::check(&installation, &load).await;
    println!("{}; {}", load.summary(), disturber.summary());
    for fault in &faults {
        println!("FAULT: {fault}");
    }
    if faults.is_empty() {
        println!("the books agree");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A database whose commits outlive a crash of the server, unlike those of other tests.
async fn durable() -> TestDb {
    let db = TestDb::with(&migrators()).await;
    let statement =
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database()); END $$";
    sqlx::query(statement).execute(&mut db.admin().await).await.expect("a setting of the database");
    add_first_staff(&db).await;
    db
}

/// A stream of numbers that looks like chance and is not.
///
/// Source: SplitMix64 (Steele, Lea, Flood, 2014).
pub struct Dice(u64);

impl Dice {
    /// Starts a stream.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// A time between the two, in milliseconds.
    pub fn pause(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least))
    }
}
