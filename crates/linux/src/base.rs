//! Base chains: what packets meet first. They exist only while something needs them.
//!
//! Each is a place of its own: what a pod may send, what a pod may be sent, and for each stage of a host endpoint. `accept` in one leads to the next.
//! The first rule lets established connections through.

use crate::Options;
use crate::names::{self, Lane, Tracking};
use crate::rule::address_type;
use margay_net::{Family, Protocol};
use margay_nftables::expr::{CtState, InlineSet, Load, MetaKey, PayloadField};
use margay_nftables::{BaseChain, Chain, Data, Element, FieldType, Hook, Rule, SetKey, Verdict};
use margay_policy::{Direction, Settings, ToHost};

/// Just after raw table rules of others (-300); connection tracking is at -200.
const RAW: i32 = -299;
/// Just before destination NAT (-100).
const PRE_DNAT: i32 = -149;
/// Around the usual place of filters.
pub(crate) const FILTER: i32 = -5;

/// What base chains are made for.
pub(crate) struct Wanted<'a> {
    pub(crate) options: &'a Options,
    pub(crate) settings: &'a Settings,
    pub(crate) families: &'a [Family],
    /// Whether a pod has a chain in this direction and family.
    pub(crate) dispatches: &'a dyn Fn(Direction, Family) -> bool,
    /// Whether there are pods of a family.
    pub(crate) pods: &'a dyn Fn(Family) -> bool,
    /// Host endpoints: those that name an interface first.
    pub(crate) hosts: &'a [HostChains],
}

/// The chains of a host endpoint, by stage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HostChains {
    /// Its interface; `*` is every interface not named by another; empty where it names none.
    pub(crate) interface: String,
    /// For each stage and direction, the stable name of the stack, where it has a chain.
    pub(crate) untracked: [Option<margay_policy::Name>; 2],
    pub(crate) pre_dnat: [Option<margay_policy::Name>; 2],
    pub(crate) normal: [Option<margay_policy::Name>; 2],
    pub(crate) forward: [Option<margay_policy::Name>; 2],
}

/// Index of a direction in [`HostChains`].
pub(crate) fn way(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => 0,
        Direction::Egress => 1,
    }
}

type Built = (Chain, Vec<Rule>);

/// Every base chain that is needed.
pub(crate) fn base_chains(wanted: &Wanted<'_>) -> Vec<Built> {
    let mut chains = Vec::new();
    chains.extend(spoofing(wanted));
    chains.extend(pods(wanted, "forward-from-pods", Hook::Forward, FILTER + 1, Direction::Egress));
    chains.extend(pods(wanted, "input-from-pods", Hook::Input, FILTER + 1, Direction::Egress));
    chains.extend(pods(wanted, "forward-to-pods", Hook::Forward, FILTER + 2, Direction::Ingress));
    chains.extend(to_host(wanted));
    chains.extend(hosts(wanted));
    chains
}

pub(crate) fn chain(name: &str, hook: Hook, priority: i32) -> Chain {
    Chain::base(name, BaseChain::filter(hook, priority))
}

pub(crate) fn of_family(family: Family) -> Rule {
    let number = match family {
        Family::V4 => libc::NFPROTO_IPV4,
        Family::V6 => libc::NFPROTO_IPV6,
    };
    Rule::new().meta(MetaKey::NfProto).eq(number as u8)
}

pub(crate) fn source(family: Family) -> PayloadField {
    match family {
        Family::V4 => PayloadField::IP_SADDR,
        Family::V6 => PayloadField::IP6_SADDR,
    }
}

pub(crate) fn destination(family: Family) -> PayloadField {
    match family {
        Family::V4 => PayloadField::IP_DADDR,
        Family::V6 => PayloadField::IP6_DADDR,
    }
}

/// The address of the endpoint's own end.
fn own(direction: Direction, family: Family) -> PayloadField {
    match direction {
        Direction::Egress => source(family),
        Direction::Ingress => destination(family),
    }
}

