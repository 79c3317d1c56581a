//! Seats: no more active users than the plan allows, however many are made at once.

use futures::future::{BoxFuture, FutureExt, join_all};
use tonic::Code;
use trinity_proto::identity::UpdateUserRequest;

use super::house::{House, by, tenant_of};
use crate::stack::reason;

impl House {
    async fn set_active(
        &self,
        caller: &trinity_proto::identity::LoginResponse,
        id: &str,
        active: bool,
    ) -> Result<(), tonic::Status> {
        let request = UpdateUserRequest { user_id: id.to_owned(), active: Some(active), ..Default::default() };
        self.users().update_user(by(caller, request)).await.map(|_| ())
    }

    async fn active(&self) -> i64 {
        self.count("SELECT count(*) FROM identity.users WHERE active").await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_make_ten() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    house.stand(tenant_of(&owner), |standing| standing.limits.seats = Some(10));
    let emails: Vec<_> = (0..50).map(|number| format!("u{number}@acme.example")).collect();
    let answers = join_all(emails.iter().map(|email| house.user(&owner, email))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 9, "the owner has a seat too");
    for refusal in answers.into_iter().filter_map(Result::err) {
        assert_eq!((refusal.code(), reason(&refusal).as_str()), (Code::ResourceExhausted, "SEAT_LIMIT_REACHED"));
    }
    assert_eq!(house.active().await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_an_active_user_takes_a_seat() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let (mut gone, mut tokens) = (Vec::new(), Vec::new());
    for number in 0..4 {
        let user = house.user(&owner, &format!("gone{number}@acme.example")).await.unwrap();
        house.set_active(&owner, &user.id, false).await.unwrap();
        gone.push(user.id);
        let email = format!("guest{number}@x.example");
        house.invite(&owner, &email, &[]).await.unwrap();
        tokens.push(house.letter(&email, 1).await.token());
    }
    house.stand(tenant_of(&owner), |standing| standing.limits.seats = Some(4));
    let emails: Vec<_> = (0..4).map(|number| format!("new{number}@acme.example")).collect();
    let mut ways: Vec<BoxFuture<'_, Result<(), tonic::Status>>> = Vec::new();
    for number in 0..4 {
        ways.push(house.set_active(&owner, &gone[number], true).boxed());
        ways.push(house.accept(&tokens[number]).map(|answer| answer.map(|_| ())).boxed());
        ways.push(house.user(&owner, &emails[number]).map(|answer| answer.map(|_| ())).boxed());
    }
    let answers = join_all(ways).await;
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert_eq!((refused.len(), house.active().await), (9, 4));
    assert!(refused.iter().all(|refusal| reason(refusal) == "SEAT_LIMIT_REACHED"));
    let metadata = tonic_types::StatusExt::get_error_details(&refused[0]).error_info().unwrap().metadata.clone();
    assert_eq!(metadata["limit"], "4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_active_already_or_leaves_needs_no_seat() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let ada = house.user(&owner, "ada@acme.example").await.unwrap().id;
    house.stand(tenant_of(&owner), |standing| standing.limits.seats = Some(1));
    house.set_active(&owner, &ada, true).await.unwrap();
    house.set_active(&owner, &ada, false).await.unwrap();
    assert_eq!(reason(&house.set_active(&owner, &ada, true).await.unwrap_err()), "SEAT_LIMIT_REACHED");
    house.stand(tenant_of(&owner), |standing| standing.limits.seats = Some(2));
    house.set_active(&owner, &ada, true).await.unwrap();
    let elsewhere = house.tenant("other").await;
    house.user(&elsewhere, "x@other.example").await.expect("another tenant has no such limit");
}
