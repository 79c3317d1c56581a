//! Sealing and opening a tenant's secrets under its own data key.

use std::collections::HashMap;

use sqlx::PgConnection;
use trinity_crypto::{DataKey, Sealer, Wrapper};
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use crate::store::tenant_key::{self, TenantKey};

/// The key that a tenant's new secrets are sealed under.
pub struct Current {
    pub generation: i32,
    pub sealer: Sealer,
}

/// The place of a data key, to which its wrapping is bound.
pub fn key_place(tenant: TenantId, generation: i32) -> Vec<u8> {
    [&b"tenant-key/"[..], &tenant.uuid().into_bytes(), &generation.to_be_bytes()].concat()
}

/// The tenant's current key, made now if there is none. It cannot be destroyed before the transaction ends.
///
/// # Errors
/// `Internal` when the master key does not open it.
pub async fn current(tx: &mut PgConnection, wrapper: &Wrapper, tenant: TenantId) -> Result<Current> {
    let known = match tenant_key::find_current(tx, tenant).await? {
        Some(key) => key,
        None => {
            let generation = tenant_key::next_generation(tx, tenant).await?;
            let wrapped = wrapper.wrap(&key_place(tenant, generation), &DataKey::generate()?)?;
            tenant_key::insert(tx, tenant, generation, &wrapped).await?;
            let key = tenant_key::find_current(tx, tenant).await?;
            key.ok_or_else(|| Error::unavailable("the tenant's data key"))?
        }
    };
    Ok(Current { generation: known.generation, sealer: open(wrapper, &known)? })
}

/// Every key of the tenant that is not destroyed, by generation.
///
/// # Errors
/// `Internal` when the master key does not open one.
pub async fn all(tx: &mut PgConnection, wrapper: &Wrapper, tenant: TenantId) -> Result<HashMap<i32, Sealer>> {
    let keys = tenant_key::list(tx, tenant).await?;
    keys.iter().map(|key| Ok((key.generation, open(wrapper, key)?))).collect()
}

fn open(wrapper: &Wrapper, key: &TenantKey) -> Result<Sealer> {
    wrapper
        .unwrap(&key_place(key.tenant_id, key.generation), &key.wrapped)
        .ok_or_else(|| Error::internal("TRINITY_IDENTITY_MASTER_KEY does not open a tenant's data key"))?
        .sealer()
}
