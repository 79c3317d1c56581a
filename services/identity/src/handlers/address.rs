//! Holds off addresses from which too many wrong passwords and codes come.

use std::net::{IpAddr, Ipv6Addr};

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::Result;

use crate::wiring::App;
use crate::{error, store};

/// What one customer of a provider has of IPv6. Source: RFC 6177.
const V6_PREFIX_BITS: u32 = 64;

/// Lets a caller try, unless his address is locked.
///
/// # Errors
/// `ResourceExhausted` `TOO_MANY_ATTEMPTS`.
pub async fn admit(app: &App, ctx: &RequestContext) -> Result<()> {
    let Some(address) = party_at(&ctx.client_ip) else { return Ok(()) };
    let mut tx = app.db.begin_system("address-lock").await?;
    match store::address::locked_seconds(&mut tx, &address).await? {
        Some(seconds) => Err(error::too_many_attempts(seconds)),
        None => Ok(()),
    }
}

/// Counts a wrong password or code against the caller's address, in the transaction that settles it. It comes last
/// there: many wait for the row of one address.
pub async fn blame(tx: &mut PgConnection, ctx: &RequestContext) -> Result<()> {
    match party_at(&ctx.client_ip) {
        Some(address) => store::address::count_failure(tx, &address).await,
        None => Ok(()),
    }
}

/// As [`blame`], where nothing else is to be settled.
pub async fn blame_alone(app: &App, ctx: &RequestContext) -> Result<()> {
    let mut tx = app.db.begin_system("address-blame").await?;
    blame(&mut tx, ctx).await?;
    tx.commit().await?;
    Ok(())
}

/// The address, or the network of it that one party has. None when the edge told none.
fn party_at(address: &str) -> Option<String> {
    Some(match address.parse().ok()? {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => {
                let network = address.to_bits() >> (128 - V6_PREFIX_BITS) << (128 - V6_PREFIX_BITS);
                format!("{}/{V6_PREFIX_BITS}", Ipv6Addr::from_bits(network))
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_is_one_address_however_it_is_written() {
        let pairs = [
            ("192.0.2.7", Some("192.0.2.7")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::/64")),
            ("2001:db8:1:2::9", Some("2001:db8:1:2::/64")),
            ("", None),
            ("somewhere", None),
        ];
        for (text, party) in pairs {
            assert_eq!(party_at(text).as_deref(), party, "{text}");
        }
    }
}
