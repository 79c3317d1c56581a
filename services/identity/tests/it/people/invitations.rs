//! Invitations: one address, one time, seven days.

use futures::future::join_all;
use tonic::{Code, Status};
use trinity_ids::InvitationId;
use trinity_proto::identity::{
    AcceptInvitationRequest, CreateInvitationRequest, Invitation, ListInvitationsRequest, LoginResponse,
    ResetPasswordRequest, RevokeInvitationRequest, UpdateUserRequest, User, VerifyEmailRequest,
};

use super::house::{House, PASSWORD, by, tenant_of};
use crate::stack::{field, reason};

const ADA: &str = "ada@elsewhere.example";

impl House {
    pub async fn invite(&self, by_whom: &LoginResponse, email: &str, roles: &[&str]) -> Result<Invitation, Status> {
        let roles = roles.iter().map(|&role| role.to_owned()).collect();
        let request = CreateInvitationRequest { email: email.to_owned(), roles };
        Ok(self.accounts().create_invitation(by(by_whom, request)).await?.into_inner().invitation.unwrap())
    }

    pub async fn accept(&self, token: &str) -> Result<User, Status> {
        self.accept_with(token, PASSWORD).await
    }

    async fn accept_with(&self, token: &str, password: &str) -> Result<User, Status> {
        let request = AcceptInvitationRequest {
            token: token.to_owned(),
            password: password.to_owned(),
            full_name: "Ada Lovelace".to_owned(),
            ..Default::default()
        };
        Ok(self.accounts().accept_invitation(request).await?.into_inner().user.unwrap())
    }

