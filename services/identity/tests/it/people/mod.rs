//! What people do about their own accounts: the identity service alone, beside a tenant service that only knows names.

use std::time::Duration;

mod addresses;
mod house;
mod inbox;
mod invitations;
mod mails;
mod messages;
mod passwords;
mod profiles;
mod seats;
mod second_factor;
mod smtp;
mod tenants;

/// How long anything is waited for.
const WAIT: Duration = Duration::from_secs(20);