/// The address of the other end: for a host endpoint of `*`, what comes in is from a pod of the node by its source, what goes out to one by its
/// destination; neither is its traffic.
fn other(direction: Direction, family: Family) -> PayloadField {
    match direction {
        Direction::Egress => destination(family),
        Direction::Ingress => source(family),
    }
}

pub(crate) fn established() -> Rule {
    Rule::new().ct_state(CtState::ESTABLISHED | CtState::RELATED).verdict(Verdict::Accept)
}

/// ICMPv6 neighbour discovery (RFC 4861) and multicast listener messages (RFC 2710, RFC 3810).
pub(crate) fn neighbour_discovery() -> Rule {
    let types = [130u8, 131, 132, 133, 134, 135, 136, 143];
    Rule::new()
        .meta(MetaKey::L4Proto)
        .eq(Protocol::ICMPV6.0)
        .payload(PayloadField::ICMP_TYPE)
        .any_of(FieldType::ICMPV6_TYPE, types.map(|kind| Data::new(&[kind])))
        .verdict(Verdict::Accept)
        .with_comment("neighbour discovery always works")
}

fn pods(wanted: &Wanted<'_>, name: &str, hook: Hook, priority: i32, direction: Direction) -> Option<Built> {
    let families: Vec<Family> =
        wanted.families.iter().copied().filter(|family| (wanted.dispatches)(direction, *family)).collect();
    if families.is_empty() {
        return None;
    }
    let mut rules = vec![established()];
    if wanted.options.drop_invalid {
        for family in &families {
            rules.push(
                of_family(*family)
                    .ct_state(CtState::INVALID)
                    .payload(own(direction, *family))
                    .lookup(names::pods(*family))
                    .verdict(Verdict::Drop)
                    .with_comment("of no connection, and begins none"),
            );
        }
    }
    if families.contains(&Family::V6) {
        rules.push(neighbour_discovery());
    }
    for family in &families {
        if hook == Hook::Forward {
            rules.push(
                of_family(*family)
                    .load(&[Load::Payload(source(*family)), Load::Payload(destination(*family))])
                    .lookup(names::itself(*family))
                    .verdict(Verdict::Accept)
                    .with_comment("a pod may reach itself"),
            );
        }
        let own = own(direction, *family);
        rules.push(of_family(*family).payload(own).verdict_map(names::dispatch(direction, *family)));
        // Rules are of the generation in which a packet enters a base chain, elements of that in which they are looked up. A packet that a commit
        // overtakes in between may find no element, or be sent to a chain that is empty yet: it comes here.
        rules.push(
            of_family(*family)
                .payload(own)
                .lookup(names::pods(*family))
                .verdict(Verdict::Drop)
                .with_comment("overtaken by a change"),
        );
    }
    Some((chain(name, hook, priority), rules))
}

/// `endpointToHostAction` Drop: what pods send to their own node is dropped after their egress policy.
fn to_host(wanted: &Wanted<'_>) -> Option<Built> {
    let families: Vec<Family> = wanted.families.iter().copied().filter(|family| (wanted.pods)(*family)).collect();
    if wanted.settings.endpoint_to_host != ToHost::Drop || families.is_empty() {
        return None;
    }
    let mut rules = vec![established(), neighbour_discovery()];
    for family in families {
        rules.push(
            of_family(family)
                .payload(source(family))
                .lookup(names::pods(family))
                .verdict(Verdict::Drop)
                .with_comment("endpointToHostAction"),
        );
    }
    Some((chain("input-pods-to-host", Hook::Input, FILTER + 2), rules))
}

