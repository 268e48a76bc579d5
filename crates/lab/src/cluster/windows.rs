//! A Windows node: HNS and VFP emulated, the driver of real nodes over them, and the switch that asks VFP about every frame.

use super::Error;
use crate::fabric::{Filter, Toward};
use margay_api::Kind;
use margay_dataplane::{Driver, Event, Object};
use margay_hcn::{Feature, Guid, Version};
use margay_net::{Prefix, Protocol};
use margay_policy::{Changes, Direction, Flow, Plan, decision_at};
use margay_vfp::{Config, Direction as Way, Emulator, Icmp, NetworkKind, Packet};
use margay_windows::driver::{HnsDriver, Options};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Longer than anything that can't hang takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than VFP remembers a flow \[FIELD\].
const FLOW_LIFE: Duration = Duration::from_secs(600);

/// An emulated node.
pub(super) struct WindowsNode {
    emulator: Arc<Emulator>,
    network: Guid,
    /// None where someone else programs the node.
    driver: Option<HnsDriver>,
    started: bool,
    /// The endpoint of each pod, by its id, and its addresses.
    endpoints: BTreeMap<String, (Guid, Vec<IpAddr>)>,
    switch: Arc<Vfp>,
    version: Version,
}

impl WindowsNode {
    /// Starts HNS with a network for the pods, and the driver unless someone else programs the node.
    pub(super) fn start(node: &str, config: Config, by_another: bool, switch: Arc<Vfp>) -> Result<Self, Error> {
        let failed = |what: String| Error::Driver { node: node.into(), what };
        let version = config.version;
        let emulator = Emulator::new(config);
        let prefixes = [margay_net::Family::V4, margay_net::Family::V6].map(Prefix::all);
        let prefixes = if version.has(Feature::Ipv6DualStack) { &prefixes[..] } else { &prefixes[..1] };
        let network = emulator.add_network(NetworkKind::L2Bridge, "margay", prefixes);
        let network = network.map_err(|error| failed(error.to_string()))?;
        let options = Options { gather: Duration::ZERO, ..Options::default() };
        let service = Arc::clone(&emulator) as Arc<dyn margay_hcn::Service>;
        let driver = (!by_another).then(|| HnsDriver::new(service, &options)).transpose();
        let driver = driver.map_err(|error| failed(error.to_string()))?;
        Ok(Self { emulator, network, driver, started: false, endpoints: BTreeMap::new(), switch, version })
    }

    /// Its HNS.
    pub(super) fn hns(&self) -> &Arc<Emulator> {
        &self.emulator
    }

    /// Makes the endpoints of these pods (id and addresses), as a network plugin would, and puts the Plan in force.
    pub(super) fn apply(
        &mut self,
        node: &str,
        pods: &[(String, Vec<IpAddr>)],
        plan: &Plan,
        changes: &Changes,
    ) -> Result<(), Error> {
        let failed = |what: String| Error::Driver { node: node.into(), what };
        self.serve(pods).map_err(|error| failed(error.to_string()))?;
        let Some(driver) = &mut self.driver else { return Ok(()) };
        if std::mem::replace(&mut self.started, true) {
            driver.submit(plan, changes);
        } else {
            driver.resync(plan, None);
        }
        if !driver.settle(PATIENCE) {
            return Err(failed("HNS did not answer".into()));
        }
        // A pod of a family that this HNS lacks has no endpoint, and so nothing to be put in force.
        let served = |key: &margay_policy::Key| {
            key.kind == Kind::Pod && self.endpoints.contains_key(&format!("{}/{}", key.namespace, key.name))
        };
        let error = driver.events().into_iter().find_map(|event| match event {
            Event::Failed { object: Object::Endpoint(key), error, .. } if served(&key) => Some(error),
            _ => None,
        });
        error.map_or(Ok(()), |error| Err(failed(error)))
    }

