//! What belongs to each type of event, as the API shows it: not as the journal stores it.

use super::super::view::{Items, Moment};
use crate::domain::{
    Announce, Deadline, Event, Intervention, Migrated, Role, Status, TaskKind, Timestamp,
};
use serde::Serialize;

/// The members of one event.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Data<'a> {
    /// `order_placed`.
    Placed {
        restaurant_id: &'a str,
        customer_id: &'a str,
        items: Items<'a>,
        total_minor: i64,
        currency: &'a str,
        announce: Announce,
        accept_by: Moment,
        complete_by: Moment,
        flow_version: i32,
        policy_version: u32,
    },
    /// `restaurant_notified`.
    RestaurantNotified { channel: &'a str, attempts: u32 },
    /// `restaurant_reminded`.
    Reminded { reminder: u32 },
    /// `order_accepted`.
    Accepted {
        decided_by: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        ready_by: Option<Moment>,
        #[serde(skip_serializing_if = "Option::is_none")]
        intervention: Option<&'a Intervention>,
    },
    /// `order_completed`.
    Completed {
        decided_by: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        intervention: Option<&'a Intervention>,
    },
    /// `order_rejected`.
    Refused {
        decided_by: &'static str,
        reason: &'a str,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        items: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        intervention: Option<&'a Intervention>,
    },
    /// `order_cancelled`.
    Cancelled {
        decided_by: &'static str,
        reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        intervention: Option<&'a Intervention>,
    },
    /// `order_expired`.
    Expired { accept_by: Moment },
    /// `user_notified`.
    UserNotified { notification: &'static str, channel: &'a str, attempts: u32 },
    /// `order_timed_out`.
    TimedOut { complete_by: Moment },
    /// `notification_failed`.
    Failed {
        task: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        notification: Option<&'static str>,
        attempts: u32,
        cause: &'a str,
    },
    /// `order_redriven`.
    Redriven {
        redriven_by: &'static str,
        from: &'static str,
        accept_by: Moment,
        complete_by: Moment,
        #[serde(skip_serializing_if = "Option::is_none")]
        intervention: Option<&'a Intervention>,
    },
    /// `deadline_extended`.
    Extended {
        extended_by: &'static str,
        deadline: &'static str,
        from: Moment,
        to: Moment,
        #[serde(skip_serializing_if = "Option::is_none")]
        intervention: Option<&'a Intervention>,
    },
    /// `task_redriven`.
    TaskRedriven {
        task: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        notification: Option<&'static str>,
        was: &'static str,
        redriven_by: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        intervention: Option<&'a Intervention>,
    },
    /// `flow_migrated`.
    Migrated {
        migrated_by: &'static str,
        from_flow: i32,
        from_policy: u32,
        flow_version: i32,
        policy_version: u32,
        accept_by: Moment,
        complete_by: Moment,
        #[serde(skip_serializing_if = "Option::is_none")]
        intervention: Option<&'a Intervention>,
    },
}

fn accepted(
    by: Role,
    ready_by: Option<Timestamp>,
    intervention: Option<&Intervention>,
) -> Data<'_> {
    Data::Accepted { decided_by: by.as_str(), ready_by: ready_by.map(Moment::from), intervention }
}

fn completed(by: Role, intervention: Option<&Intervention>) -> Data<'_> {
    Data::Completed { decided_by: by.as_str(), intervention }
}

fn refused<'a>(
    by: Role,
    reason: &'a str,
    items: &'a [String],
    intervention: Option<&'a Intervention>,
) -> Data<'a> {
    Data::Refused { decided_by: by.as_str(), reason, items, intervention }
}

fn failed(task: TaskKind, attempts: u32, cause: &str) -> Data<'_> {
    Data::Failed { task: task.as_str(), notification: notification(task), attempts, cause }
}