    async fn open_invitations(&self, login: &LoginResponse) -> Vec<Invitation> {
        let request = by(login, ListInvitationsRequest::default());
        self.accounts().list_invitations(request).await.unwrap().into_inner().invitations
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_invited_becomes_a_user_with_a_proven_address() {
    let house = House::with(&[("PUBLIC_URL", "https://trinity.example")]).await;
    let owner = house.tenant("acme").await;
    let invitation = house.invite(&owner, " Ada@Elsewhere.example ", &["editor"]).await.unwrap();
    assert_eq!((invitation.email.as_str(), &invitation.roles[..]), (ADA, &["editor".to_owned()][..]));
    let days = (invitation.expires_at.unwrap().seconds - invitation.created_at.unwrap().seconds) / 86_400;
    assert_eq!((days, &invitation.invited_by), (7, &owner.user.clone().unwrap().id));
    assert_eq!(house.open_invitations(&owner).await, [invitation]);

    let letter = house.letter(ADA, 1).await;
    let token = letter.token();
    assert!(letter.text.contains(&format!("https://trinity.example/accept-invitation#token={token}\n")));
    let ada = house.accept(&token).await.unwrap();
    assert_eq!(
        (ada.email.as_str(), ada.full_name.as_str(), &ada.roles[..]),
        (ADA, "Ada Lovelace", &["editor".to_owned()][..])
    );
    assert!(ada.active && ada.verified && !ada.mfa_enabled);
    house.login("acme", ADA, PASSWORD).await.unwrap();
    assert!(house.open_invitations(&owner).await.is_empty());
    for action in ["invitation.accept", "user.create"] {
        assert_eq!(house.events(action).await, [("OK".to_owned(), ada.id.clone())], "{action}");
    }
    assert_eq!(reason(&house.accept(&token).await.unwrap_err()), "INVALID_TOKEN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_accept_at_once_one_gets_in() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    house.invite(&owner, ADA, &[]).await.unwrap();
    let token = house.letter(ADA, 1).await.token();
    let answers = join_all((0..10).map(|_| house.accept(&token))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refusal in answers.into_iter().filter_map(Result::err) {
        assert_eq!(reason(&refusal), "INVALID_TOKEN");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_token_is_refused_alike_and_opens_nothing() {
    let house = House::start().await;
    let (owner, foreign) = (house.tenant("acme").await, house.tenant("other").await);
    house.invite(&owner, ADA, &[]).await.unwrap();
    let replaced = house.letter(ADA, 1).await.token();
    house.invite(&owner, ADA, &[]).await.unwrap();
    let good = house.letter(ADA, 2).await.token();
    let revoked = house.invite(&owner, "bob@x.example", &[]).await.unwrap().id;
    let revoked_token = house.letter("bob@x.example", 1).await.token();
    house.accounts().revoke_invitation(by(&owner, RevokeInvitationRequest { invitation_id: revoked })).await.unwrap();
    house.invite(&owner, "eve@x.example", &[]).await.unwrap();
    let expired = house.letter("eve@x.example", 1).await.token();
    let expire = "UPDATE identity.invitations SET expires_at = now() WHERE email = 'eve@x.example'";
    house.tamper(sqlx::query(expire)).await;

    let secret = good.len() - 43;
    let tokens = [
        replaced,
        revoked_token,
        expired,
        good.replace(&tenant_of(&owner).to_string(), &tenant_of(&foreign).to_string()),
        good.replacen("invite_", "reset_", 1),
        format!("{}{}A", &good[..secret], good[secret..good.len() - 1].chars().rev().collect::<String>()),
        good[..good.len() - 1].to_owned(),
        owner.refresh_token.clone(),
        "invite_x_y_z".to_owned(),
        "a\0b".to_owned(),
    ];
    let expected = house.accept("x").await.unwrap_err();
    assert_eq!((expected.code(), field(&expected).as_str()), (Code::InvalidArgument, "token"));
    for token in &tokens {
        let refusal = house.accept(token).await.unwrap_err();
        assert_eq!((refusal.message(), refusal.details()), (expected.message(), expected.details()), "{token}");
    }
    // Nor is it good for anything else.
    for other in [good.clone(), good.replacen("invite_", "reset_", 1), good.replacen("invite_", "verify_", 1)] {
        let reset = ResetPasswordRequest { token: other.clone(), new_password: PASSWORD.to_owned() };
        assert_eq!(reason(&house.accounts().reset_password(reset).await.unwrap_err()), "INVALID_TOKEN");
        let verify = VerifyEmailRequest { token: other };
        assert_eq!(reason(&house.accounts().verify_email(verify).await.unwrap_err()), "INVALID_TOKEN");
    }
    house.accept(&good).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_acceptance_leaves_the_invitation_open() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let tenant = tenant_of(&owner);
    house.invite(&owner, ADA, &[]).await.unwrap();
    let token = house.letter(ADA, 1).await.token();
    assert_eq!(field(&house.accept_with(&token, "short").await.unwrap_err()), "password");
    assert_eq!(field(&house.accept_with(&token, "").await.unwrap_err()), "password");
    house.stand(tenant, |standing| standing.limits.seats = Some(1));
    assert_eq!(reason(&house.accept(&token).await.unwrap_err()), "SEAT_LIMIT_REACHED");
    house.stand(tenant, |standing| *standing = trinity_access::Standing { writable: false, ..standing.clone() });
    assert_eq!(reason(&house.accept(&token).await.unwrap_err()), "SUBSCRIPTION_EXPIRED");
    house.suspend(tenant, true);
    assert_eq!(reason(&house.accept(&token).await.unwrap_err()), "TENANT_SUSPENDED");
    house.stand(tenant, |standing| *standing = trinity_access::Standing::unlimited());
    house.accept(&token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_gone_or_lost_the_power_lets_nobody_in() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let admin = house.user(&owner, "admin@acme.example").await.unwrap();
    let login = house.login("acme", "admin@acme.example", PASSWORD).await.unwrap();
    house.invite(&login, ADA, &["editor"]).await.unwrap();
    let token = house.letter(ADA, 1).await.token();
    let change = |request: UpdateUserRequest| {
        let request = by(&owner, UpdateUserRequest { user_id: admin.id.clone(), ..request });
        async { house.users().update_user(request).await.unwrap() }
    };
    change(UpdateUserRequest { roles: vec!["viewer".to_owned()], ..Default::default() }).await;
    assert_eq!(reason(&house.accept(&token).await.unwrap_err()), "INVALID_TOKEN");
    change(UpdateUserRequest { roles: vec!["admin".to_owned()], active: Some(false), ..Default::default() }).await;
    assert_eq!(reason(&house.accept(&token).await.unwrap_err()), "INVALID_TOKEN");
    change(UpdateUserRequest { active: Some(true), ..Default::default() }).await;
    assert_eq!(house.accept(&token).await.unwrap().roles, ["editor"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_gone_is_not_given() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let make = "INSERT INTO identity.roles (tenant_id, name, description, permissions)
        VALUES ($1, 'auditor', '', '{audit.read}')";
    house.tamper(sqlx::query(make).bind(tenant_of(&owner))).await;
    house.invite(&owner, ADA, &["auditor"]).await.unwrap();
    house.invite(&owner, "bob@x.example", &["auditor", "editor"]).await.unwrap();
    let (ada, bob) = (house.letter(ADA, 1).await.token(), house.letter("bob@x.example", 1).await.token());
    house.tamper(sqlx::query("DELETE FROM identity.roles")).await;
    assert_eq!(house.accept(&ada).await.unwrap().roles, ["viewer"]);
    assert_eq!(house.accept(&bob).await.unwrap().roles, ["editor"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_invites_beyond_his_own_power_or_who_is_there() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    house.user(&owner, "admin@acme.example").await.unwrap();
    house.user(&owner, "viewer@acme.example").await.unwrap();
    let admin = house.login("acme", "admin@acme.example", PASSWORD).await.unwrap();
    let viewer = house.login("acme", "viewer@acme.example", PASSWORD).await.unwrap();
    let refusal = house.invite(&admin, ADA, &["viewer", "owner"]).await.unwrap_err();
    assert_eq!(refusal.code(), Code::PermissionDenied);
    assert_eq!(house.invite(&viewer, ADA, &[]).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(field(&house.invite(&owner, ADA, &["god"]).await.unwrap_err()), "roles[0]");
    assert_eq!(field(&house.invite(&owner, "ada", &[]).await.unwrap_err()), "email");
    let taken = house.invite(&owner, "viewer@acme.example", &[]).await.unwrap_err();
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "EMAIL_TAKEN"));
    assert_eq!(house.count("SELECT count(*) FROM identity.mails").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenants_invitation_answers_like_none() {
    let house = House::start().await;
    let (owner, foreign) = (house.tenant("acme").await, house.tenant("other").await);
    let theirs = house.invite(&foreign, ADA, &[]).await.unwrap().id;
    let mut answers = Vec::new();
    for invitation_id in [theirs, InvitationId::new().to_string()] {
        let request = RevokeInvitationRequest { invitation_id };
        answers.push(house.accounts().revoke_invitation(by(&owner, request)).await.unwrap_err());
    }
    assert_eq!(reason(&answers[0]), "INVITATION_NOT_FOUND");
    assert_eq!((answers[0].message(), answers[0].details()), (answers[1].message(), answers[1].details()));
    assert!(house.open_invitations(&owner).await.is_empty());
    assert_eq!(house.open_invitations(&foreign).await.len(), 1);
}
