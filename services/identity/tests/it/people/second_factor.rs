//! The second factor: codes that work once, and recovery codes.

use std::time::{Duration, SystemTime};

use futures::future::join_all;
use tonic::{Code, Status};
use trinity_crypto::TotpSecret;
use trinity_proto::identity::{
    ConfirmTotpRequest, DisableTotpRequest, EnrollTotpRequest, EnrollTotpResponse, GetMeRequest, LoginResponse,
    ReplaceRecoveryCodesRequest, VerifyMfaRequest, VerifyMfaResponse,
};

use super::house::{House, PASSWORD, by, tenant_of};
use crate::stack::{field, reason};

const OWNER: &str = "owner@acme.example";

/// An authenticator app, and the recovery codes on paper.
struct Phone {
    secret: TotpSecret,
    recovery_codes: Vec<String>,
}

impl Phone {
    fn code(&self) -> String {
        self.secret.code_at(SystemTime::now())
    }

    /// The code of the step after this one, which is taken too.
    fn next_code(&self) -> String {
        self.secret.code_at(SystemTime::now() + Duration::from_secs(30))
    }

    /// A code that no neighbouring step has.
    fn wrong_code(&self) -> String {
        let far = |minutes: u64| self.secret.code_at(SystemTime::now() + Duration::from_secs(minutes * 60));
        (10..).map(far).find(|code| self.secret.step_of(code, SystemTime::now()).is_none()).unwrap()
    }
}

impl House {
    async fn enroll(&self, login: &LoginResponse, password: &str) -> Result<EnrollTotpResponse, Status> {
        let request = EnrollTotpRequest { password: password.to_owned() };
        Ok(self.accounts().enroll_totp(by(login, request)).await?.into_inner())
    }

    async fn confirm(&self, login: &LoginResponse, code: &str) -> Result<Vec<String>, Status> {
        let request = ConfirmTotpRequest { code: code.to_owned() };
        Ok(self.accounts().confirm_totp(by(login, request)).await?.into_inner().recovery_codes)
    }

    async fn phone(&self, login: &LoginResponse) -> Phone {
        let secret = base32(&self.enroll(login, PASSWORD).await.unwrap().secret);
        let recovery_codes = self.confirm(login, &secret.code_at(SystemTime::now())).await.unwrap();
        self.forget_steps().await;
        Phone { secret, recovery_codes }
    }

    /// As if the codes so far had been given long ago.
    async fn forget_steps(&self) {
        self.tamper(sqlx::query("UPDATE identity.totp_secrets SET last_step = 0")).await;
    }

    async fn first_step(&self) -> String {
        let login = self.login("acme", OWNER, PASSWORD).await.unwrap();
        assert!(login.access_token.is_empty() && login.refresh_token.is_empty() && login.user.is_none());
        login.mfa_token
    }

    async fn second_step(&self, mfa_token: &str, code: &str) -> Result<VerifyMfaResponse, Status> {
        let request = VerifyMfaRequest { mfa_token: mfa_token.to_owned(), code: code.to_owned() };
        Ok(self.auth().verify_mfa(request).await?.into_inner())
    }

    async fn disable(&self, login: &LoginResponse, password: &str, code: &str) -> Result<(), Status> {
        let request = DisableTotpRequest { password: password.to_owned(), code: code.to_owned() };
        self.accounts().disable_totp(by(login, request)).await.map(|_| ())
    }

    async fn failures(&self) -> i64 {
        self.count("SELECT failed_attempts::bigint FROM identity.users WHERE email = 'owner@acme.example'").await
    }
}

