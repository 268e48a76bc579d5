//! What the commands ask: the resources that were read, and the Plan of the whole cluster.

use margay_api::{
    Action, CalicoRule, EndpointSlice, Key, Kind, Lines, Node, Object, Place, Pod, Readable, Service, Update,
};
use margay_datastore::{Folder, Source};
use margay_engine::{Engine, Scope};
use margay_policy::{Direction, Endpoint, EndpointId, Plan, PolicyId, RuleId};
use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Lines of an excerpt.
const MOST_LINES: u32 = 16;
/// Characters of a line of an excerpt.
const LONGEST_LINE: usize = 160;

/// The resources of a cluster, what they mean, and indexes to find both by name.
pub struct World {
    folders: Vec<Arc<Folder>>,
    engine: Engine,
    objects: BTreeMap<Key, Arc<Object>>,
    endpoints: FxHashMap<Key, EndpointId>,
    policies: FxHashMap<Key, PolicyId>,
    services: FxHashMap<IpAddr, Vec<Key>>,
    slices: FxHashMap<(SmolStr, SmolStr), Vec<Key>>,
}

impl World {
    /// Puts together what some folders gave when they were last read. Of resources of one key the last folder's counts, but one that is written anywhere
    /// comes before one that a folder merely implies.
    pub fn of(folders: Vec<Arc<Folder>>, scope: Scope) -> Self {
        let mut objects: BTreeMap<Key, Arc<Object>> = BTreeMap::new();
        for folder in &folders {
            for object in folder.objects() {
                let key = object.key();
                if folder.places().contains_key(key) || !objects.contains_key(key) {
                    objects.insert(key.clone(), object.clone());
                }
            }
        }
        let mut engine = Engine::new(scope);
        for (key, object) in &objects {
            engine.update(key, Some(object));
        }
        engine.in_sync();
        engine.flush();
        let plan = engine.plan();
        let endpoints = plan.endpoints.iter().map(|(id, endpoint)| (endpoint.key.clone(), id)).collect();
        let policies = plan.policies.iter().map(|(id, policy)| (policy.key.clone(), id)).collect();
        let mut services: FxHashMap<IpAddr, Vec<Key>> = FxHashMap::default();
        let mut slices: FxHashMap<(SmolStr, SmolStr), Vec<Key>> = FxHashMap::default();
        for (key, object) in &objects {
            match &**object {
                Object::Service(service) => {
                    for address in &service.addresses {
                        services.entry(address.to_canonical()).or_default().push(key.clone());
                    }
                }
                Object::EndpointSlice(slice) => {
                    let service = (key.namespace.clone(), slice.service.clone());
                    slices.entry(service).or_default().push(key.clone());
                }
                _ => {}
            }
        }
        Self { folders, engine, objects, endpoints, policies, services, slices }
    }

    /// What the resources mean.
    pub fn plan(&self) -> &Plan {
        self.engine.plan()
    }

    /// A resource.
    pub fn object(&self, key: &Key) -> Option<&Object> {
        self.objects.get(key).map(|object| &**object)
    }