    fn serve(&mut self, pods: &[(String, Vec<IpAddr>)]) -> Result<(), margay_hcn::Failure> {
        let known = |addresses: &[IpAddr]| -> Vec<IpAddr> {
            let has_v6 = self.version.has(Feature::Ipv6DualStack);
            addresses.iter().copied().filter(|address| address.is_ipv4() || has_v6).collect()
        };
        let wanted: BTreeMap<String, Vec<IpAddr>> =
            pods.iter().map(|(id, addresses)| (id.clone(), known(addresses))).filter(|(_, a)| !a.is_empty()).collect();
        let gone: BTreeSet<String> =
            self.endpoints.iter().filter(|(id, (_, a))| wanted.get(*id) != Some(a)).map(|(id, _)| id.clone()).collect();
        for id in gone {
            if let Some((endpoint, _)) = self.endpoints.remove(&id) {
                self.switch.disconnect(&id);
                self.emulator.remove_endpoint(endpoint)?;
            }
        }
        for (id, addresses) in wanted {
            if !self.endpoints.contains_key(&id) {
                let endpoint = self.emulator.add_endpoint(self.network, &id, &addresses)?;
                self.switch.connect(&id, Arc::clone(&self.emulator), endpoint);
                self.endpoints.insert(id, (endpoint, addresses));
            }
        }
        Ok(())
    }
}

impl Drop for WindowsNode {
    fn drop(&mut self) {
        self.endpoints.keys().for_each(|id| self.switch.disconnect(id));
    }
}

/// The VFP of every Windows node, by pod: what the fabric's switch asks.
#[derive(Default)]
pub(super) struct Vfp {
    ports: RwLock<HashMap<String, (Arc<Emulator>, Guid)>>,
}

impl Vfp {
    fn connect(&self, pod: &str, emulator: Arc<Emulator>, endpoint: Guid) {
        self.ports.write().unwrap_or_else(PoisonError::into_inner).insert(pod.into(), (emulator, endpoint));
    }

    fn disconnect(&self, pod: &str) {
        self.ports.write().unwrap_or_else(PoisonError::into_inner).remove(pod);
    }

    fn port(&self, pod: &str) -> Option<(Arc<Emulator>, Guid)> {
        self.ports.read().unwrap_or_else(PoisonError::into_inner).get(pod).cloned()
    }

    /// Whether a flow that the Plan lets through is stopped at a Windows end: by a rule that HNS can't express, which is closed.
    pub(super) fn closes(&self, plan: &Plan, flow: &Flow) -> bool {
        let ends = [(Direction::Egress, Way::Out, flow.src), (Direction::Ingress, Way::In, flow.dst)];
        ends.into_iter().any(|(direction, way, address)| {
            let Some((id, pod)) = plan.pod_at(address) else { return false };
            let Some((emulator, port)) = self.port(&format!("{}/{}", pod.key.namespace, pod.key.name)) else {
                return false;
            };
            let allowed = decision_at(plan, id, direction, flow).is_some_and(|decision| decision.allow);
            allowed && !emulator.match_tuple(port, way, &packet(flow)).allowed()
        })
    }
}

impl std::fmt::Debug for Vfp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ports = self.ports.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(ports.keys()).finish()
    }
}

impl Filter for Vfp {
    fn pass(&self, pod: &str, toward: Toward, frame: &[u8]) -> bool {
        let way = match toward {
            Toward::Node => Way::Out,
            Toward::Pod => Way::In,
        };
        self.port(pod).is_some_and(|(emulator, port)| emulator.process_frame(port, way, frame).allowed())
    }

    fn forget_connections(&self) {
        let ports = self.ports.read().unwrap_or_else(PoisonError::into_inner);
        for (emulator, _) in ports.values() {
            emulator.clock().advance(FLOW_LIFE);
        }
    }
}

/// A flow's first packet, as VFP sees it.
fn packet(flow: &Flow) -> Packet {
    let packet = Packet::new(flow.protocol, flow.src, flow.dst);
    match flow.protocol {
        Protocol::ICMP | Protocol::ICMPV6 => {
            Packet { icmp: Icmp { kind: flow.icmp.0, code: flow.icmp.1, id: 0 }, ..packet }
        }
        protocol if protocol.has_ports() => packet.ports(flow.source_port, flow.port),
        _ => packet,
    }
}
