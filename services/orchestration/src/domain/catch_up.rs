//! Which of the fire times that have come fire, and which came too late.

use chrono::{DateTime, TimeDelta, Utc};

use super::calendar::Calendar;
use super::timetable::Timetable;

/// A fire time younger than this was not missed: it only has to be got round to.
pub const GRACE: TimeDelta = TimeDelta::minutes(1);
/// How many missed times fire at the most.
pub const MAX_CAUGHT_UP: usize = 1_000;
/// How far to look back for the last missed times, a step further each time until there are enough.
const STEPS: [TimeDelta; 4] = [TimeDelta::hours(1), TimeDelta::days(1), TimeDelta::days(31), TimeDelta::days(366)];

/// What becomes of fire times that were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// They are left out.
    None,
    /// The last of them fires, unless a time that was not missed fires anyway.
    One,
    /// Each of them fires, at most the last 1,000.
    All,
}

impl CatchUp {
    /// Its word in the database.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::One => "one",
            Self::All => "all",
        }
    }

    /// The policy of this word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::One, Self::All].into_iter().find(|one| one.text() == text)
    }
}

/// What is to be done about a schedule whose time has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Times that fire now, in order.
    pub fires: Vec<DateTime<Utc>>,
    /// The first time that is left out.
    pub left_out: Option<DateTime<Utc>>,
    /// When it fires next; none for never.
    pub next: Option<DateTime<Utc>>,
}

/// Decides over all fire times from `first`, which is one of them, to `now`.
#[must_use]
pub fn due(
    timetable: &Timetable,
    calendar: &Calendar,
    policy: CatchUp,
    first: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Due {
    let fresh_from = now - GRACE;
    let since = |from: DateTime<Utc>| {
        timetable.after(calendar, from.max(first) - TimeDelta::seconds(1)).take_while(|at| *at <= now)
    };
    let fresh: Vec<_> = since(fresh_from).filter(|at| *at >= fresh_from).collect();
    let wanted = match policy {
        CatchUp::None => 0,
        CatchUp::One => usize::from(fresh.is_empty()),
        CatchUp::All => MAX_CAUGHT_UP,
    };
    let mut missed = Vec::new();
    let mut from = fresh_from;
    for step in STEPS.into_iter().map(Some).chain([None]) {
        if missed.len() >= wanted || from <= first {
            break;
        }
        from = step.map_or(first, |step| fresh_from - step);
        missed = since(from).take_while(|at| *at < fresh_from).collect();
    }
    missed.drain(..missed.len().saturating_sub(wanted));
    let mut fires = missed;
    fires.extend(fresh);
    let left_out = Some(first).filter(|first| *first <= now && fires.first().is_none_or(|fire| fire > first));
    Due { fires, left_out, next: timetable.next(calendar, now) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-{text}Z").parse().unwrap()
    }

    fn decide(cron: &str, policy: CatchUp, first: &str, now: &str) -> Due {
        due(&Timetable::parse(cron, "").unwrap(), &Calendar::default(), policy, at(first), at(now))
    }

    #[test]
    fn a_time_that_has_just_come_fires_whatever_the_policy() {
        for policy in [CatchUp::None, CatchUp::One, CatchUp::All] {
            let due = decide("0 * * * *", policy, "03-01T10:00:00", "03-01T10:00:01");
            assert_eq!(due.fires, [at("03-01T10:00:00")]);
            assert_eq!((due.left_out, due.next), (None, Some(at("03-01T11:00:00"))));
        }
        let due = decide("*/20 * * * * *", CatchUp::None, "03-01T10:00:00", "03-01T10:00:45");
        assert_eq!(due.fires.len(), 3);
    }

    #[test]
    fn missed_times_follow_the_policy() {
        let (first, now) = ("03-01T10:00:00", "03-01T15:30:00");
        let none = decide("0 * * * *", CatchUp::None, first, now);
        assert_eq!((none.fires, none.left_out), (vec![], Some(at(first))));
        let one = decide("0 * * * *", CatchUp::One, first, now);
        assert_eq!((one.fires, one.left_out), (vec![at("03-01T15:00:00")], Some(at(first))));
        let all = decide("0 * * * *", CatchUp::All, first, now);
        assert_eq!((all.fires.len(), all.fires[0], all.left_out), (6, at(first), None));
        assert_eq!(all.next, Some(at("03-01T16:00:00")));
        let fresh = decide("0 * * * *", CatchUp::One, first, "03-01T15:00:30");
        assert_eq!(fresh.fires, [at("03-01T15:00:00")], "what fires anyway catches up");
    }

    #[test]
    fn a_long_sleep_of_a_quick_schedule_costs_little_and_fires_the_last() {
        let all = decide("* * * * * *", CatchUp::All, "01-01T00:00:00", "11-01T00:00:00");
        let fresh = usize::try_from(GRACE.num_seconds()).unwrap() + 1;
        assert_eq!(all.fires.len(), MAX_CAUGHT_UP + fresh);
        assert_eq!(all.fires.last(), Some(&at("11-01T00:00:00")));
        assert!(all.fires.is_sorted_by(|one, next| (*next - *one).num_seconds() == 1));
        let one = decide("0 0 1 2 *", CatchUp::One, "02-01T00:00:00", "11-01T00:00:00");
        assert_eq!(one.fires, [at("02-01T00:00:00")], "however long ago");
    }
}
