//! Mails: with the change or not at all, sealed until they leave, and tried until they do.

use std::os::unix::fs::PermissionsExt;

use trinity_testkit::eventually;

use super::WAIT;
use super::house::House;
use super::smtp::Server;

const ADA: &str = "ada@elsewhere.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_server_mails_are_files_for_their_owner_alone() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    house.invite(&owner, ADA, &[]).await.unwrap();
    let letter = house.letter(ADA, 1).await;
    assert_eq!((letter.recipient.as_str(), letter.subject.as_str()), (ADA, "You are invited to Trinity"));
    house.post_is_out().await;
    let folder = house.mails.path().join("out");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!((files.len(), mode(&files[0])), (1, 0o600));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_way_mails_wait_sealed() {
    let house = House::with(&[("MAIL_FOLDER", "")]).await;
    let owner = house.tenant("acme").await;
    house.invite(&owner, ADA, &[]).await.unwrap();
    let mut admin = house.db.admin().await;
    let row: String =
        sqlx::query_scalar("SELECT row_to_json(m)::text FROM identity.mails AS m").fetch_one(&mut admin).await.unwrap();
    let invitation: String =
        sqlx::query_scalar("SELECT id::text FROM identity.invitations").fetch_one(&mut admin).await.unwrap();
    assert!(row.contains(ADA) && !row.contains(&invitation), "the token stands nowhere in the clear: {row}");
    let outbox = house.count("SELECT count(*) FROM identity.outbox WHERE after::text LIKE '%invite\\_%'").await;
    assert_eq!(outbox, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_the_server_refuses_is_tried_again() {
    let (server, url) = Server::start(2).await;
    let settings = [("MAIL_FOLDER", ""), ("SMTP_URL", &url), ("MAIL_FROM", "Trinity <no-reply@trinity.example>")];
    let house = House::with(&settings).await;
    let owner = house.tenant("acme").await;
    house.invite(&owner, ADA, &[]).await.unwrap();
    for failures in 1..=2 {
        eventually(WAIT, "a refusal", || async {
            let noted = house.count("SELECT failed_attempts::bigint FROM identity.mails").await;
            (noted >= failures).then_some(())
        })
        .await;
        let pause =
            house.count("SELECT round(extract(epoch FROM claimed_until - now()))::bigint FROM identity.mails").await;
        assert!((1..=10).contains(&pause), "{pause} s");
        house.tamper(sqlx::query("UPDATE identity.mails SET claimed_until = '-infinity'")).await;
    }
    house.post_is_out().await;
    let letters = server.letters.lock().unwrap().clone();
    assert_eq!((letters.len(), letters[0].recipient.as_str()), (1, ADA));
    let ids = server.message_ids.lock().unwrap().clone();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "one mail, however often it is tried: {ids:?}");
    house.accept(&letters[0].token()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_whose_token_has_expired_is_not_sent() {
    let (server, url) = Server::start(1).await;
    let settings = [("MAIL_FOLDER", ""), ("SMTP_URL", &url), ("MAIL_FROM", "no-reply@trinity.example")];
    let house = House::with(&settings).await;
    let owner = house.tenant("acme").await;
    house.invite(&owner, ADA, &[]).await.unwrap();
    eventually(WAIT, "a refusal", || async {
        let failed = house.count("SELECT count(*) FROM identity.mails WHERE failed_attempts > 0").await;
        (failed == 1).then_some(())
    })
    .await;
    house.tamper(sqlx::query("UPDATE identity.mails SET claimed_until = '-infinity', expires_at = now()")).await;
    house.post_is_out().await;
    assert!(server.letters.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_make_no_sense_stop_the_start() {
    let house = House::start().await;
    let cases = [
        (
            &[("SMTP_URL", "smtp://localhost")][..],
            "only one of TRINITY_IDENTITY_SMTP_URL and TRINITY_IDENTITY_MAIL_FOLDER",
        ),
        (&[("MAIL_FOLDER", ""), ("SMTP_URL", "smtp://localhost")], "TRINITY_IDENTITY_MAIL_FROM is missing"),
        (
            &[("MAIL_FOLDER", ""), ("SMTP_URL", "secret"), ("MAIL_FROM", "a@b.example")],
            "TRINITY_IDENTITY_SMTP_URL is malformed",
        ),
        (&[("MAIL_FROM", "nobody")], "TRINITY_IDENTITY_MAIL_FROM is not a mail address"),
        (&[("MAIL_FOLDER", "/dev/null/mails")], "TRINITY_IDENTITY_MAIL_FOLDER names no folder that can be made"),
        (&[("PUBLIC_URL", "trinity.example")], "TRINITY_IDENTITY_PUBLIC_URL is not a web address"),
    ];
    for (settings, fault) in cases {
        let fault_found = house.start_with(settings).await.unwrap_err().to_string();
        assert!(fault_found.contains(fault) && !fault_found.contains("secret"), "{fault_found}");
    }
}
