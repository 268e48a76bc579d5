//! How networks come, change and go.

use crate::acl::Sets;
use crate::document::{Answer, Object, Refusal};
use crate::knobs::NestedSets;
use crate::object::change::{Request, change};
use crate::object::{Network, NetworkKind, Owner, Policy, State};
use margay_hcn::{ErrorCode, Feature, Guid, Kind, NotificationKind};
use margay_net::Prefix;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The most members that all sets of a network have together. A limit of HNS there is, but its number is \[UNK\]; this one is the emulator's own.
const MOST_MEMBERS: usize = 1 << 20;

impl State {
    /// Makes a network.
    pub(crate) fn create_network(&mut self, mut network: Network) -> Answer<Guid> {
        network.check(self.version())?;
        if self.networks.contains_key(&network.id) {
            return Err(Refusal::new(ErrorCode::NETWORK_ALREADY_EXISTS, format!("network {} is there", network.id)));
        }
        network.id = self.id_or_new(network.id);
        network.version = self.version().as_object();
        network.sets = self.sets_of(&network.policies)?;
        if network.kind == NetworkKind::Overlay {
            self.add_overlay_policies(&mut network)?;
        }
        let (id, name) = (network.id, network.name.clone());
        self.tell(NotificationKind::NETWORK_PRE_CREATE, id, json!({ "Name": name }));
        self.networks.insert(id, network);
        self.tell(NotificationKind::NETWORK_CREATE, id, json!({ "Name": name }));
        Ok(id)
    }

    /// HNS gives an overlay network the address of its distributed router, where the document has none \[SRC: flannel reads it\].
    fn add_overlay_policies(&mut self, network: &mut Network) -> Answer<()> {
        let mac = self.new_mac([0x00, 0x15, 0x5d]);
        let address = self.config.management.map(|address| address.to_string()).unwrap_or_default();
        let missing = [("DrMacAddress", "Address", mac), ("ProviderAddress", "ProviderAddress", address)];
        for (kind, member, value) in missing {
            if !value.is_empty() && !network.policies.iter().any(|policy| policy.kind == kind) {
                let settings: Object = [(member.to_owned(), Value::from(value))].into_iter().collect();
                network.policies.push(self.judge(None).policy(Owner::Network, kind, &settings, true)?);
            }
        }
        Ok(())
    }

    /// Removes a network, and its endpoints with it \[INF\].
    pub(crate) fn delete_network(&mut self, id: Guid) -> Answer<()> {
        let name = self.network(id)?.name.clone();
        self.tell(NotificationKind::NETWORK_PRE_DELETE, id, json!({ "Name": name }));
        for endpoint in self.endpoints.values().filter(|e| e.network == id).map(|e| e.id).collect::<Vec<_>>() {
            self.delete_endpoint(endpoint)?;
        }
        self.networks.remove(&id);
        self.tell(NotificationKind::NETWORK_DELETE, id, json!({ "Name": name }));
        Ok(())
    }

    /// Changes the policies of a network. Sets are known by their `Id`: NPM updates them one by one \[SRC\].
    pub(crate) fn change_network_policies(&mut self, id: Guid, request: Request, brought: Vec<Policy>) -> Answer<()> {
        let (sets, others): (Vec<_>, Vec<_>) = brought.into_iter().partition(|policy| policy.kind == "SetPolicy");
        let mut policies = self.network(id)?.policies.clone();
        let asks = others.iter().any(Policy::is_acl) || !sets.is_empty();
        if !others.is_empty() {
            let of_sets;
            (of_sets, policies) = policies.into_iter().partition(|policy: &Policy| policy.kind == "SetPolicy");
            change(&mut policies, request, others, &self.knobs(), Owner::Network)?;
            policies.extend(of_sets);
        }
        change_sets(&mut policies, request, sets)?;
        let named = self.sets_of(&policies)?;
        let missing = self.missing(Kind::Network, id);
        let network = self.networks.get_mut(&id).ok_or(missing)?;
        network.policies = policies;
        network.sets = named;
        if asks {
            self.program_network(id);
        }
        Ok(())
    }

