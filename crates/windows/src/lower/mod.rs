//! From an endpoint's part of a Plan to an ordered list of HNS ACLs: exact, or closed and said so.
//!
//! ```text
//! tiers, policies, rules ─► one list of (product of sets, allow or deny) ─► projected ─► widened, simplified ─► ACLs
//!     flatten, region                                             project            list                 emit
//! ```
//!
//! - What a rule matches is a union of **products** of sets: protocols × near addresses × far addresses × near ports × far ports. Each set is closed under
//!   complement, so every `not…` stays exact. Near is the endpoint's own end. A set of pods has no other near address than the endpoint's own; nets there stay as
//!   they are, so that packets to multicast addresses and the like are decided as the rule says.
//! - **The list is total**: its last entry is of every packet. So "pass on" is the rest of the tiers within the product of the rule, and "all but this" may be
//!   written as what the rest of the list says of this, before an entry that takes in all: whichever costs fewer ACLs.
//! - **What HNS can't match is projected**: types and codes of ICMP, ports of other protocols than TCP and UDP. A packet is let through only if each that HNS
//!   can't tell from it is. Such rules are reported.
//! - **Order alone decides**; numbers are the driver's affair. The id of an ACL names what it says, so that the same rule is the same ACL whatever it comes from.
//! - **Bounded**: over the budget, a list is cut off and what is behind is blocked. Whatever is cut, nothing is let through that should not be.
//!
//! Neighbour discovery is a matter of ICMPv6 types, so where ICMPv6 is not let through as a whole, it is not by our ACLs; whether VFP exempts it is \[UNK\].
//!
//! ```
//! use margay_hcn::Version;
//! use margay_policy::Plan;
//! use margay_windows::lower::{Lowering, Target};
//! let plan = Plan::default();
//! assert_eq!(Lowering::new(&plan, &Target::new(Version::new(9, 5))).pods().count(), 0);
//! ```

mod emit;
mod flatten;
mod list;
mod origin;
mod product;
mod project;
mod region;
mod report;

pub use emit::ID_PREFIX;
pub use origin::Origin;
pub use report::Unsupported;

use emit::Writer;
use list::{Bound, Cost, Entry, simplify, widen};
use margay_hcn::{AclRule, Action, Direction as Way, Feature, RuleType, Version};
use margay_policy::{Direction, EndpointId, EndpointStacks, Plan};
use origin::Origins;
use product::Product;
use region::Sets;
use smol_str::SmolStr;

/// Entries of a list while it is made shorter, for each ACL that there is room for: what is longer is hardly ever made to fit.
const MIDWAY: usize = 2;
/// Entries that a list may have while it is made shorter, whatever there is room for.
const SHORT: usize = 500;

/// What ACLs are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The version of HNS.
    pub version: Version,
    /// What an endpoint may cost.
    pub budget: Budget,
}

/// What an endpoint's ACLs may cost, both directions together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// ACLs. What HNS takes is \[UNK\]; a write costs in proportion.
    pub acls: usize,
    /// Addresses and ports in the lists of all of them.
    pub entries: usize,
    /// Addresses in one list: Microsoft recommends a few thousand \[SRC\].
    pub list: usize,
}

impl Default for Budget {
    /// 1,000 ACLs, 40,000 entries, 4,000 in a list.
    fn default() -> Self {
        Self { acls: 1_000, entries: 40_000, list: 4_000 }
    }
}

impl Target {
    /// With the usual budget.
    pub fn new(version: Version) -> Self {
        Self { version, budget: Budget::default() }
    }
}

/// An endpoint's ACLs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lowered {
    /// In the order in which they are to be asked.
    pub rules: Vec<LoweredRule>,
    /// Rules that are closed more than they say.
    pub unsupported: Vec<Unsupported>,
    /// Where the budget was too small: what it would have taken, ACLs and entries, as far as that was worked out.
    pub over_budget: Option<(usize, usize)>,
}

/// An ACL without a number.
#[derive(Clone, Debug, PartialEq)]
pub struct LoweredRule {
    /// What it matches and does.
    pub rule: AclRule,
    /// What it comes from.
    pub origins: Vec<Origin>,
}

/// A Plan as it is lowered: its sets are made once, for all endpoints that are asked for.
pub struct Lowering<'a> {
    plan: &'a Plan,
    sets: Sets<'a>,
    target: &'a Target,
}

impl<'a> Lowering<'a> {
    /// Of a Plan, for this.
    pub fn new(plan: &'a Plan, target: &'a Target) -> Self {
        Self { plan, sets: Sets::new(plan), target }
    }

    /// The ACLs of a pod. None of what is no pod: host endpoints are not enforced on Windows.
    pub fn of(&self, endpoint: EndpointId) -> Lowered {
        lower_one(self.plan, &self.sets, endpoint, self.target)
    }

    /// The ACLs of every pod, in the order of ids.
    pub fn pods(&self) -> impl Iterator<Item = (EndpointId, Lowered)> {
        let pods = self.plan.endpoints.iter().filter(|(_, endpoint)| matches!(endpoint.stacks, EndpointStacks::Pod(_)));
        pods.map(|(id, _)| (id, self.of(id)))
    }
}

