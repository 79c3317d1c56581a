//! Fire times where clocks change, and what holds for every schedule.

use chrono::Duration;
use proptest::prelude::*;

use super::*;

/// The next fire times after a moment, as the clock of the place shows them.
fn times(cron: &str, place: &str, after: &str, count: usize) -> Vec<String> {
    let timetable = Timetable::parse(cron, place).unwrap();
    let calendar = Calendar::default();
    let shown = |at: DateTime<Utc>| at.with_timezone(&timetable.place).format("%m-%d %H:%M %:z").to_string();
    timetable.after(&calendar, after.parse().unwrap()).take(count).map(shown).collect()
}

#[test]
fn a_time_that_the_clock_leaps_over_fires_once_when_the_leap_ends() {
    let berlin = "2026-03-28T23:00:00Z";
    assert_eq!(times("30 2 * * *", "Europe/Berlin", berlin, 2), ["03-29 03:00 +02:00", "03-30 02:30 +02:00"]);
    assert_eq!(times("15,45 2 * * *", "Europe/Berlin", berlin, 2), ["03-29 03:00 +02:00", "03-30 02:15 +02:00"]);
    assert_eq!(
        times("0 2,3 * * *", "Europe/Berlin", berlin, 2),
        ["03-29 03:00 +02:00", "03-30 02:00 +02:00"],
        "the end of the leap is a time of its own: once"
    );
    let new_york = times("30 2 * * *", "America/New_York", "2026-03-08T05:00:00Z", 2);
    assert_eq!(new_york, ["03-08 03:00 -04:00", "03-09 02:30 -04:00"]);
    let lord_howe = times("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T14:00:00Z", 2);
    assert_eq!(lord_howe, ["10-04 02:30 +11:00", "10-05 02:15 +11:00"], "half an hour");
    let midnight = times("30 0 * * *", "Africa/Cairo", "2024-04-25T12:00:00Z", 2);
    assert_eq!(midnight, ["04-26 01:00 +03:00", "04-27 00:30 +03:00"]);
    let whole_day = times("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 3);
    assert_eq!(whole_day, ["12-29 12:00 -10:00", "12-31 00:00 +14:00", "12-31 12:00 +14:00"]);
}

#[test]
fn a_time_that_comes_twice_fires_the_first_time() {
    let berlin = "2026-10-24T22:00:00Z";
    assert_eq!(times("30 2 * * *", "Europe/Berlin", berlin, 2), ["10-25 02:30 +02:00", "10-26 02:30 +01:00"]);
    assert_eq!(
        times("15,45 1-2 * * *", "Europe/Berlin", berlin, 5),
        ["10-25 01:15 +02:00", "10-25 01:45 +02:00", "10-25 02:15 +02:00", "10-25 02:45 +02:00", "10-26 01:15 +01:00"]
    );
    let second_time = "2026-10-25T01:10:00Z";
    assert_eq!(times("30 2 * * *", "Europe/Berlin", second_time, 1), ["10-26 02:30 +01:00"]);
    let new_york = times("30 1 * * *", "America/New_York", "2026-11-01T04:00:00Z", 2);
    assert_eq!(new_york, ["11-01 01:30 -04:00", "11-02 01:30 -05:00"]);
    let lord_howe = times("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T13:00:00Z", 2);
    assert_eq!(lord_howe, ["04-05 01:45 +11:00", "04-06 01:45 +10:30"]);
}

#[test]
fn every_hour_means_every_hour_that_there_is() {
    let spring = times("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2);
    assert_eq!(spring, ["03-29 01:30 +01:00", "03-29 03:30 +02:00"]);
    let autumn = times("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3);
    assert_eq!(autumn, ["10-25 02:30 +02:00", "10-25 02:30 +01:00", "10-25 03:30 +01:00"]);
    let lord_howe = times("*/20 * * * *", "Australia/Lord_Howe", "2026-04-04T14:30:00Z", 4);
    assert_eq!(lord_howe, ["04-05 01:40 +11:00", "04-05 01:40 +10:30", "04-05 02:00 +10:30", "04-05 02:20 +10:30"]);
}

#[test]
fn seconds_stand_first_in_six_fields_and_days_are_those_of_the_place() {
    let timetable = Timetable::parse("*/30 0 9 * * MON", "Asia/Tokyo").unwrap();
    let first = timetable.next(&Calendar::default(), "2026-11-21T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(first.to_string(), "2026-11-23 00:00:00 UTC");
    let calendar = Calendar::parse(["2026-11-23"].into_iter(), &[]).unwrap();
    let first = timetable.next(&calendar, "2026-11-21T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(first.to_string(), "2026-11-30 00:00:00 UTC");
}

#[test]
fn what_can_never_fire_is_said() {
    for cron in ["", "* * * *", "* * * * * * 2027", "@daily", "61 * * * *", "0 24 * * *", "0 0 30 2 *", "*/0 * * * *"] {
        assert_eq!(Timetable::parse(cron, "UTC").unwrap_err().field, "cron", "{cron}");
    }
    assert_eq!(Timetable::parse("0 0 * * *", "Berlin").unwrap_err().field, "time_zone");
    let mondays = Timetable::parse("0 0 * * 1", "").unwrap();
    let calendar = Calendar::parse([].into_iter(), &[1]).unwrap();
    assert_eq!(mondays.next(&calendar, DateTime::UNIX_EPOCH), None);
}

fn field(most: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (0..most).prop_map(|at| at.to_string()),
        1 => (1..most).prop_map(|step| format!("*/{step}")),
        1 => (0..most, 0..most).prop_map(|(one, other)| format!("{},{}", one.min(other), one.max(other))),
        1 => (0..most, 0..most).prop_map(|(one, other)| format!("{}-{}", one.min(other), one.max(other))),
        1 => Just("*".to_owned()),
    ]
}

const PLACES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Asia/Kathmandu",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn fire_times_grow_none_is_passed_over_and_none_falls_on_a_day_left_out(
        (minute, hour) in (field(60), field(24)),
        place in prop::sample::select(&PLACES[..]),
        start in 0_i64..1_000_000_000,
        skip in 0_i64..200_000,
        day_off in 1_u32..=7,
    ) {
        let timetable = Timetable::parse(&format!("{minute} {hour} * * *"), place).unwrap();
        let calendar = Calendar::parse([].into_iter(), &[day_off]).unwrap();
        let from = DateTime::from_timestamp(1_400_000_000 + start, 0).unwrap();
        let times: Vec<_> = timetable.after(&calendar, from).take(40).collect();
        prop_assert_eq!(times.len(), 40);
        prop_assert!(times[0] > from);
        prop_assert!(times.is_sorted_by(|one, next| one < next), "{:?}", times);
        for at in &times {
            prop_assert!(!calendar.leaves_out(at.with_timezone(&timetable.place).date_naive()), "{}", at);
        }
        // Wherever the search begins, it finds the same times.
        let middle = from + Duration::seconds(skip);
        let expected = times.iter().copied().find(|at| *at > middle);
        if let Some(expected) = expected {
            prop_assert_eq!(timetable.next(&calendar, middle), Some(expected));
        }
    }
}