/// Packets from an interface whose addresses are known, with another source address, are dropped.
fn spoofing(wanted: &Wanted<'_>) -> Option<Built> {
    if wanted.options.interfaces.is_empty() {
        return None;
    }
    let from_known = |family| of_family(family).meta(MetaKey::IifName).lookup(names::INTERFACES);
    let mut rules = vec![
        from_known(Family::V6)
            .meta(MetaKey::L4Proto)
            .eq(Protocol::ICMPV6.0)
            .payload(PayloadField { len: 2, ..PayloadField::IP6_SADDR })
            .eq(Data::be16(0xfe80))
            .verdict(Verdict::Accept)
            .with_comment("link-local neighbour discovery"),
        from_known(Family::V6)
            .meta(MetaKey::L4Proto)
            .eq(Protocol::ICMPV6.0)
            .payload(PayloadField::IP6_SADDR)
            .eq(Data::new(&[0; 16]))
            .verdict(Verdict::Accept)
            .with_comment("duplicate address detection"),
    ];
    for family in Family::ALL {
        rules.push(
            from_known(family)
                .load(&[Load::Meta(MetaKey::IifName), Load::Payload(source(family))])
                .lookup_missing(names::bound(family))
                .verdict(Verdict::Drop)
                .with_comment("not an address of the pod behind this interface"),
        );
    }
    Some((chain("spoofing", Hook::Prerouting, RAW - 1), rules))
}

/// The sets of the spoofing rules: the interfaces, and the addresses behind each.
pub(crate) fn bound_sets(options: &Options) -> Vec<(margay_nftables::Set, Vec<Element>)> {
    use margay_nftables::Set;
    if options.interfaces.is_empty() {
        return Vec::new();
    }
    let mut names: Vec<&String> = options.interfaces.values().collect();
    names.sort();
    names.dedup();
    let known = names.into_iter().map(|name| Element::new(Data::interface(name))).collect();
    let mut sets = vec![(Set::new(names::INTERFACES, FieldType::IFNAME), known)];
    for family in Family::ALL {
        let of_family = options.interfaces.iter().filter(|(one, _)| Family::of(**one) == family);
        let elements = of_family
            .map(|(one, name)| Element::new(Data::concat(&[Data::interface(name), Data::from(*one)])))
            .collect();
        let key = SetKey::new(&[FieldType::IFNAME, address_type(family)]);
        sets.push((Set::new(names::bound(family), key), elements));
    }
    sets
}

fn failsafe(settings: &Settings, direction: Direction) -> Option<Rule> {
    let list = match direction {
        Direction::Ingress => &settings.failsafe_ingress,
        Direction::Egress => &settings.failsafe_egress,
    };
    let key = SetKey::new(&[FieldType::INET_PROTO, FieldType::INET_SERVICE]);
    let ports = list.iter().map(|(protocol, port)| Data::concat(&[Data::new(&[protocol.0]), Data::be16(*port)]));
    (!list.is_empty()).then(|| {
        Rule::new()
            .load(&[Load::Meta(MetaKey::L4Proto), Load::Payload(PayloadField::DPORT)])
            .lookup(InlineSet::new(key, ports.map(Element::new)))
            .with_comment("failsafe port")
    })
}

/// One stage of host endpoints: its base chain, and the stack of each host endpoint there.
struct Stage<'a> {
    wanted: &'a Wanted<'a>,
    direction: Direction,
    tracking: Tracking,
}

impl Stage<'_> {
    /// To the stack of each host endpoint by interface, by `enter` (jump or goto). One of `*` is not asked where another names the interface, even
    /// where that has nothing to say.
    fn dispatch(
        &self,
        stack: impl Fn(&HostChains) -> [Option<margay_policy::Name>; 2],
        enter: fn(String) -> Verdict,
    ) -> Vec<Rule> {
        let interface = match self.direction {
            Direction::Ingress => MetaKey::IifName,
            Direction::Egress => MetaKey::OifName,
        };
        let named = self.wanted.hosts.iter().map(|host| host.interface.as_str()).filter(|name| *name != "*");
        let elsewhere: Vec<Data> = named.chain(["lo"]).map(Data::interface).collect();
        let mut rules = Vec::new();
        for host in self.wanted.hosts {
            let Some(name) = stack(host)[way(self.direction)] else { continue };
            for family in self.wanted.families {
                let lane = Lane { direction: self.direction, family: *family, tracking: self.tracking };
                let rule = of_family(*family).meta(interface);
                let rule = match host.interface.as_str() {
                    "*" => rule
                        .lookup_missing(InlineSet::new(FieldType::IFNAME, elsewhere.iter().cloned().map(Element::new)))
                        .payload(other(self.direction, *family))
                        .lookup_missing(names::pods(*family)),
                    named => rule.eq(Data::interface(named)),
                };
                rules.push(rule.verdict(enter(names::stack(name, lane))));
            }
        }
        rules
    }
}

