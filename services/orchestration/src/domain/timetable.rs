//! When a schedule fires: a cron expression read by the clock of a place, without the days that its calendar leaves out.
//!
//! Where clocks change, an expression that names its hours fires once for each time on the wall: one that the clock leaps
//! over fires when the leap ends, one that comes twice fires the first time. An expression for every hour (`*`, `*/2`)
//! fires in each hour that there really is.

use chrono::{DateTime, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::calendar::Calendar;

/// How many fire times are shown ahead.
pub const SHOWN: usize = 10;
/// How many days in a row a calendar may leave out before the schedule counts as one that never fires.
const MAX_DAYS_LEFT_OUT: usize = 3_000;
const MAX_CRON_BYTES: usize = 200;
/// No place changes its clock by more: Samoa left out a whole day in 2011.
const LONGEST_LEAP: TimeDelta = TimeDelta::hours(25);
const SECOND: TimeDelta = TimeDelta::seconds(1);

/// What is wrong with an expression or a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field of the request.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

/// A cron expression at a place.
#[derive(Debug, Clone)]
pub struct Timetable {
    cron: Cron,
    place: Tz,
    /// Whether every hour of the clock is meant rather than some that are named.
    every_hour: bool,
}

impl Timetable {
    /// Reads five fields, or six with seconds first, and an IANA name; UTC without one.
    ///
    /// # Errors
    /// Names the field at fault, also when no time ever fits the expression.
    pub fn parse(cron: &str, time_zone: &str) -> Result<Self, Fault> {
        let fault = |message: String| Fault { field: "cron", message };
        let fields: Vec<&str> = cron.split_whitespace().collect();
        // Why no nicknames: "@daily" would be one field, and says nothing that five cannot.
        if !matches!(fields.len(), 5 | 6) || cron.contains('@') || cron.len() > MAX_CRON_BYTES {
            return Err(fault("has five fields, or six with seconds first".to_owned()));
        }
        let every_hour = fields[fields.len() - 4].starts_with('*');
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(cron).map_err(|error| fault(format!("is not understood: {error}")))?;
        let place = if time_zone.is_empty() { "UTC" } else { time_zone };
        let place: Tz = place
            .parse()
            .map_err(|_| Fault { field: "time_zone", message: "is not a name such as Europe/Berlin".to_owned() })?;
        let timetable = Self { cron, place, every_hour };
        match timetable.on_the_clock(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(timetable),
            None => Err(fault("never comes about".to_owned())),
        }
    }

    /// The first fire time after a moment; none when the calendar leaves out all that come.
    #[must_use]
    pub fn next(&self, calendar: &Calendar, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut after = after;
        for _ in 0..MAX_DAYS_LEFT_OUT {
            let next = self.on_the_clock(after)?;
            let day = next.with_timezone(&self.place).date_naive();
            if !calendar.leaves_out(day) {
                return Some(next);
            }
            after = self.start_of(day.succ_opt()?)? - SECOND;
        }
        None
    }

    /// The fire times after a moment, in order.
    pub fn after<'t>(
        &'t self,
        calendar: &'t Calendar,
        after: DateTime<Utc>,
    ) -> impl Iterator<Item = DateTime<Utc>> + use<'t> {
        std::iter::successors(self.next(calendar, after), |last| self.next(calendar, *last))
    }

    /// The first time after a moment that fits the expression.
    fn on_the_clock(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = after.with_timezone(&self.place);
        if self.every_hour {
            return Some(self.cron.find_next_occurrence(&local, false).ok()?.to_utc());
        }
        // Invariant: a later time on the wall is never an earlier moment, so the first that is later is the next.
        let mut wall = local.naive_local();
        loop {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            let moment = self.moment_of(wall)?;
            if moment > after {
                return Some(moment);
            }
        }
    }

    /// The moment at which the clock shows a time, first shows it, or has leapt over it.
    fn moment_of(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.place.from_local_datetime(&wall) {
            MappedLocalTime::Single(moment) | MappedLocalTime::Ambiguous(moment, _) => Some(moment.to_utc()),
            MappedLocalTime::None => self.end_of_leap(wall),
        }
    }

    /// The moment of the leap that leaves out a time on the wall.
    fn end_of_leap(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        let shown = |moment: DateTime<Utc>| moment.with_timezone(&self.place).naive_local();
        let mut before = (wall.and_utc()).checked_sub_signed(LONGEST_LEAP)?;
        let mut behind = (wall.and_utc()).checked_add_signed(LONGEST_LEAP)?;
        // Invariant: at `before` the clock shows less than `wall`, at `behind` more.
        while behind - before > SECOND {
            let middle = before + TimeDelta::seconds((behind - before).num_seconds() / 2);
            if shown(middle) < wall { before = middle } else { behind = middle }
        }
        Some(behind)
    }

    fn start_of(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        self.moment_of(day.and_time(NaiveTime::MIN))
    }
}

#[cfg(test)]
#[path = "timetable_tests.rs"]
mod tests;
