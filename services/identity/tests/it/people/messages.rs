//! Mails that other services send: to active users of the tenant alone, and once.

use std::collections::BTreeSet;

use tonic::Code;
use trinity_context::RequestContext;
use trinity_proto::identity::mail_service_client::MailServiceClient;
use trinity_proto::identity::{LoginResponse, SendMailRequest, SendMailResponse};
use uuid::Uuid;

use super::house::{House, tenant_of};

fn mail(owner: &LoginResponse, emails: &[&str]) -> SendMailRequest {
    SendMailRequest {
        tenant_id: tenant_of(owner).to_string(),
        id: Uuid::now_v7().to_string(),
        user_ids: Vec::new(),
        emails: emails.iter().map(|email| (*email).to_owned()).collect(),
        subject: "nightly failed".to_owned(),
        text: "prep.clean failed with BAD: it is bad".to_owned(),
    }
}

async fn send(house: &House, mail: &SendMailRequest) -> Result<SendMailResponse, tonic::Status> {
    let request = house.runtime.peers.request(&RequestContext::service("orchestration"), mail.clone());
    let mut client = MailServiceClient::new(house.runtime.peers.channel("identity").unwrap());
    Ok(client.send_mail(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_active_users_of_the_tenant_get_it_and_only_once() {
    let house = House::start().await;
    let (acme, other) = (house.tenant("acme").await, house.tenant("other").await);
    let id = acme.user.as_ref().unwrap().id.clone();
    let emails = ["Owner@ACME.example", "owner@other.example", "stranger@elsewhere.example", "no address"];
    let request = SendMailRequest { user_ids: vec![id], ..mail(&acme, &emails) };
    assert_eq!(send(&house, &request).await.unwrap().mails, 1, "a person named twice gets one mail");
    let letter = house.letter("owner@acme.example", 1).await;
    assert_eq!((letter.subject.as_str(), letter.text.trim_end()), ("nightly failed", request.text.as_str()));
    house.post_is_out().await;
    assert_eq!(send(&house, &request).await.unwrap().mails, 1, "a repeat gets the first answer");
    house.post_is_out().await;
    assert_eq!(house.letters("owner@acme.example").len(), 1);
    assert!(house.letters("owner@other.example").is_empty() && house.letters("stranger@elsewhere.example").is_empty());

    house.tamper(sqlx::query("UPDATE identity.users SET active = false WHERE email = 'owner@acme.example'")).await;
    assert_eq!(send(&house, &mail(&acme, &["owner@acme.example"])).await.unwrap().mails, 0);
    assert_eq!(send(&house, &mail(&other, &["owner@other.example"])).await.unwrap().mails, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_language_arrives_and_what_would_forge_a_head_is_refused() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let text = format!("Größe 7 · {}", "x".repeat(2000));
    let subject = "Übersicht fehlgeschlagen".to_owned();
    let foreign = SendMailRequest { subject, text, ..mail(&owner, &["owner@acme.example"]) };
    send(&house, &foreign).await.unwrap();
    let letter = house.letter("owner@acme.example", 1).await;
    assert!(letter.subject.starts_with("=?utf-8?"), "{}", letter.subject);
    assert!(letter.text.lines().all(|line| line.len() <= 998 && line.is_ascii()), "{}", letter.text);

    let forged = SendMailRequest { subject: "a\r\nBcc: b@c.example".to_owned(), ..mail(&owner, &[]) };
    let empty = SendMailRequest { subject: " ".to_owned(), ..mail(&owner, &[]) };
    let crowd = mail(&owner, &["a@b.example"; 201]);
    let nobody = SendMailRequest { id: "x".to_owned(), ..mail(&owner, &[]) };
    let mut fields = BTreeSet::new();
    for refused in [forged, empty, crowd, nobody] {
        let error = send(&house, &refused).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        fields.insert(error.message().to_owned());
    }
    assert_eq!(fields.len(), 4, "{fields:?}");
}
