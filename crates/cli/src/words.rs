//! Selectors, sets and traffic in words that people use.

use margay_api::{Key, Kind, Protocol};
use margay_net::{AddressSet, PortSet};
use margay_policy::{AnyOf, Flow, Plan, Population, SetId, SetOf, convert};
use margay_selector::{Expr, Selector};

/// Items of a list that are written out.
const MOST: usize = 6;
const OF_NAMESPACE: &str = "pcns.";
const NAMES_OF_NAMESPACE: [&str; 3] =
    [convert::NAMESPACE, "pcns.projectcalico.org/name", "pcns.kubernetes.io/metadata.name"];

/// A resource: `NetworkPolicy shop/db`. Calico's NetworkPolicy says so, since Kubernetes' has the same name.
pub(crate) fn resource(key: &Key) -> String {
    let group = if key.kind == Kind::CalicoNetworkPolicy { "Calico " } else { "" };
    format!("{group}{key}")
}

/// What a packet carries: `TCP 80`, `ICMP type 8 code 0`, `protocol 47`.
pub(crate) fn traffic(flow: &Flow) -> String {
    match flow.protocol {
        protocol if protocol.has_ports() => format!("{protocol} {}", flow.port),
        Protocol::ICMP | Protocol::ICMPV6 => format!("{} type {} code {}", flow.protocol, flow.icmp.0, flow.icmp.1),
        protocol => match protocol.name() {
            Some(name) => name.to_owned(),
            None => format!("protocol {protocol}"),
        },
    }
}

/// Things joined by commas, the last ones counted where there are many.
pub(crate) fn list(items: impl IntoIterator<Item = String>, last: &str) -> String {
    let items: Vec<String> = items.into_iter().collect();
    let more = items.len().saturating_sub(MOST);
    if more > 0 {
        return format!("{} {last} {more} more", items[..MOST].join(", "));
    }
    match items.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

/// Ports: `80, 443-445`, with a word before the last.
pub(crate) fn ports(ports: &PortSet, last: &str) -> String {
    let range = |range: std::ops::RangeInclusive<u16>| match (*range.start(), *range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    if ports.is_full() { "any port".to_owned() } else { list(ports.ranges().map(range), last) }
}

/// Addresses of a rule: those of its sets, and those written in it.
pub(crate) fn addresses(plan: &Plan, any: &AnyOf<SetId>) -> String {
    let mut items: Vec<String> = Vec::new();
    for set in &any.sets {
        let words = set_of(&plan.sets[*set].key.of);
        if !items.contains(&words) {
            items.push(words);
        }
    }
    items.extend(nets(&any.nets));
    list(items, "or")
}

fn nets(nets: &AddressSet) -> Vec<String> {
    if nets.is_full() { vec!["any address".to_owned()] } else { nets.prefixes().map(|net| net.to_string()).collect() }
}

/// The members of an IP set.
pub(crate) fn set_of(of: &SetOf) -> String {
    match of {
        SetOf::Selector(selector, Population::Pods) => things("pods", selector),
        SetOf::Selector(selector, Population::All) => things("endpoints and network sets", selector),
        SetOf::NamedPort(selector, _, name, _) => format!("port {name} of {}", things("endpoints", selector)),
        SetOf::Service(namespace, name) => format!("service {namespace}/{name}"),
        SetOf::Nodes(selector) => things("nodes", selector),
    }
}

/// Things that a selector matches: `pods with app == "web" in namespace shop`.
pub(crate) fn things(what: &str, selector: &Selector) -> String {
    let (mut own, mut named, mut namespaces, mut any_namespace) = (Vec::new(), Vec::new(), Vec::new(), false);
    for condition in conditions(selector) {
        match condition {
            Expr::All => {}
            Expr::Eq(label, value) if NAMES_OF_NAMESPACE.contains(&label.as_str()) => named.push(value.to_string()),
            Expr::In(label, values) if NAMES_OF_NAMESPACE.contains(&label.as_str()) => {
                named.push(list(values.iter().map(ToString::to_string), "or"));
            }
            Expr::Has(label) if label == convert::NAMESPACE => any_namespace = true,
            condition if is_of_namespace(condition) => {
                namespaces.push(condition.to_string().replace(OF_NAMESPACE, ""));
            }
            condition => own.push(condition.to_string()),
        }
    }
    named.dedup();
    let mut words = what.to_owned();
    if !own.is_empty() {
        words.push_str(&format!(" with {}", own.join(" && ")));
    }
    if !named.is_empty() {
        words.push_str(&format!(" in namespace {}", named.join(" and ")));
    }
    if !namespaces.is_empty() {
        words.push_str(&format!(" in namespaces with {}", namespaces.join(" && ")));
    }
    let anywhere = own.is_empty() && named.is_empty() && namespaces.is_empty();
    match (anywhere, any_namespace) {
        (true, true) => format!("{words} of any namespace"),
        (true, false) => format!("all {words}"),
        (false, _) => words,
    }
}

/// `1 error`, `2 errors`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The conditions that must all hold.
pub(crate) fn conditions(selector: &Selector) -> &[Expr] {
    match selector.expr() {
        Expr::And(conditions) => conditions,
        one => std::slice::from_ref(one),
    }
}

/// Whether every label of a condition is one that a namespace gives.
fn is_of_namespace(condition: &Expr) -> bool {
    match condition.label() {
        Some(label) => label.starts_with(OF_NAMESPACE),
        None => !condition.children().is_empty() && condition.children().iter().all(is_of_namespace),
    }
}

/// A label as its object has it: of the namespace, or of the thing itself.
pub(crate) fn label(label: &str) -> (&'static str, &str) {
    if let Some(label) = label.strip_prefix(OF_NAMESPACE) {
        ("namespace", label)
    } else if let Some(label) = label.strip_prefix("pcsa.") {
        ("service account", label)
    } else {
        ("", label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_read_as_sentences() {
        for (selector, expected) in [
            ("all()", "all pods"),
            ("has(projectcalico.org/namespace)", "pods of any namespace"),
            ("projectcalico.org/namespace == 'shop'", "pods in namespace shop"),
            ("app == 'web' && projectcalico.org/namespace == 'shop'", "pods with app == \"web\" in namespace shop"),
            (
                "has(projectcalico.org/namespace) && pcns.team in {'a','b'} && role == 'db'",
                "pods with role == \"db\" in namespaces with team in {\"a\", \"b\"}",
            ),
            ("pcns.kubernetes.io/metadata.name in {'x','y'}", "pods in namespace x or y"),
            ("pcns.a == '1' || pcns.b == '2'", "pods in namespaces with a == \"1\" || b == \"2\""),
            ("a == '1' || pcns.b == '2'", "pods with a == \"1\" || pcns.b == \"2\""),
        ] {
            assert_eq!(things("pods", &selector.parse().unwrap()), expected);
        }
    }

    #[test]
    fn long_lists_are_counted() {
        let items = |n: usize| (1..=n).map(|i| i.to_string());
        for (n, expected) in
            [(0, "nothing"), (1, "1"), (2, "1 or 2"), (3, "1, 2 or 3"), (9, "1, 2, 3, 4, 5, 6 or 3 more")]
        {
            assert_eq!(list(items(n), "or"), expected);
        }
    }
}
