//! Labs that outlive the process that made them.

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;

use super::error::{Error, Result};
use super::identity::Identity;
use super::layout::{Numbers, layout, port_number, wire_interface};
use super::namespace::{Namespace, on_own_thread};
use super::object::Object;
use super::station::Station;
use super::switch::Switch;
use super::topology::{Topology, Wiring, host_interface};
use super::{BridgeFilter, Fabric, filter_bridged_packets};

/// The names of a standing lab's namespaces.
pub(super) fn standing(lab: &str) -> Result<Vec<String>> {
    let ours = |name: &String| {
        name.strip_prefix(lab).and_then(|rest| rest.strip_prefix('-')).is_some_and(|rest| {
            ["wire", "external", "switch"].contains(&rest) || rest.starts_with("node-") || rest.starts_with("pod-")
        })
    };
    Ok(Namespace::named(lab)?.into_iter().filter(ours).collect())
}

impl Fabric {
    /// Takes hold of a lab that [`Fabric::build_named`] made, perhaps in another process, and that is in the state this
    /// topology describes. Nothing is changed.
    ///
    /// # Errors
    /// [`Error::NotStanding`] with the first namespace or interface that is missing.
    pub fn attach(topology: &Topology, lab: &str) -> Result<Fabric> {
        topology.validate()?;
        super::allow_open_files();
        on_own_thread(|| attach_here(topology, lab))
    }

    /// Whether any namespace of a named lab is there.
    ///
    /// # Errors
    /// [`Error::File`] where the folder of names can't be read.
    pub fn is_standing(lab: &str) -> Result<bool> {
        Ok(!standing(lab)?.is_empty())
    }

    /// Removes every namespace of a named lab and says which they were. Removing what is not there is no error.
    ///
    /// # Errors
    /// [`Error::Namespace`] where the process may not.
    pub fn remove_named(lab: &str) -> Result<Vec<String>> {
        let names = standing(lab)?;
        names.iter().try_for_each(|name| Namespace::remove_named(name))?;
        Ok(names)
    }
}

fn attach_here(topology: &Topology, lab: &str) -> Result<Fabric> {
    let missing = |missing: String| Error::NotStanding { lab: lab.into(), missing };
    let open = |identity: Identity| {
        let name = identity.name_in(lab);
        let namespace = Namespace::open_named(&name).map_err(|_| missing(format!("namespace {name}")))?;
        Ok(Station { identity, namespace, number: 0, installed: Default::default() })
    };
    let all = |identities: Vec<Identity>| identities.into_iter().map(open).collect::<Result<Vec<Station>>>();
    let (mut wire, mut external, mut switch) =
        (open(Identity::Wire)?, open(Identity::External)?, open(Identity::Switch)?);
    let (mut nodes, mut pods) = (all(Identity::nodes(topology))?, all(Identity::pods(topology))?);

    // Numbers are read back from the indices of the interfaces that they gave.
    let number_of = |interface: &str, place: &Station| match if_nametoindex(interface) {
        Ok(index) => port_number(index).ok_or_else(|| missing(format!("interface {interface} of ours"))),
        Err(Errno::ENODEV) => Err(missing(format!("interface {interface} in {}", place.namespace.label()))),
        Err(errno) => {
            Err(Error::Namespace { doing: "reading an interface", namespace: place.namespace.label().into(), errno })
        }
    };
    for (pod, station) in topology.pods.iter().zip(&mut pods) {
        let node: &Station = &nodes[pod.node];
        node.namespace.join()?;
        station.number = number_of(&host_interface(&pod.id), node)?;
    }
    wire.namespace.join()?;
    for (node, station) in topology.nodes.iter().zip(&mut nodes) {
        station.number = number_of(&wire_interface(&node.name), &wire)?;
    }
    let numbers = Numbers {
        nodes: nodes.iter().map(|node| node.number).collect(),
        pods: pods.iter().map(|pod| pod.number).collect(),
    };
    let expected = layout(topology, &numbers);
    let fill = |station: &mut Station, objects: std::collections::BTreeSet<Object>| station.installed = objects;
    fill(&mut wire, expected.wire);
    fill(&mut external, expected.external);
    fill(&mut switch, expected.switch);
    nodes.iter_mut().zip(expected.nodes).for_each(|(station, objects)| fill(station, objects));
    pods.iter_mut().zip(expected.pods).for_each(|(station, objects)| fill(station, objects));
    let bridge_filter = match topology.wiring {
        Wiring::Routed => BridgeFilter::NotBridged,
        Wiring::Bridge => filter_bridged_packets(&nodes)?,
    };
    let (lab, topology) = (Some(lab.into()), topology.clone());
    let mut fabric =
        Fabric { lab, topology, wire, external, switch, nodes, pods, bridge_filter, ports: Switch::default() };
    fabric.connect_here()?;
    Ok(fabric)
}