fn lower_one(plan: &Plan, sets: &Sets<'_>, id: EndpointId, target: &Target) -> Lowered {
    let Some(endpoint) = plan.endpoints.get(id) else { return Lowered::default() };
    let EndpointStacks::Pod(stack) = endpoint.stacks else { return Lowered::default() };
    let writer = Writer { version: target.version, list: target.budget.list.max(1) };
    let mut lowered = Lowered { rules: host_rules(writer), ..Lowered::default() };
    let mut unsupported = report::unsupported(plan, stack, target.version);
    // Half of the budget for each direction, so that what the one costs never closes the other.
    let fixed = lowered.rules.len();
    let half = Cost { acls: (target.budget.acls.saturating_sub(fixed) / 2).max(1), entries: target.budget.entries / 2 };
    for (direction, way) in [(Direction::Ingress, Way::In), (Direction::Egress, Way::Out)] {
        let mut origins = Origins::default();
        let bound = Bound {
            most: half.acls.saturating_mul(MIDWAY).max(SHORT),
            acls: half.acls,
            over: origins.place(Origin::OverBudget),
        };
        let list = flatten::flatten(plan, sets, endpoint, direction, bound, &mut origins);
        let Closed { list, port_zero, nameless } = closed(list, writer, bound);
        unsupported.extend(report::port_zero(port_zero.iter().map(|place| origins.get(*place))));
        unsupported.extend(report::protocol(nameless.iter().map(|place| origins.get(*place))));
        // What tiers multiply to was cut off already.
        let cut_off: Vec<u16> =
            list.iter().filter(|e| e.origins.contains(&bound.over)).flat_map(|e| e.origins.clone()).collect();
        if !cut_off.is_empty() {
            lowered.over_budget = Some((target.budget.acls + 1, 0));
            unsupported.extend(report::cut(cut_off.iter().map(|place| origins.get(*place))));
        }
        let (list, over) = within_budget(list, writer, half, &mut origins);
        if let Some(cut) = over {
            lowered.over_budget = Some((cut.cost.acls, cut.cost.entries));
            unsupported.extend(report::cut(cut.origins.iter().map(|place| origins.get(*place))));
        }
        for entry in &list {
            let from: Vec<Origin> = entry.origins.iter().map(|place| origins.get(*place).clone()).collect();
            let rules = writer.write(entry, way).into_iter();
            lowered.rules.extend(rules.map(|rule| LoweredRule { rule, origins: from.clone() }));
        }
    }
    unsupported.sort();
    unsupported.dedup();
    lowered.unsupported = unsupported;
    lowered
}

/// ACLs that let nothing through: for an endpoint whose own can't be had.
pub fn blocked(version: Version) -> Vec<AclRule> {
    let writer = Writer { version, list: 1 };
    let last = Entry::new(Product::full(), false, []);
    let blocks = Way::ALL.into_iter().flat_map(|way| writer.write(&last, way));
    host_rules(writer).into_iter().map(|lowered| lowered.rule).chain(blocks).collect()
}

/// What VFP is to decide, the host's own firewall lets through \[SRC\].
fn host_rules(writer: Writer) -> Vec<LoweredRule> {
    let rule = |direction| AclRule {
        id: SmolStr::default(),
        rule_type: RuleType::Host,
        direction,
        action: Action::Allow,
        protocol: None,
        local_addresses: Vec::new(),
        remote_addresses: Vec::new(),
        local_ports: None,
        remote_ports: None,
    };
    let rules = Way::ALL
        .map(|direction| LoweredRule { rule: writer.named(rule(direction)), origins: vec![Origin::HostFirewall] });
    rules.to_vec()
}

/// A list as a version can write it.
struct Closed {
    list: Vec<Entry>,
    /// What is closed more than it says because port 0 can't be named.
    port_zero: Vec<u16>,
    /// The same of protocols.
    nameless: Vec<u16>,
}

/// A list as this version can write it, as small as we know how.
fn closed(list: Vec<Entry>, writer: Writer, bound: Bound) -> Closed {
    let cost = |product: &Product| writer.cost(product);
    let list = project::project(list);
    let list = project::name(list, writer.version);
    let list = if writer.version.has(Feature::Ipv6DualStack) { list } else { project::without_ipv6(list) };
    let list = widen(bound.cut(simplify(list)), &cost, bound);
    let (list, port_zero) = project::without_port_zero(simplify(list), writer.version);
    let (mut list, nameless) = project::without_nameless(list, writer.version);
    // The last entry is of every packet and says so.
    if list.last().is_none_or(|last| !last.product.is_full()) {
        list.push(Entry::new(Product::full(), false, []));
    }
    Closed { list, port_zero, nameless }
}

/// What was cut off.
struct Cut {
    cost: Cost,
    origins: Vec<u16>,
}

/// As much of the list as the budget has room for, the rest blocked.
fn within_budget(list: Vec<Entry>, writer: Writer, budget: Cost, origins: &mut Origins) -> (Vec<Entry>, Option<Cut>) {
    let costs: Vec<Cost> = list.iter().map(|entry| writer.cost(&entry.product)).collect();
    let all: Cost = costs.iter().copied().sum();
    let fits = |cost: Cost| cost.acls <= budget.acls && cost.entries <= budget.entries;
    if fits(all) {
        return (list, None);
    }
    let (mut used, mut kept) = (Cost { acls: 1, entries: 0 }, 0);
    for cost in costs {
        used = [used, cost].into_iter().sum();
        if !fits(used) {
            break;
        }
        kept += 1;
    }
    let mut list = list;
    let gone = list.split_off(kept);
    let mut cut: Vec<u16> = gone.into_iter().flat_map(|entry| entry.origins).collect();
    cut.sort_unstable();
    cut.dedup();
    let last = Entry::new(Product::full(), false, [origins.place(Origin::OverBudget)]);
    list.push(last);
    (list, Some(Cut { cost: all, origins: cut }))
}
