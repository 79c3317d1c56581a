//! Fires schedules whose time has come: what it notes of a fire time and the start that follows are one transaction.
//!
//! Several replicas share the work by locks on the schedules; a fire time that is noted already starts nothing.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tokio::time::MissedTickBehavior;
use trinity_db::Db;
use trinity_error::{Error, Result};
use trinity_ids::RunId;
use trinity_rpc::CancellationToken;

use crate::domain::catch_up::{self, CatchUp, Due};
use crate::domain::order::Trigger;
use crate::domain::overlap::Overlap;
use crate::domain::timetable::Timetable;
use crate::store;
use crate::store::schedule::Row;
use crate::store::start::NewStart;

/// How often schedules are looked at.
const INTERVAL: Duration = Duration::from_millis(500);
/// How many schedules one transaction fires.
const BATCH: i64 = 50;
/// How many runs of one schedule may wait for each other.
const MAX_WAITING: i64 = 100;
const MISSED: &str = "its time passed while it could not fire; it and later ones are left out by the policy";
const BEFORE_HAS_NOT_ENDED: &str = "the run before has not ended";
const TOO_MANY_WAIT: &str = "too many runs of the schedule wait already";

/// Runs until `shutdown`; `woken` is told when there is something to start.
pub async fn run(db: Db, woken: impl Fn(), shutdown: CancellationToken) {
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut warned = false;
    while shutdown.run_until_cancelled(tick.tick()).await.is_some() {
        match fire_all(&db, &woken).await {
            Ok(()) => warned = false,
            Err(error) if !warned => {
                warned = true;
                tracing::warn!(%error, "schedules do not fire");
            }
            Err(_) => {}
        }
    }
}

/// Fires all that is due.
async fn fire_all(db: &Db, woken: &impl Fn()) -> Result<()> {
    loop {
        let mut tx = db.begin_system("schedules").await?;
        let (due, now) = store::schedule::claim_due(&mut tx, BATCH).await?;
        for schedule in &due {
            fire(&mut tx, schedule, now).await?;
        }
        tx.commit().await?;
        if due.is_empty() {
            return Ok(());
        }
        woken();
    }
}

async fn fire(tx: &mut PgConnection, schedule: &Row, now: DateTime<Utc>) -> Result<()> {
    let due = match decide(tx, schedule, now).await {
        Ok(due) => due,
        Err(error) if error.is_retryable() => return Err(error),
        // Why not an error: one schedule that is past reading must not stop the others.
        Err(error) => {
            tracing::error!(?error, schedule = %schedule.id, "a schedule cannot be read; it fires no more");
            Due::default()
        }
    };
    let (fires, starts, last_run) = plan(tx, schedule, &due).await?;
    let fresh: HashSet<_> =
        store::fire::insert(tx, schedule.tenant_id, schedule.id, &fires).await?.into_iter().collect();
    let known: HashSet<RunId> =
        fires.iter().filter(|fire| !fresh.contains(&fire.fire_at)).filter_map(|f| f.run).collect();
    let starts: Vec<NewStart> = starts.into_iter().filter(|start| !known.contains(&start.id)).collect();
    store::start::insert(tx, &starts).await?;
    store::schedule::fired(tx, schedule, due.fires.last().copied(), last_run, due.next).await
}

async fn decide(tx: &mut PgConnection, schedule: &Row, now: DateTime<Utc>) -> Result<Due> {
    let calendar = store::calendar::days_of(tx, schedule.tenant_id, schedule.calendar_id).await?;
    let timetable =
        Timetable::parse(&schedule.cron, &schedule.time_zone).map_err(|fault| Error::internal(fault.message))?;
    let policy = CatchUp::parse(&schedule.catch_up).ok_or_else(|| Error::internal("an unknown policy"))?;
    Ok(catch_up::due(&timetable, &calendar, policy, schedule.next_fire_at.unwrap_or(now), now))
}

/// What is noted, what is started, and the last run that was asked for.
async fn plan(
    tx: &mut PgConnection,
    schedule: &Row,
    due: &Due,
) -> Result<(Vec<store::fire::New>, Vec<NewStart>, Option<RunId>)> {
    let overlap = Overlap::parse(&schedule.overlap).unwrap_or(Overlap::Skip);
    let skipped = |fire_at, message| store::fire::New { fire_at, run: None, message };
    let mut fires: Vec<_> = due.left_out.iter().map(|at| skipped(*at, MISSED)).collect();
    let mut starts: Vec<NewStart> = Vec::new();
    let mut last = schedule.last_run_id;
    let (mut live, mut waiting) = match last {
        Some(run) if overlap != Overlap::Allow && !due.fires.is_empty() => {
            store::fire::standing(tx, schedule.tenant_id, schedule.id, run).await?
        }
        _ => (false, 0),
    };
    for &fire_at in &due.fires {
        let refusal = match overlap {
            Overlap::Skip if live => Some(BEFORE_HAS_NOT_ENDED),
            Overlap::Queue if live && waiting >= MAX_WAITING => Some(TOO_MANY_WAIT),
            _ => None,
        };
        if let Some(message) = refusal {
            fires.push(skipped(fire_at, message));
            continue;
        }
        let Some(start) = start(schedule, fire_at) else { break };
        fires.push(store::fire::New { fire_at, run: Some(start.id), message: "" });
        let after_run = last.filter(|_| overlap == Overlap::Queue && live);
        (last, live, waiting) = (Some(start.id), true, waiting + 1);
        starts.push(NewStart { after_run, ..start });
    }
    Ok((fires, starts, last))
}

fn start(schedule: &Row, fire_at: DateTime<Utc>) -> Option<NewStart> {
    let target = schedule.target.target()?;
    let project = schedule.target.project_id;
    let start = NewStart::new(schedule.tenant_id, target, project, Trigger::Scheduled, schedule.created_by);
    Some(NewStart {
        context: with_fire_time(&schedule.context, fire_at),
        schedule_id: Some(schedule.id),
        priority: schedule.priority,
        ..start
    })
}

/// A schedule's context with the time that fired as `fire_at`, unless the context says something there itself.
fn with_fire_time(context: &str, fire_at: DateTime<Utc>) -> String {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(context) {
        Ok(mut object) => {
            object
                .entry("fire_at")
                .or_insert_with(|| fire_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true).into());
            serde_json::Value::Object(object).to_string()
        }
        Err(_) => context.to_owned(),
    }
}