fn hosts(wanted: &Wanted<'_>) -> Vec<Built> {
    use Direction::{Egress, Ingress};
    let stage = |direction, tracking| Stage { wanted, direction, tracking };
    let goto = Verdict::Goto as fn(String) -> Verdict;
    let any = |stack: fn(&HostChains) -> [Option<margay_policy::Name>; 2], direction| {
        wanted.hosts.iter().any(|host| stack(host)[way(direction)].is_some())
    };
    let safe = |direction| failsafe(wanted.settings, direction).map(|rule| rule.verdict(Verdict::Accept));
    let untracked_accept = || Rule::new().ct_state(CtState::UNTRACKED).verdict(Verdict::Accept);
    let mut chains = Vec::new();
    for (name, hook, direction) in
        [("host-untracked-in", Hook::Prerouting, Ingress), ("host-untracked-out", Hook::Output, Egress)]
    {
        if any(|host| host.untracked, direction) {
            let mut rules = vec![neighbour_discovery()];
            rules.extend(safe(direction));
            rules.extend(stage(direction, Tracking::Untracked).dispatch(|host| host.untracked, goto));
            chains.push((chain(name, hook, RAW), rules));
        }
    }
    if any(|host| host.pre_dnat, Ingress) {
        let mut rules = vec![established(), untracked_accept(), neighbour_discovery()];
        rules.extend(safe(Ingress));
        rules.extend(stage(Ingress, Tracking::Tracked).dispatch(|host| host.pre_dnat, goto));
        chains.push((chain("host-pre-dnat", Hook::Prerouting, PRE_DNAT), rules));
    }
    for (name, hook, direction) in [("host-in", Hook::Input, Ingress), ("host-out", Hook::Output, Egress)] {
        if any(|host| host.normal, direction) {
            let mut rules = vec![established(), untracked_accept(), neighbour_discovery()];
            rules.extend(safe(direction));
            rules.extend(stage(direction, Tracking::Tracked).dispatch(|host| host.normal, goto));
            chains.push((chain(name, hook, FILTER), rules));
        }
    }
    if any(|host| host.forward, Ingress) {
        let mut rules = vec![established(), untracked_accept(), neighbour_discovery()];
        rules.extend(stage(Ingress, Tracking::Tracked).dispatch(|host| host.forward, goto));
        chains.push((chain("host-forward-in", Hook::Forward, FILTER), rules));
    }
    if any(|host| host.forward, Egress) || any(|host| host.untracked, Egress) {
        let mut rules = vec![established(), neighbour_discovery()];
        // What is forwarded is tracked already: doNotTrack policy filters it here, and a failsafe port skips that stage alone.
        if let Some(skip) = failsafe(wanted.settings, Egress) {
            let forward = stage(Egress, Tracking::Tracked).dispatch(|host| host.forward, goto);
            for rule in forward {
                let mut both = skip.clone();
                both.expressions.extend(rule.expressions);
                rules.push(both);
            }
            rules.push(skip.verdict(Verdict::Accept));
        }
        rules.extend(stage(Egress, Tracking::Untracked).dispatch(|host| host.untracked, Verdict::Jump));
        rules.extend(stage(Egress, Tracking::Tracked).dispatch(|host| host.forward, goto));
        chains.push((chain("host-forward-out", Hook::Forward, FILTER + 3), rules));
    }
    chains
}
