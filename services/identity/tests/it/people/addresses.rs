//! Lock-out by the address that wrong passwords come from.

use futures::future::join_all;
use tonic::Code;
use trinity_proto::identity::LoginStaffRequest;

use super::house::{House, PASSWORD, from};
use crate::stack::reason;

const OWNER: &str = "owner@acme.example";

impl House {
    /// Counts as many wrong passwords from an address, as of now.
    async fn blame(&self, address: &str, failures: f64) {
        let insert = "INSERT INTO identity.address_failures VALUES ($1, $2, now(), '-infinity')
            ON CONFLICT (address) DO UPDATE SET failed_attempts = $2, failed_at = now(), locked_until = '-infinity'";
        self.tamper(sqlx::query(insert).bind(address.to_owned()).bind(failures)).await;
    }

    /// For how many seconds the address was locked by the last wrong password.
    async fn lock(&self, address: &str) -> Option<f64> {
        sqlx::query_scalar(
            "SELECT round(extract(epoch FROM locked_until - failed_at))::float8 FROM identity.address_failures
            WHERE address = $1 AND isfinite(locked_until)",
        )
        .bind(address)
        .fetch_optional(&mut self.db.admin().await)
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_locked_across_accounts_and_tenants_and_others_are_not() {
    let house = House::start().await;
    house.tenant("acme").await;
    house.tenant("other").await;
    house.blame("192.0.2.7", 46.0).await;
    let staff = LoginStaffRequest { email: OWNER.to_owned(), password: "wrong".to_owned() };
    let staff = house.staff().login_staff(from("192.0.2.7", staff)).await.unwrap_err();
    assert_eq!(reason(&staff), "INVALID_CREDENTIALS");
    for (tenant, email) in [("nobody", OWNER), ("acme", "nobody@acme.example"), ("other", "owner@other.example")] {
        let refusal = house.login_from("192.0.2.7", tenant, email, "wrong").await.unwrap_err();
        assert_eq!(reason(&refusal), "INVALID_CREDENTIALS");
    }
    assert_eq!(house.lock("192.0.2.7").await, None, "fifty are free");
    assert_eq!(
        reason(&house.login_from("192.0.2.7", "acme", OWNER, "wrong").await.unwrap_err()),
        "INVALID_CREDENTIALS"
    );
    assert!(house.lock("192.0.2.7").await.is_some());
    let far = "UPDATE identity.address_failures SET locked_until = now() + interval '1 hour'";
    house.tamper(sqlx::query(far)).await;
    let staff = LoginStaffRequest { email: OWNER.to_owned(), password: PASSWORD.to_owned() };
    let staff = house.staff().login_staff(from("192.0.2.7", staff)).await.unwrap_err();
    assert_eq!(reason(&staff), "TOO_MANY_ATTEMPTS");
    for (tenant, email) in [("acme", OWNER), ("other", "owner@other.example"), ("nobody", OWNER)] {
        let refusal = house.login_from("192.0.2.7", tenant, email, PASSWORD).await.unwrap_err();
        assert_eq!((refusal.code(), reason(&refusal).as_str()), (Code::ResourceExhausted, "TOO_MANY_ATTEMPTS"));
    }
    house.login_from("192.0.2.8", "acme", OWNER, PASSWORD).await.unwrap();
    house.tamper(sqlx::query("UPDATE identity.address_failures SET locked_until = now()")).await;
    house.login_from("192.0.2.7", "acme", OWNER, PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_further_wrong_password_doubles_the_lock_and_time_forgives() {
    let house = House::start().await;
    house.tenant("acme").await;
    for (counted, seconds) in [(50.0, 1.0), (52.0, 4.0), (59.0, 512.0), (60.0, 900.0), (9000.0, 900.0)] {
        house.blame("2001:db8:1:2::/64", counted).await;
        house.login_from("2001:db8:1:2::9", "acme", "nobody@acme.example", "wrong").await.unwrap_err();
        let lock = house.lock("2001:db8:1:2::/64").await.unwrap();
        assert!((lock / seconds - 1.0).abs() < 0.1, "{counted}: {lock} s");
    }
    let age = "UPDATE identity.address_failures
        SET failed_attempts = 60, failed_at = now() - interval '11 min', locked_until = '-infinity'";
    house.tamper(sqlx::query(age)).await;
    house.login_from("2001:db8:1:2::9", "acme", "nobody@acme.example", "wrong").await.unwrap_err();
    assert_eq!(house.lock("2001:db8:1:2::/64").await, None, "eleven were forgiven");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_counted_to_the_last() {
    let house = House::start().await;
    house.tenant("acme").await;
    house.blame("192.0.2.7", 49.5).await;
    let emails: Vec<_> = (0..20).map(|number| format!("u{number}@acme.example")).collect();
    let answers = join_all(emails.iter().map(|email| house.login_from("192.0.2.7", "acme", email, "wrong"))).await;
    assert!(answers.iter().all(Result::is_err));
    let refused =
        answers.iter().filter(|answer| answer.as_ref().is_err_and(|error| error.code() == Code::ResourceExhausted));
    let checked = 20 - refused.count();
    let counted = house.count("SELECT round(failed_attempts)::bigint FROM identity.address_failures").await;
    let expected = 49 + i64::try_from(checked).unwrap();
    assert!((expected..=expected + 1).contains(&counted), "{checked} were checked, {counted} counted");
    let refusal = house.login_from("192.0.2.7", "acme", OWNER, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&refusal), "TOO_MANY_ATTEMPTS");
}
