//! Mails that other services send to people of a tenant.

use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{TenantId, UserId};
use trinity_proto::identity as pb;
use uuid::Uuid;

use crate::domain::{Email, Mail};
use crate::store::mail_request;
use crate::wiring::App;

const MAX_PEOPLE: usize = 200;
const MAX_SUBJECT_CHARS: usize = 200;
const MAX_TEXT_BYTES: usize = 64 << 10;

/// Leaves a mail to each of the people who is an active user of the tenant; once for each request id.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub async fn send(app: &App, ctx: &RequestContext, request: &pb::SendMailRequest) -> Result<pb::SendMailResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    let id: Uuid = parse_id("id", &request.id)?;
    let (subject, text) = content(request)?;
    let users = request.user_ids.iter().map(|id| parse_id("user_ids", id)).collect::<Result<Vec<UserId>>>()?;
    // Why no fault: what is no address belongs to nobody.
    let emails: Vec<String> = (request.emails.iter())
        .filter_map(|text| Email::parse(text).ok())
        .map(|email| email.as_str().to_owned())
        .collect();
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    if let Some(mails) = mail_request::take(&mut tx, tenant, id).await? {
        return Ok(pb::SendMailResponse { mails: mails.unsigned_abs() });
    }
    let recipients = mail_request::list_recipients(&mut tx, tenant, &users, &emails).await?;
    for recipient in &recipients {
        let mail = Mail::message(recipient, subject.to_owned(), text.to_owned());
        app.mailroom.leave(&mut tx, tenant, &mail).await?;
    }
    let mails = i32::try_from(recipients.len()).unwrap_or(i32::MAX);
    mail_request::note(&mut tx, tenant, id, mails).await?;
    tx.commit().await?;
    app.mailroom.wake();
    Ok(pb::SendMailResponse { mails: mails.unsigned_abs() })
}

/// What the mail says, if it can be sent.
fn content(request: &pb::SendMailRequest) -> Result<(&str, &str)> {
    if request.user_ids.len() + request.emails.len() > MAX_PEOPLE {
        return Err(Error::invalid("emails", "are too many people for one mail"));
    }
    let subject = request.subject.trim();
    if subject.is_empty() {
        return Err(Error::required("subject"));
    }
    if subject.chars().count() > MAX_SUBJECT_CHARS || subject.contains(char::is_control) {
        return Err(Error::invalid("subject", "is one line of at most 200 characters"));
    }
    if request.text.len() > MAX_TEXT_BYTES || request.text.contains('\0') {
        return Err(Error::invalid("text", "is plain text of at most 64 KiB"));
    }
    Ok((subject, &request.text))
}
