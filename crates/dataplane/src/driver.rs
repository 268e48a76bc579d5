//! What a data plane's driver must do.

use margay_net::Prefix;
use margay_policy::{Changes, Delta, Key, Name, Plan, RuleId};

/// Programs one data plane.
///
/// - A driver makes what is there equal to the Plan, in the order of the deltas or in one transaction: at no moment is traffic let through that
///   neither the old nor the new Plan lets through.
/// - On failure the old state stays in force.
/// - It never decides to try again by itself: that is the [`Reconciler`](crate::Reconciler)'s.
/// - A start-up over state already in place writes nothing.
/// - What is not the driver's own is never touched.
pub trait Driver {
    /// The Plan changed. What can hang is done elsewhere (on a thread of the driver's own); what is bounded, as a kernel transaction is, may be done
    /// at once. Before the first `submit` comes a [`resync`](Self::resync).
    fn submit(&mut self, plan: &Plan, changes: &Changes);

    /// Makes what is really there equal to the Plan, whatever is known or believed: reads back, compares, writes the differences. With an object,
    /// that object at least.
    fn resync(&mut self, plan: &Plan, object: Option<&Object>);

    /// Reads back what is really there, compares it with the Plan, and reports each difference as [`Event::Drift`]. Writes nothing.
    fn observe(&mut self, plan: &Plan);

    /// What happened since it was last asked.
    fn events(&mut self) -> Vec<Event>;

    /// Whether someone else changed, or may have changed, what is the driver's own since it was last asked. Does not wait. A driver that has no way to
    /// hear of it says no: what is there is looked at from time to time anyway.
    fn disturbed(&mut self) -> bool {
        false
    }

    /// Removes every trace of itself.
    ///
    /// # Errors
    /// What could not be removed, in words.
    fn cleanup(&mut self) -> Result<(), String>;
}

impl<D: Driver + ?Sized> Driver for Box<D> {
    fn submit(&mut self, plan: &Plan, changes: &Changes) {
        (**self).submit(plan, changes);
    }

    fn resync(&mut self, plan: &Plan, object: Option<&Object>) {
        (**self).resync(plan, object);
    }

    fn observe(&mut self, plan: &Plan) {
        (**self).observe(plan);
    }

    fn events(&mut self) -> Vec<Event> {
        (**self).events()
    }

    fn disturbed(&mut self) -> bool {
        (**self).disturbed()
    }

    fn cleanup(&mut self) -> Result<(), String> {
        (**self).cleanup()
    }
}

/// Something that a driver programs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Object {
    /// Everything at once: the transaction of a driver that has only those.
    All,
    /// The policy of an endpoint.
    Endpoint(Key),
    /// A policy's rules, for drivers that share them between endpoints.
    Policy(Key),
    /// An IP set, for drivers that share them between rules.
    Set(Name),
    /// The route to a pod CIDR, for drivers that have them; that it is gone, where the Plan has none.
    Route(Prefix),
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Object::All => f.write_str("the whole table"),
            Object::Endpoint(key) => write!(f, "the policy of {key}"),
            Object::Policy(key) => write!(f, "the rules of {key}"),
            Object::Set(name) => write!(f, "IP set {name}"),
            Object::Route(destination) => write!(f, "the route to {destination}"),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The object is as in this revision of the Plan (and stays so until the next event about it).
    Applied {
        /// Which.
        object: Object,
        /// Of the Plan.
        revision: u64,
    },
    /// The object is as it was before.
    Failed {
        /// Which.
        object: Object,
        /// What was tried, what went wrong, and what to do.
        error: String,
        /// Whether it may help to try again.
        retry: Retry,
    },
    /// The data plane can't express a rule. It was narrowed or widened in the closed direction.
    Unsupported {
        /// Which.
        rule: RuleId,
        /// The field it can't express.
        field: &'static str,
        /// What was done instead.
        done: &'static str,
    },
    /// What is there is not what should be.
    Drift {
        /// Which.
        object: Object,
        /// What was found.
        found: String,
    },
}

/// Whether it may help to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Later.
    Backoff,
    /// Only after something changed: the platform can't, or may not.
    Never,
}

/// The objects that changes touch.
pub fn touched<'a>(plan: &'a Plan, changes: &'a Changes) -> impl Iterator<Item = Object> + 'a {
    changes.deltas.iter().filter_map(|delta| match delta {
        Delta::SetAdded(id) | Delta::MembersAdded(id, _) | Delta::MembersRemoved(id, _) => {
            plan.sets.get(*id).map(|set| Object::Set(set.name))
        }
        Delta::SetStaged(id) => plan.sets.get(*id).map(|set| Object::Set(set.name)),
        Delta::SetRemoved(_, set) => Some(Object::Set(set.name)),
        Delta::PolicyPut(id) | Delta::PolicyStaged(id) => {
            plan.policies.get(*id).map(|policy| Object::Policy(policy.key.clone()))
        }
        Delta::PolicyRemoved(_, policy) => Some(Object::Policy(policy.key.clone())),
        Delta::EndpointPut(id) => plan.endpoints.get(*id).map(|endpoint| Object::Endpoint(endpoint.key.clone())),
        Delta::EndpointRemoved(_, endpoint) => Some(Object::Endpoint(endpoint.key.clone())),
        Delta::RouteRemoved(route) if plan.routes.contains_key(&route.destination) => None,
        Delta::RouteRemoved(route) => Some(Object::Route(route.destination)),
        Delta::RouteAdded(destination) => Some(Object::Route(*destination)),
        Delta::StackAdded(_) | Delta::StackStaged(_) | Delta::StackRemoved(..) | Delta::Node(_) => None,
    })
}
