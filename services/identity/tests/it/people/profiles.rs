//! Photos, and proofs of addresses.

use tonic::Code;
use trinity_proto::identity::{RequestEmailVerificationRequest, UpdateUserRequest, User, VerifyEmailRequest};

use super::house::{House, PASSWORD, by};
use crate::stack::{field, reason};

const ADA: &str = "ada@acme.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_is_an_https_address_or_nothing() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let ada = house.user(&owner, ADA).await.unwrap();
    assert_eq!(ada.photo_url, "");
    let set = async |url: &str| -> Result<User, tonic::Status> {
        let photo_url = Some(url.to_owned());
        let request = UpdateUserRequest { user_id: ada.id.clone(), photo_url, ..Default::default() };
        Ok(house.users().update_user(by(&owner, request)).await?.into_inner().user.unwrap())
    };
    assert_eq!(set("https://images.example/ada.png").await.unwrap().photo_url, "https://images.example/ada.png");
    for bad in ["http://images.example/ada.png", "javascript:alert(1)", "ada"] {
        let refusal = set(bad).await.unwrap_err();
        assert_eq!((refusal.code(), field(&refusal).as_str()), (Code::InvalidArgument, "photo_url"), "{bad}");
    }
    assert_eq!(set("").await.unwrap().photo_url, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_proven_by_a_mailed_token_once() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let id = house.user(&owner, ADA).await.unwrap().id;
    let login = house.login("acme", ADA, PASSWORD).await.unwrap();
    assert!(!login.user.clone().unwrap().verified);
    let ask =
        || async { house.accounts().request_email_verification(by(&login, RequestEmailVerificationRequest {})).await };
    ask().await.unwrap();
    ask().await.unwrap();
    let (first, second) = (house.letter(ADA, 1).await.token(), house.letter(ADA, 2).await.token());
    let verify = |token: &str| {
        let request = VerifyEmailRequest { token: token.to_owned() };
        async { house.accounts().verify_email(request).await }
    };
    let answers = tokio::join!(verify(&first), verify(&first));
    assert_ne!(answers.0.is_ok(), answers.1.is_ok());
    for spent in [&first, &second] {
        assert_eq!(reason(&verify(spent).await.unwrap_err()), "INVALID_TOKEN");
    }
    assert_eq!(house.events("user.verify").await, [("OK".to_owned(), id)]);
    assert!(house.login("acme", ADA, PASSWORD).await.unwrap().user.unwrap().verified);
    ask().await.unwrap();
    house.post_is_out().await;
    assert_eq!(house.letters(ADA).len(), 2, "a proven address needs no further mail");
}
