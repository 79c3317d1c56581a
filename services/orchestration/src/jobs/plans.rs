//! How long the plans of the engine's statements are good: a plan for small tables is slow on large ones.

use std::time::Duration;

use tokio::time::Instant;

/// While the engine is busy: a queue may grow by ten thousands within seconds, and be gone as soon.
const BUSY: Duration = Duration::from_secs(1);
/// While it is not: making them anew would be most of what a single run takes.
const IDLE: Duration = Duration::from_secs(60);
/// How many attempts that ended make a busy engine.
const MANY: usize = 64;

/// The plans that Postgres has.
pub struct Plans {
    made_at: Instant,
    ended: usize,
}

impl Plans {
    /// Those of a connection that has none yet.
    #[must_use]
    pub fn new() -> Self {
        Self { made_at: Instant::now(), ended: 0 }
    }

    /// Whether they are to be made anew, now that so many more attempts end.
    pub fn are_old(&mut self, ended: usize) -> bool {
        self.ended += ended;
        let last = if self.ended < MANY { IDLE } else { BUSY };
        if self.made_at.elapsed() < last {
            return false;
        }
        *self = Self::new();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn plans_last_a_second_when_much_ends_and_a_minute_when_little_does() {
        let mut plans = Plans::new();
        assert!(!plans.are_old(MANY), "not at once");
        tokio::time::advance(BUSY).await;
        assert!(plans.are_old(0));
        tokio::time::advance(BUSY).await;
        assert!(!plans.are_old(MANY - 1));
        tokio::time::advance(IDLE).await;
        assert!(plans.are_old(0));
        assert!(!plans.are_old(MANY - 1), "counted from the last time");
    }
}
