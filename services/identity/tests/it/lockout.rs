//! Locks after wrong passwords, one account at a time.

use futures::future::join_all;

use crate::stack::{PASSWORD, Stack, reason};

const OWNER: &str = "owner@acme.example";

impl Stack {
    async fn fail(&self) {
        let status = self.login("acme", OWNER, "wrong password").await.unwrap_err();
        assert_eq!(reason(&status), "INVALID_CREDENTIALS");
    }

    /// How many wrong passwords were counted, and how many seconds the lock lasted from the last of them.
    async fn lock(&self) -> (i32, Option<f64>) {
        sqlx::query_as(
            "SELECT failed_attempts, extract(epoch FROM locked_until - o.created_at)::float8
            FROM identity.users, (SELECT max(created_at) AS created_at FROM identity.outbox) AS o",
        )
        .fetch_one(&mut self.db.admin().await)
        .await
        .unwrap()
    }

    /// Lets the lock run out, with this many wrong passwords counted.
    async fn unlock(&self, failed_attempts: i32) {
        let query =
            sqlx::query("UPDATE identity.users SET locked_until = now() - interval '1 ms', failed_attempts = $1");
        self.tamper(query.bind(failed_attempts)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fifth_wrong_password_locks_and_each_further_one_doubles() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    for _ in 0..4 {
        stack.fail().await;
    }
    assert_eq!(stack.lock().await, (4, None));
    stack.fail().await;
    assert_eq!(stack.lock().await, (5, Some(1.0)));
    for (counted, seconds) in [(5, 2.0), (6, 4.0), (13, 512.0), (14, 900.0), (1000, 900.0)] {
        stack.unlock(counted).await;
        stack.fail().await;
        assert_eq!(stack.lock().await, (counted + 1, Some(seconds)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_holds_against_the_right_password_and_then_forgets() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    stack.unlock(10).await;
    stack.fail().await;
    let (counted, _) = stack.lock().await;
    let status = stack.login("acme", OWNER, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_CREDENTIALS");
    assert_eq!(stack.lock().await.0, counted, "attempts while it is locked do not count");
    stack.unlock(counted).await;
    stack.login("acme", OWNER, PASSWORD).await.unwrap();
    assert_eq!(stack.lock().await, (0, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_guesses_at_once_get_no_further_than_one_after_another() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    // The next wrong password locks for a minute.
    stack.unlock(10).await;
    join_all((0..30).map(|_| stack.fail())).await;
    assert_eq!(stack.lock().await.0, 11, "the others came to a locked account");
    assert_eq!(stack.events_of("auth.login").await.len(), 31);
}