    /// The named sets that policies make. A set of sets has the members of all of them, which must be sets of addresses and there \[SRC: NPM's fake
    /// of HNS\].
    fn sets_of(&self, policies: &[Policy]) -> Answer<Sets> {
        let (plain, nested): (Vec<_>, Vec<_>) = policies
            .iter()
            .filter(|policy| policy.kind == "SetPolicy")
            .partition(|policy| policy.text("PolicyType") != Some("NESTEDIPSET"));
        let has_nested = match self.knobs().nested_sets {
            NestedSets::ByTable => self.version().has(Feature::NestedIpSet),
            NestedSets::AsSets => true,
        };
        if !nested.is_empty() && !has_nested {
            return Err(Refusal::policy("SetPolicy: this HNS has no sets of sets"));
        }
        let sets: Sets = plain.into_iter().map(|set| Ok((id(set)?, addresses(set)?))).collect::<Answer<_>>()?;
        let mut all = sets.clone();
        let mut members = all.values().map(Vec::len).sum::<usize>();
        for set in nested {
            let joined = joined(&sets, set)?;
            members += joined.len();
            if members > MOST_MEMBERS {
                return Err(Refusal::new(
                    ErrorCode::BUFFER_OVERFLOW,
                    format!("the sets have more than {MOST_MEMBERS} members"),
                ));
            }
            all.insert(id(set)?, joined);
        }
        Ok(all)
    }
}

fn id(set: &Policy) -> Answer<String> {
    set.text("Id").map(str::to_owned).ok_or_else(|| Refusal::policy("SetPolicy: no Id"))
}

/// What a set lists.
fn values(set: &Policy) -> impl Iterator<Item = &str> {
    set.text("Values").unwrap_or_default().split(',').filter(|value| !value.is_empty())
}

fn addresses(set: &Policy) -> Answer<Vec<Prefix>> {
    if set.text("PolicyType") != Some("IPSET") {
        return Err(Refusal::policy(format!("SetPolicy: PolicyType {:?}", set.text("PolicyType"))));
    }
    let address =
        |value: &str| value.parse().map_err(|_| Refusal::policy(format!("SetPolicy: {value:?} is no address")));
    values(set).map(address).collect()
}

/// The members of all sets that a set of sets lists.
fn joined(sets: &Sets, set: &Policy) -> Answer<Vec<Prefix>> {
    let names: BTreeSet<&str> = values(set).collect();
    let mut joined = BTreeSet::new();
    for name in names {
        let members = sets.get(name).ok_or_else(|| Refusal::policy(format!("SetPolicy: there is no set {name:?}")))?;
        joined.extend(members);
    }
    Ok(joined.into_iter().collect())
}

/// Adds, replaces and removes sets. An Update of a set that is not there is silently ignored \[SRC\].
fn change_sets(policies: &mut Vec<Policy>, request: Request, sets: Vec<Policy>) -> Answer<()> {
    for set in sets {
        let id = set.text("Id").unwrap_or_default().to_owned();
        let at = policies.iter().position(|policy| policy.kind == "SetPolicy" && policy.text("Id") == Some(&id));
        match (request, at) {
            (Request::Add, Some(_)) => {
                return Err(Refusal::new(ErrorCode::POLICY_ALREADY_EXISTS, format!("set {id} is there")));
            }
            (Request::Add, None) => policies.push(set),
            (Request::Update, Some(at)) => policies[at] = set,
            (Request::Update, None) => {}
            (Request::Remove, None) => {
                return Err(Refusal::new(ErrorCode::POLICY_NOT_FOUND, format!("there is no set {id}")));
            }
            (Request::Remove, Some(at)) => drop(policies.remove(at)),
        }
    }
    Ok(())
}
