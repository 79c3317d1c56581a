//! The public keys of access tokens.

use trinity_error::Result;
use trinity_proto::identity as pb;

use crate::convert;
use crate::wiring::App;

/// Lists the keys as a JSON Web Key Set.
///
/// # Errors
/// `Unavailable` before the first look into the database.
pub fn jwks(app: &App) -> Result<pb::GetJwksResponse> {
    Ok(pb::GetJwksResponse { keys: app.keys.public_keys()?.into_iter().map(convert::jwk).collect() })
}
