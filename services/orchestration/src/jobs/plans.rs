//! How long the plans of the engine's statements are good: a plan for small tables is slow on large ones.

use std::time::Duration;

use tokio::time::Instant;

/// The longest, so that a new month's partition is seen to.
const LONGEST: Duration = Duration::from_secs(60);
/// How many attempts may end before the first plans are made anew.
const FIRST: usize = 64;

/// The plans that Postgres has.
pub struct Plans {
    made_at: Instant,
    ended: usize,
    last: usize,
}

impl Plans {
    /// Those of a connection that has none yet.
    #[must_use]
    pub fn new() -> Self {
        Self { made_at: Instant::now(), ended: 0, last: FIRST }
    }

    /// Whether they are to be made anew, now that so many more attempts end: each time after twice as many as the last time.
    pub fn are_old(&mut self, ended: usize) -> bool {
        self.ended += ended;
        if self.ended < self.last && self.made_at.elapsed() < LONGEST {
            return false;
        }
        if self.ended >= self.last {
            self.last = self.last.saturating_mul(2);
        }
        (self.made_at, self.ended) = (Instant::now(), 0);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn plans_are_made_anew_as_tables_grow_and_once_a_minute() {
        let mut plans = Plans::new();
        let counts: Vec<usize> = (1..=FIRST * 7).filter(|_| plans.are_old(1)).collect();
        assert_eq!(counts, [FIRST, FIRST * 3, FIRST * 7]);
        assert!(!plans.are_old(0));
        tokio::time::advance(LONGEST).await;
        assert!(plans.are_old(0));
        assert!(!plans.are_old(0));
    }
}
