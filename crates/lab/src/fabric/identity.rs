//! Who lives in a namespace: what makes it the same one after an update, what it is called, how its kernel is set.

use super::topology::{Node, Topology, Wiring, stable_hash};

/// Two stations with equal identities are one and the same, whatever else changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    Wire,
    External,
    Switch,
    Node { name: String, uplink: String, wiring: Wiring, switched: bool },
    Pod { id: String, node: Box<Identity> },
}

/// No link-local addresses, so that no interface speaks unasked (duplicate address detection, router solicitation).
const QUIET: (&str, &str) = ("ipv6/conf/default/addr_gen_mode", "1");
/// Packets with a false source address must reach the rules that look for them, not die before.
const ANY_SOURCE: (&str, &str) = ("ipv4/conf/all/rp_filter", "0");
const ANY_SOURCE_LATER: (&str, &str) = ("ipv4/conf/default/rp_filter", "0");

impl Identity {
    pub(super) fn nodes(topology: &Topology) -> Vec<Identity> {
        let wiring = topology.wiring;
        let nodes = topology.nodes.iter();
        let node =
            |n: &Node| Identity::Node { name: n.name.clone(), uplink: n.uplink.clone(), wiring, switched: n.switched };
        nodes.map(node).collect()
    }

    pub(super) fn pods(topology: &Topology) -> Vec<Identity> {
        let nodes = Self::nodes(topology);
        let pods = topology.pods.iter();
        pods.map(|p| Identity::Pod { id: p.id.clone(), node: Box::new(nodes[p.node].clone()) }).collect()
    }

    /// What it is called in messages and, after the lab's name, under `/run/netns`. Different for different names and ids: a
    /// slash becomes an underscore (which no Kubernetes name has), and what else no file name should have costs a hash.
    pub(super) fn name(&self) -> String {
        match self {
            Identity::Wire => "wire".into(),
            Identity::External => "external".into(),
            Identity::Switch => "switch".into(),
            Identity::Node { name, .. } => format!("node-{}", file_name(name)),
            Identity::Pod { id, .. } => format!("pod-{}", file_name(id)),
        }
    }

    /// Its name under `/run/netns`.
    pub(super) fn name_in(&self, lab: &str) -> String {
        format!("{lab}-{}", self.name())
    }

    /// Settings under `/proc/sys/net`. They come before any interface, which takes its own from `default`.
    pub(super) fn settings(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Identity::Wire | Identity::Switch => &[QUIET],
            // It owns every address, so a false source address looks like its own.
            Identity::External => &[QUIET, ANY_SOURCE, ANY_SOURCE_LATER, ("ipv4/conf/all/accept_local", "1")],
            Identity::Node { .. } => &[
                QUIET,
                ANY_SOURCE,
                ANY_SOURCE_LATER,
                ("ipv4/conf/all/send_redirects", "0"),
                ("ipv4/conf/default/send_redirects", "0"),
                // A bridge's routes may be marked so for a second after it has come up.
                ("ipv4/conf/default/ignore_routes_with_linkdown", "0"),
                ("ipv4/ip_forward", "1"),
                ("ipv6/conf/all/forwarding", "1"),
            ],
            Identity::Pod { .. } => &[QUIET, ANY_SOURCE, ANY_SOURCE_LATER],
        }
    }
}

fn file_name(text: &str) -> String {
    /// Leaves room for the rest of a file name, which may have 255 bytes.
    const LONGEST: usize = 150;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    let name: String = text.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let ambiguous = name.len() > LONGEST || text.replacen('/', "", 1).chars().any(|c| !plain(c));
    if ambiguous {
        let short = &name[..name.len().min(LONGEST)];
        return format!("{short}_{:016x}", stable_hash(text));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_tell_all_ids_apart() {
        let table = [
            ("default/web-0", "default_web-0"),
            ("node-1.example.org", "node-1.example.org"),
            ("default/web.0", "default_web.0"),
        ];
        for (id, expected) in table {
            assert_eq!(file_name(id), expected);
        }
        let ids = [
            "a/b",
            "a/b/c",
            "a.b/c",
            "a/b.c",
            "a.b",
            "a_b",
            "a_b/c",
            "a b",
            "a/b c",
            "..",
            "ä",
            &"x".repeat(200),
            &"x".repeat(201),
        ];
        let mut names: Vec<String> = ids.iter().map(|id| file_name(id)).collect();
        assert!(names.iter().all(|name| name.len() < 180 && !name.contains('/')), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ids.len(), "{names:?}");
    }
}
