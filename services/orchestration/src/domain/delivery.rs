//! When a message that did not arrive is sent again, and when no more.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(4 * 3600);
/// How long a message is worth sending.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Each pause is so many times the one before.
const GROWTH: u32 = 4;

/// The pause after `attempts` attempts, with `jitter` between 0 and 1; none when the message, of this age, is given up.
#[must_use]
pub fn pause_after(attempts: u32, age: Duration, jitter: f64) -> Option<Duration> {
    let grown = FIRST.saturating_mul(GROWTH.saturating_pow(attempts.saturating_sub(1))).min(LONGEST);
    // Why around it: messages that failed together must not come back together.
    let pause = grown.mul_f64(0.75 + 0.5 * jitter.clamp(0.0, 1.0));
    (age + pause <= LIFETIME).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_for_a_day() {
        let (mut age, mut pauses) = (Duration::ZERO, Vec::new());
        while let Some(pause) = pause_after(u32::try_from(pauses.len()).unwrap() + 1, age, 0.5) {
            age += pause;
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses[..7], [5, 20, 80, 320, 1280, 5120, 14_400]);
        assert!(pauses.is_sorted());
        assert!(age > Duration::from_secs(20 * 3600) && age <= LIFETIME, "{age:?}");
    }

    #[test]
    fn pauses_differ_and_never_overflow() {
        assert_eq!(pause_after(1, Duration::ZERO, 0.0), Some(Duration::from_millis(3750)));
        assert_eq!(pause_after(1, Duration::ZERO, 1.0), Some(Duration::from_millis(6250)));
        assert_eq!(pause_after(u32::MAX, Duration::ZERO, 0.5), Some(LONGEST));
        assert_eq!(pause_after(1, LIFETIME, 0.0), None);
    }
}
