//! Plans, subscriptions and flags.

use trinity_error::{Error, Result};
use trinity_proto::tenant as pb;

use super::{time, timestamp};
use crate::domain::{self, Flag, Limits, NewSubscription, Plan, Subscription, SubscriptionStatus};

impl TryFrom<pb::SetPlanRequest> for Plan {
    type Error = Error;

    fn try_from(request: pb::SetPlanRequest) -> Result<Self> {
        let limits = request.limits.ok_or_else(|| Error::required("limits"))?;
        Ok(Self { name: domain::name(&request.name)?, slug: request.slug, limits: limits.try_into()? })
    }
}

impl TryFrom<pb::Limits> for Limits {
    type Error = Error;

    fn try_from(limits: pb::Limits) -> Result<Self> {
        if i64::try_from(limits.storage_bytes).is_err() {
            return Err(Error::invalid("limits.storage_bytes", "is too large"));
        }
        Ok(Self {
            seats: limits.seats,
            projects: limits.projects,
            concurrent_runs: limits.concurrent_runs,
            concurrent_tasks: limits.concurrent_tasks,
            storage_bytes: limits.storage_bytes,
            requests_per_minute: limits.requests_per_minute,
        })
    }
}

impl From<Limits> for pb::Limits {
    fn from(limits: Limits) -> Self {
        Self {
            seats: limits.seats,
            projects: limits.projects,
            concurrent_runs: limits.concurrent_runs,
            concurrent_tasks: limits.concurrent_tasks,
            storage_bytes: limits.storage_bytes,
            requests_per_minute: limits.requests_per_minute,
        }
    }
}

impl From<Plan> for pb::Plan {
    fn from(plan: Plan) -> Self {
        Self { slug: plan.slug, name: plan.name, limits: Some(plan.limits.into()) }
    }
}

impl TryFrom<pb::SetSubscriptionRequest> for NewSubscription {
    type Error = Error;

    fn try_from(request: pb::SetSubscriptionRequest) -> Result<Self> {
        let status = match pb::SubscriptionStatus::try_from(request.status) {
            Ok(pb::SubscriptionStatus::Unspecified | pb::SubscriptionStatus::Active) => SubscriptionStatus::Active,
            Ok(pb::SubscriptionStatus::Expired) => SubscriptionStatus::Expired,
            Ok(pb::SubscriptionStatus::Suspended) => SubscriptionStatus::Suspended,
            Err(_) => return Err(Error::invalid("status", "is not a status")),
        };
        if request.plan.is_empty() {
            return Err(Error::required("plan"));
        }
        Ok(Self { plan: request.plan, status, ends_at: request.ends_at.map(|at| time("ends_at", at)).transpose()? })
    }
}

impl From<Subscription> for pb::Subscription {
    fn from(subscription: Subscription) -> Self {
        let status = match subscription.status {
            SubscriptionStatus::Active => pb::SubscriptionStatus::Active,
            SubscriptionStatus::Expired => pb::SubscriptionStatus::Expired,
            SubscriptionStatus::Suspended => pb::SubscriptionStatus::Suspended,
        };
        Self {
            plan: subscription.plan,
            status: status.into(),
            starts_at: Some(timestamp(subscription.starts_at)),
            ends_at: subscription.ends_at.map(timestamp),
            limits: Some(subscription.limits.into()),
        }
    }
}

impl From<Flag> for pb::Flag {
    fn from(flag: Flag) -> Self {
        Self { name: flag.name, enabled: flag.enabled, own: flag.own, description: flag.description }
    }
}
