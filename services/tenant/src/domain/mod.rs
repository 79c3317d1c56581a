//! Nouns and rules; pure.

mod budget;
pub(crate) mod flag;
mod host_name;
mod plan;
mod slug;
mod standing;
mod tenant;
pub(crate) mod usage;
mod values;

pub(crate) use budget::{Alert, Budget, NewBudget, percents};
pub(crate) use flag::{Flag, FlagDefault};
pub(crate) use host_name::HostName;
pub(crate) use plan::{Limits, NewSubscription, Plan, Subscription, SubscriptionStatus};
pub(crate) use slug::Slug;
pub(crate) use standing::Standing;
pub(crate) use tenant::{Changes, Life, NewTenant, Status, Tenant};
pub(crate) use usage::Metric;
pub(crate) use values::{MAX_DOMAINS, apps, document, domains, name, text};