    /// Every resource, in the order of keys.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values().map(|object| &**object)
    }

    /// Every resource, as a source tells of it.
    pub fn updates(&self) -> Vec<Update> {
        let update = |(key, object): (&Key, &Arc<Object>)| Update { key: key.clone(), value: Some(object.clone()) };
        self.objects.iter().map(update).collect()
    }

    /// A pod, by namespace and name.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Pod> {
        match self.object(&key(Kind::Pod, namespace, name))? {
            Object::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    /// A node, by name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        match self.object(&key(Kind::Node, "", name))? {
            Object::Node(node) => Some(node),
            _ => None,
        }
    }

    /// A service, by namespace and name.
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        match self.object(&key(Kind::Service, namespace, name))? {
            Object::Service(service) => Some(service),
            _ => None,
        }
    }

    /// The services that have an address (cluster IP, external IP, load balancer's), in the order of keys.
    pub fn services_at(&self, address: IpAddr) -> impl Iterator<Item = &Service> {
        let keys = self.services.get(&address).into_iter().flatten();
        keys.filter_map(|key| self.service(&key.namespace, &key.name))
    }

    /// The slices of a service, in the order of keys.
    pub fn slices_of(&self, service: &Key) -> impl Iterator<Item = &EndpointSlice> {
        let keys = self.slices.get(&(service.namespace.clone(), service.name.clone())).into_iter().flatten();
        keys.filter_map(|key| match self.object(key)? {
            Object::EndpointSlice(slice) => Some(slice),
            _ => None,
        })
    }

    /// The endpoint that a pod or host endpoint is; `None` where it is none (terminal, host network, without an address).
    pub fn endpoint(&self, key: &Key) -> Option<&Endpoint> {
        self.plan().endpoints.get(*self.endpoints.get(key)?)
    }

    /// Where a resource is written; `None` of one that is merely implied.
    fn place_of(&self, key: &Key) -> Option<(&Folder, &Place)> {
        self.folders.iter().rev().find_map(|folder| Some((&**folder, folder.places().get(key)?)))
    }

    /// Where a resource is written, `file:line`.
    pub fn place(&self, key: &Key) -> Option<String> {
        self.place_of(key).map(|(_, place)| format!("{}:{}", place.file, place.line))
    }

    /// Where a rule is written.
    pub fn rule_place(&self, rule: &RuleId) -> Option<RulePlace> {
        let (_, place) = self.place_of(&rule.policy)?;
        let rules = if rule.direction == Direction::Ingress { &place.ingress } else { &place.egress };
        Some(RulePlace { file: place.file.clone(), lines: *rules.get(usize::from(rule.index))? })
    }

    /// The text of a rule as it is written, with the number of each line; long ones are cut. Empty where the file can't be read any more, or has
    /// all on one line.
    pub fn excerpt(&self, place: &RulePlace) -> Vec<(u32, String)> {
        let text = self.folders.iter().find_map(|folder| folder.text_of(&place.file)).unwrap_or_default();
        let first = place.lines.first.max(1);
        let count = (place.lines.last.saturating_sub(first) + 1).min(MOST_LINES);
        let lines = text.lines().skip(first as usize - 1).take(count as usize);
        let lines: Vec<&str> = lines.collect();
        if let [one] = lines.as_slice()
            && one.chars().count() > LONGEST_LINE
        {
            return Vec::new();
        }
        (first..).zip(lines.into_iter().map(|line| line.chars().take(LONGEST_LINE).collect())).collect()
    }

    /// Of a rule that can't be read, or that no data plane can enforce as it is written (`docs/semantics.md`, decision 15), the action that it would have, or Deny where that can't be read either; `None` of a rule that can.
    pub fn unreadable(&self, rule: &RuleId) -> Option<Action> {
        let index = usize::from(rule.index);
        let allow = Some(Action::Allow);
        let calico = |rule: &Readable<CalicoRule>| match rule {
            Readable::Rule(rule) if rule.http => Some(rule.action),
            rule => unreadable(rule),
        };
        match (self.object(&rule.policy)?, rule.direction) {
            (Object::NetworkPolicy(policy), Direction::Ingress) => unreadable(policy.ingress.get(index)?).and(allow),
            (Object::NetworkPolicy(policy), Direction::Egress) => unreadable(policy.egress.get(index)?).and(allow),
            (Object::ClusterNetworkPolicy(policy), Direction::Ingress) => unreadable(policy.ingress.get(index)?),
            (Object::ClusterNetworkPolicy(policy), Direction::Egress) => unreadable(policy.egress.get(index)?),
            (Object::CalicoPolicy(policy), Direction::Ingress) => calico(policy.ingress.get(index)?),
            (Object::CalicoPolicy(policy), Direction::Egress) => calico(policy.egress.get(index)?),
            _ => None,
        }
    }

    /// How many rules of a direction a policy is written with.
    pub fn rules_written(&self, policy: &Key, direction: Direction) -> u16 {
        let count = |ingress: usize, egress: usize| if direction == Direction::Ingress { ingress } else { egress };
        let count = match self.object(policy) {
            Some(Object::NetworkPolicy(policy)) => count(policy.ingress.len(), policy.egress.len()),
            Some(Object::ClusterNetworkPolicy(policy)) => count(policy.ingress.len(), policy.egress.len()),
            Some(Object::CalicoPolicy(policy)) => count(policy.ingress.len(), policy.egress.len()),
            _ => 0,
        };
        u16::try_from(count).unwrap_or(u16::MAX)
    }

    /// The policy of the Plan; `None` where no endpoint has it.
    pub fn policy(&self, key: &Key) -> Option<PolicyId> {
        self.policies.get(key).copied()
    }
}

/// Where a rule is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulePlace {
    /// The file.
    pub file: Arc<str>,
    /// Its lines.
    pub lines: Lines,
}

/// `file:line`.
impl std::fmt::Display for RulePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.lines.first)
    }
}

fn unreadable<R>(rule: &Readable<R>) -> Option<Action> {
    match rule {
        Readable::Rule(_) => None,
        Readable::Unreadable(action) => Some(action.unwrap_or(Action::Deny)),
    }
}

/// A key of any kind.
pub(crate) fn key(kind: Kind, namespace: &str, name: &str) -> Key {
    Key { kind, namespace: namespace.into(), name: name.into() }
}
