//! Days on which schedules do not fire.

use chrono::{Datelike, NaiveDate};

const MAX_HOLIDAYS: usize = 2_000;
/// A year in which every day exists.
const LEAP_YEAR: i32 = 2000;

/// A day, of one year or of every.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    Once(NaiveDate),
    Yearly { month: u32, day: u32 },
}

/// The days that are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    holidays: Vec<Day>,
    /// 1 for Monday to 7 for Sunday.
    days_off: Vec<u32>,
}

impl Calendar {
    /// Reads holidays, such as `2026-12-25` or `12-25`, and days of the week.
    ///
    /// # Errors
    /// Names the field at fault and says what is wrong with it.
    pub fn parse<'d>(
        holidays: impl ExactSizeIterator<Item = &'d str>,
        days_off: &[u32],
    ) -> Result<Self, (String, &'static str)> {
        if holidays.len() > MAX_HOLIDAYS {
            return Err(("holidays".to_owned(), "are more than 2,000"));
        }
        let holidays = holidays.enumerate().map(|(place, text)| {
            let fault = || (format!("holidays[{place}].date"), "is not a day such as 2026-12-25 or 12-25");
            day(text).ok_or_else(fault)
        });
        let holidays = holidays.collect::<Result<_, _>>()?;
        let mut days_off = days_off.to_vec();
        days_off.sort_unstable();
        days_off.dedup();
        if days_off.iter().any(|day| !(1..=7).contains(day)) {
            return Err(("days_off".to_owned(), "are numbers from 1 for Monday to 7 for Sunday"));
        }
        if days_off.len() == 7 {
            return Err(("days_off".to_owned(), "leave no day"));
        }
        Ok(Self { holidays, days_off })
    }

    /// Whether nothing fires on a day.
    #[must_use]
    pub fn leaves_out(&self, date: NaiveDate) -> bool {
        let is_it = |day: &Day| match *day {
            Day::Once(once) => once == date,
            Day::Yearly { month, day } => (month, day) == (date.month(), date.day()),
        };
        self.days_off.contains(&date.weekday().number_from_monday()) || self.holidays.iter().any(is_it)
    }
}

fn day(text: &str) -> Option<Day> {
    let number = |part: &str, digits: usize| {
        (part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok()).flatten()
    };
    let parts: Vec<&str> = text.split('-').collect();
    match *parts.as_slice() {
        [year, month, day] => {
            let year = i32::try_from(number(year, 4)?).ok()?;
            NaiveDate::from_ymd_opt(year, number(month, 2)?, number(day, 2)?).map(Day::Once)
        }
        [month, day] => {
            let (month, day) = (number(month, 2)?, number(day, 2)?);
            NaiveDate::from_ymd_opt(LEAP_YEAR, month, day).map(|_| Day::Yearly { month, day })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn holidays_of_one_year_and_of_every_year_are_left_out() {
        let calendar = Calendar::parse(["2026-04-03", "12-25", "02-29"].into_iter(), &[6, 7]).unwrap();
        for left_out in ["2026-04-03", "2026-12-25", "2031-12-25", "2028-02-29", "2026-11-21", "2026-11-22"] {
            assert!(calendar.leaves_out(date(left_out)), "{left_out}");
        }
        for kept in ["2026-04-06", "2029-04-03", "2026-12-24", "2026-11-20", "2027-03-01"] {
            assert!(!calendar.leaves_out(date(kept)), "{kept}");
        }
    }

    #[test]
    fn what_is_no_day_is_named() {
        for text in ["", "25-12", "2026-02-29", "02-30", "2026-1-1", "+026-01-01", "2026-01-01-", "x"] {
            let (field, _) = Calendar::parse(["12-25", text].into_iter(), &[]).unwrap_err();
            assert_eq!(field, "holidays[1].date", "{text}");
        }
        for days in [vec![0], vec![8], (1..=7).collect()] {
            assert_eq!(Calendar::parse([].into_iter(), &days).unwrap_err().0, "days_off");
        }
    }
}