fn base32(text: &str) -> TotpSecret {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = text.chars().map(|c| format!("{:05b}", alphabet.find(c).unwrap())).collect();
    let bytes = bits.as_bytes().chunks_exact(8);
    let bytes: Vec<u8> = bytes.map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap()).collect();
    TotpSecret::from_bytes(&bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_takes_two_steps_once_the_app_is_confirmed() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    assert_eq!(reason(&house.enroll(&owner, "something else entirely").await.unwrap_err()), "WRONG_PASSWORD");
    assert_eq!(reason(&house.confirm(&owner, "123456").await.unwrap_err()), "TOTP_NOT_ENROLLED");
    let enrolled = house.enroll(&owner, PASSWORD).await.unwrap();
    let head = format!("otpauth://totp/Trinity:owner%40acme.example?secret={}&issuer=Trinity", enrolled.secret);
    assert!(enrolled.otpauth_url.starts_with(&head), "{}", enrolled.otpauth_url);
    let secret = base32(&enrolled.secret);
    let login = house.login("acme", OWNER, PASSWORD).await.unwrap();
    assert!(!login.access_token.is_empty(), "nothing changes before it is confirmed");
    let wrong = Phone { secret: secret.clone(), recovery_codes: Vec::new() }.wrong_code();
    assert_eq!(reason(&house.confirm(&owner, &wrong).await.unwrap_err()), "WRONG_CODE");
    let codes = house.confirm(&owner, &secret.code_at(SystemTime::now())).await.unwrap();
    assert_eq!(codes.len(), 10);
    assert_eq!(reason(&house.enroll(&owner, PASSWORD).await.unwrap_err()), "MFA_ENABLED");

    house.forget_steps().await;
    let mfa_token = house.first_step().await;
    let done = house.second_step(&mfa_token, &secret.code_at(SystemTime::now())).await.unwrap();
    assert!(done.user.as_ref().unwrap().mfa_enabled && done.user.as_ref().unwrap().last_login_at.is_some());
    let login = LoginResponse { access_token: done.access_token, ..Default::default() };
    house.auth().get_me(by(&login, GetMeRequest {})).await.unwrap();
    assert_eq!(house.events("mfa.enable").await.len(), 1);
    assert_eq!(house.events("auth.login").await.len(), 3, "the first step alone is no login");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_works_once_however_many_try_it() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let phone = house.phone(&owner).await;
    let code = phone.code();
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(house.first_step().await);
    }
    let answers = join_all(tokens.iter().map(|token| house.second_step(token, &code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refusal in answers.into_iter().filter_map(Result::err) {
        assert_eq!((refusal.code(), reason(&refusal).as_str()), (Code::Unauthenticated, "INVALID_MFA_CODE"));
    }
    let again = house.first_step().await;
    assert_eq!(reason(&house.second_step(&again, &code).await.unwrap_err()), "INVALID_MFA_CODE");
    house.second_step(&again, &phone.next_code()).await.unwrap();
    assert_eq!(reason(&house.second_step(&again, &phone.code()).await.unwrap_err()), "INVALID_MFA_TOKEN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_step_is_good_once_for_five_minutes_in_its_own_tenant() {
    let house = House::start().await;
    let (owner, foreign) = (house.tenant("acme").await, house.tenant("other").await);
    let phone = house.phone(&owner).await;
    let token = house.first_step().await;
    let crossed = token.replace(&tenant_of(&owner).to_string(), &tenant_of(&foreign).to_string());
    for bad in [crossed.as_str(), &token[..token.len() - 1], &token.replacen("mfa_", "reset_", 1), "x"] {
        let refusal = house.second_step(bad, &phone.code()).await.unwrap_err();
        assert_eq!((refusal.code(), reason(&refusal).as_str()), (Code::Unauthenticated, "INVALID_MFA_TOKEN"), "{bad}");
    }
    assert_eq!(field(&house.second_step(&token, " ").await.unwrap_err()), "code");
    let age = "UPDATE identity.one_time_tokens SET expires_at = expires_at - interval '5 min' WHERE purpose = 'mfa'";
    house.tamper(sqlx::query(age)).await;
    assert_eq!(reason(&house.second_step(&token, &phone.code()).await.unwrap_err()), "INVALID_MFA_TOKEN");
    let token = house.first_step().await;
    house.suspend(tenant_of(&owner), true);
    assert_eq!(reason(&house.second_step(&token, &phone.code()).await.unwrap_err()), "TENANT_SUSPENDED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_code_works_once() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let phone = house.phone(&owner).await;
    let typed = phone.recovery_codes[3].to_uppercase().replace('-', "");
    let (one, two) = (house.first_step().await, house.first_step().await);
    let answers = tokio::join!(house.second_step(&one, &typed), house.second_step(&two, &typed));
    assert_ne!(answers.0.is_ok(), answers.1.is_ok());
    let token = house.first_step().await;
    assert_eq!(reason(&house.second_step(&token, &typed).await.unwrap_err()), "INVALID_MFA_CODE");
    house.second_step(&token, &phone.recovery_codes[4]).await.unwrap();

    let request = ReplaceRecoveryCodesRequest { password: PASSWORD.to_owned(), code: phone.recovery_codes[5].clone() };
    let fresh = house.accounts().replace_recovery_codes(by(&owner, request)).await.unwrap().into_inner().recovery_codes;
    assert!(fresh.len() == 10 && fresh.iter().all(|code| !phone.recovery_codes.contains(code)));
    let token = house.first_step().await;
    assert!(house.second_step(&token, &phone.recovery_codes[6]).await.is_err());
    house.second_step(&token, &fresh[0]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_codes_locks_the_account_and_the_password_alone_gives_no_new_tries() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let phone = house.phone(&owner).await;
    let wrong = phone.wrong_code();
    for tries in 1..=4 {
        let token = house.first_step().await;
        assert_eq!(reason(&house.second_step(&token, &wrong).await.unwrap_err()), "INVALID_MFA_CODE");
        assert_eq!(house.failures().await, tries, "the right password forgot nothing");
    }
    let token = house.first_step().await;
    house.tamper(sqlx::query("UPDATE identity.users SET failed_attempts = 14")).await;
    assert!(house.second_step(&token, &wrong).await.is_err());
    assert_eq!(reason(&house.second_step(&token, &phone.code()).await.unwrap_err()), "INVALID_MFA_CODE", "locked");
    assert_eq!(house.failures().await, 15);
    assert!(house.login("acme", OWNER, PASSWORD).await.is_err(), "locked");
    house.tamper(sqlx::query("UPDATE identity.users SET locked_until = now()")).await;
    house.second_step(&token, &phone.code()).await.unwrap();
    assert_eq!(house.failures().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turning_it_off_asks_for_both_and_for_a_password_that_can_stand_alone() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let phone = house.phone(&owner).await;
    assert_eq!(
        reason(&house.disable(&owner, "something else entirely", &phone.code()).await.unwrap_err()),
        "WRONG_PASSWORD"
    );
    assert_eq!(reason(&house.disable(&owner, PASSWORD, &phone.wrong_code()).await.unwrap_err()), "WRONG_CODE");
    house.change_password(&owner, PASSWORD, "7okapi-q").await.unwrap();
    assert_eq!(reason(&house.disable(&owner, "7okapi-q", &phone.code()).await.unwrap_err()), "PASSWORD_TOO_SHORT");
    house.change_password(&owner, "7okapi-q", PASSWORD).await.unwrap();
    let pending = house.first_step().await;
    house.disable(&owner, PASSWORD, &phone.code()).await.unwrap();
    assert_eq!(reason(&house.disable(&owner, PASSWORD, "123456").await.unwrap_err()), "MFA_NOT_ENABLED");
    assert_eq!(reason(&house.second_step(&pending, &phone.next_code()).await.unwrap_err()), "INVALID_MFA_TOKEN");
    let login = house.login("acme", OWNER, PASSWORD).await.unwrap();
    assert!(!login.access_token.is_empty() && !login.user.unwrap().mfa_enabled);
    assert_eq!(house.count("SELECT count(*) FROM identity.recovery_codes").await, 0);
    assert_eq!(field(&house.change_password(&owner, PASSWORD, "7okapi-q").await.unwrap_err()), "new_password");
    assert!(house.letter(OWNER, 3).await.text.contains("turned off"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_does_not_go_around_the_second_factor() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let phone = house.phone(&owner).await;
    let pending = house.first_step().await;
    house.ask_reset("acme", OWNER).await.unwrap();
    let token = house.letter(OWNER, 1).await.token();
    house.reset(&token, "7okapi-q").await.expect("8 characters are enough beside it");
    assert_eq!(reason(&house.second_step(&pending, &phone.code()).await.unwrap_err()), "INVALID_MFA_TOKEN");
    let login = house.login("acme", OWNER, "7okapi-q").await.unwrap();
    assert!(login.access_token.is_empty());
    house.second_step(&login.mfa_token, &phone.code()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_sealed_and_opens_for_its_owner_alone() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let phone = house.phone(&owner).await;
    let mut admin = house.db.admin().await;
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT sealed_secret FROM identity.totp_secrets").fetch_one(&mut admin).await.unwrap();
    assert!(!sealed.windows(20).any(|window| window == phone.secret.bytes()));
    let kept: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT digest FROM identity.recovery_codes").fetch_all(&mut admin).await.unwrap();
    assert!(kept.len() == 10 && kept.iter().all(|digest| digest.len() == 32), "SHA-256 alone");

    let eve = house.user(&owner, "eve@acme.example").await.unwrap();
    let copy = "INSERT INTO identity.totp_secrets (tenant_id, user_id, sealed_secret, key_generation, confirmed)
        SELECT tenant_id, $1::uuid, sealed_secret, key_generation, true FROM identity.totp_secrets";
    house.tamper(sqlx::query(copy).bind(&eve.id)).await;
    house.tamper(sqlx::query("UPDATE identity.users SET mfa_enabled = true")).await;
    let login = house.login("acme", "eve@acme.example", PASSWORD).await.unwrap();
    let refusal = house.second_step(&login.mfa_token, &phone.code()).await.unwrap_err();
    assert_eq!(refusal.code(), Code::Internal, "another's secret does not open");
}