impl<'a> Data<'a> {
    /// What belongs to `event`.
    pub fn of(event: &'a Event) -> Self {
        match event {
            Event::OrderPlaced {
                restaurant_id,
                customer_id,
                items,
                total_minor,
                currency,
                announce,
                accept_by,
                complete_by,
                flow_version,
                policy,
            } => Self::Placed {
                restaurant_id,
                customer_id,
                items: Items(items),
                total_minor: *total_minor,
                currency,
                announce: *announce,
                accept_by: (*accept_by).into(),
                complete_by: (*complete_by).into(),
                flow_version: flow_version.number(),
                policy_version: policy.version,
            },
            Event::RestaurantNotified { channel, attempts } => {
                Self::RestaurantNotified { channel, attempts: *attempts }
            }
            Event::RestaurantReminded { reminder } => Self::Reminded { reminder: *reminder },
            Event::OrderAccepted { decided_by, ready_by, intervention } => {
                accepted(*decided_by, *ready_by, intervention.as_ref())
            }
            Event::OrderCompleted { decided_by, intervention } => {
                completed(*decided_by, intervention.as_ref())
            }
            Event::OrderRejected { decided_by, reason, items, intervention } => {
                refused(*decided_by, reason, items, intervention.as_ref())
            }
            Event::OrderCancelled { decided_by, reason, intervention } => Self::Cancelled {
                decided_by: decided_by.as_str(),
                reason,
                intervention: intervention.as_ref(),
            },
            Event::OrderExpired { accept_by } => Self::Expired { accept_by: (*accept_by).into() },
            Event::UserNotified { notification, channel, attempts } => Self::UserNotified {
                notification: notification.as_str(),
                channel,
                attempts: *attempts,
            },
            Event::OrderTimedOut { complete_by } => {
                Self::TimedOut { complete_by: (*complete_by).into() }
            }
            Event::NotificationFailed { task, attempts, cause } => failed(*task, *attempts, cause),
            Event::OrderRedriven { redriven_by, from, accept_by, complete_by, intervention } => {
                let moments = (*accept_by, *complete_by);
                Self::redriven(*redriven_by, *from, moments, intervention.as_ref())
            }
            Event::DeadlineExtended { extended_by, deadline, from, to, intervention } => {
                Self::extended(*extended_by, *deadline, (*from, *to), intervention.as_ref())
            }
            Event::TaskRedriven { task, was, redriven_by, intervention } => Self::TaskRedriven {
                task: task.as_str(),
                notification: notification(*task),
                was: was.as_str(),
                redriven_by: redriven_by.as_str(),
                intervention: intervention.as_ref(),
            },
            Event::FlowMigrated(migrated) => Self::migrated(migrated),
        }
    }
}

impl<'a> Data<'a> {
    /// The same without who of the staff acted and why.
    pub fn without_intervention(mut self) -> Self {
        if let Self::Accepted { intervention, .. }
        | Self::Completed { intervention, .. }
        | Self::Refused { intervention, .. }
        | Self::Cancelled { intervention, .. }
        | Self::Redriven { intervention, .. }
        | Self::Extended { intervention, .. }
        | Self::TaskRedriven { intervention, .. }
        | Self::Migrated { intervention, .. } = &mut self
        {
            *intervention = None;
        }
        self
    }

    fn redriven(
        by: Role,
        from: Status,
        (accept_by, complete_by): (Timestamp, Timestamp),
        intervention: Option<&'a Intervention>,
    ) -> Self {
        let (accept_by, complete_by) = (accept_by.into(), complete_by.into());
        let (redriven_by, from) = (by.as_str(), from.as_str());
        Self::Redriven { redriven_by, from, accept_by, complete_by, intervention }
    }

    fn migrated(migrated: &'a Migrated) -> Self {
        Self::Migrated {
            migrated_by: migrated.migrated_by.as_str(),
            from_flow: migrated.from_flow.number(),
            from_policy: migrated.from_policy,
            flow_version: migrated.flow_version.number(),
            policy_version: migrated.policy.version,
            accept_by: migrated.accept_by.into(),
            complete_by: migrated.complete_by.into(),
            intervention: migrated.intervention.as_ref(),
        }
    }

    fn extended(
        by: Role,
        deadline: Deadline,
        (from, to): (Timestamp, Timestamp),
        intervention: Option<&'a Intervention>,
    ) -> Self {
        let (extended_by, deadline) = (by.as_str(), deadline.as_str());
        Self::Extended { extended_by, deadline, from: from.into(), to: to.into(), intervention }
    }
}

fn notification(task: TaskKind) -> Option<&'static str> {
    match task {
        TaskKind::NotifyUser(notification) => Some(notification.as_str()),
        _ => None,
    }
}
