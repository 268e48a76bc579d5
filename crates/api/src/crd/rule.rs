//! Rules of `projectcalico.org/v3`.

use super::pattern;
use super::schema::Schema;
use crate::Protocol;
use crate::decode::calico_rule::{ACTIONS, MOST_NETS, MOST_PORTS, MOST_RULES};

/// Characters of a selector at most: rules of CEL look into it.
pub(super) const LONGEST_SELECTOR: usize = 4096;
/// Of a protocol in quotes.
const LONGEST_PROTOCOL: usize = 8;

const NAMED: [Protocol; 6] =
    [Protocol::TCP, Protocol::UDP, Protocol::SCTP, Protocol::ICMP, Protocol::ICMPV6, Protocol::UDPLITE];
const WITH_PORTS: [Protocol; 3] = [Protocol::TCP, Protocol::UDP, Protocol::SCTP];

/// Which rules.
#[derive(Clone, Copy)]
pub(super) struct Side {
    /// Those of ingress, not of egress.
    pub(super) ingress: bool,
    /// Those of a kind that is in no namespace.
    pub(super) is_global: bool,
}

/// The rules of one direction.
pub(super) fn rules(side: Side) -> Schema {
    Schema::list(rule(side)).most(MOST_RULES)
}

/// A selector; `global()` may stand in one of them alone.
pub(super) fn selector() -> Schema {
    Schema::text().longest(LONGEST_SELECTOR)
}

/// Refuses `global()` in these selectors.
pub(super) fn without_global(schema: Schema, selectors: &[&str]) -> Schema {
    selectors.iter().fold(schema, |schema, name| {
        schema.check(
            format!("!has(self.{name}) || !self.{name}.contains('global(')"),
            format!("{name}: global() can only stand in the namespaceSelector of a rule"),
        )
    })
}

/// A protocol with ports of a host endpoint's named port.
pub(super) fn protocol_with_ports() -> Schema {
    protocol_of(&WITH_PORTS, "6|17|132")
}

/// A named port whose protocol has ports: that a number is one of theirs is beyond a pattern.
pub(super) fn has_protocol_with_ports(port: Schema) -> Schema {
    port.check(is_one_of("protocol", &WITH_PORTS), "the protocol of a named port is TCP, UDP or SCTP")
}

fn protocol() -> Schema {
    protocol_of(&NAMED, pattern::ANY_NUMBER)
}

fn protocol_of(names: &[Protocol], numbers: &str) -> Schema {
    Schema::integer_or_text(1..=255, &pattern::protocol(names, numbers)).longest(LONGEST_PROTOCOL)
}

fn rule(side: Side) -> Schema {
    let actions = ACTIONS.iter().map(|(word, _)| *word);
    let annotations = ("annotations", "Notes by name.", Schema::texts_by_name());
    let fields = [
        (
            "action",
            "What happens to what the rule matches: Pass leaves the tier, Log goes on with the next rule.",
            Schema::word(actions),
        ),
        ("ipVersion", "4 or 6; left out, both.", Schema::integer(4..=6).one_of(&[4, 6])),
        ("protocol", "A name or a number; left out, every protocol.", protocol()),
        ("notProtocol", "Every protocol but this.", protocol()),
        ("icmp", "ICMP messages that match; needs the protocol ICMP or ICMPv6.", icmp()),
        ("notICMP", "ICMP messages that don't.", icmp()),
        ("source", "Where it comes from.", entity(side, side.ingress, false)),
        ("destination", "Where it goes.", entity(side, !side.ingress, true)),
        (
            "http",
            "HTTP requests that match; only in ingress rules that allow. No data plane of Margay can look into HTTP, so that such a rule allows nothing.",
            http(),
        ),
        ("metadata", "Notes about the rule; they have no effect.", Schema::object([annotations])),
    ];
    families(http_checks(protocol_checks(Schema::object(fields).need(&["action"])), side.ingress))
}

fn icmp() -> Schema {
    let fields = [
        ("type", "ICMP type.", Schema::integer(0..=254)),
        ("code", "ICMP code; left out, every code of the type.", Schema::integer(0..=255)),
    ];
    Schema::object(fields)
        .check("!has(self.code) || has(self.type)", "a code needs a type: codes mean nothing by themselves")
}

fn http() -> Schema {
    let path = [("exact", "The whole path.", Schema::text()), ("prefix", "What the path begins with.", Schema::text())];
    Schema::object([
        ("methods", "Methods, one of which it has.", Schema::list(Schema::text())),
        ("paths", "Paths, one of which it has.", Schema::list(Schema::object(path))),
    ])
}

/// `source` or `destination`; whether it may name a service, and whether that service says which ports.
fn entity(side: Side, may_name_services: bool, service_has_ports: bool) -> Schema {
    let name = Schema::text().longest(253).pattern(&pattern::dns_name());
    let nets = |pattern: &str| net_list(pattern);
    let ports =
        || Schema::list(Schema::integer_or_text(1..=65535, &pattern::calico_port()).longest(128)).most(MOST_PORTS);
    let accounts = [
        ("names", "Names; left out, every name.", Schema::list(name.clone())),
        ("selector", "A selector over the labels of service accounts.", selector()),
    ];
    let fields = [
        ("nets", "Addresses and CIDR blocks, of one family; one of them matches.", nets(&pattern::net())),
        ("notNets", "Addresses and CIDR blocks; none of them matches.", nets(&pattern::net_but_all())),
        (
            "selector",
            "Endpoints and network sets by their labels, in the policy's namespace unless namespaceSelector says otherwise.",
            selector(),
        ),
        ("notSelector", "Endpoints and network sets that it is none of.", selector()),
        ("namespaceSelector", "Namespaces by their labels; global() is what is in none.", selector()),
        (
            "ports",
            "Numbers, ranges (\"80:90\") and names; one of them matches. Needs the protocol TCP, UDP or SCTP.",
            ports(),
        ),
        ("notPorts", "Numbers, ranges and names; none of them matches.", ports()),
        ("serviceAccounts", "The service accounts of pods.", without_global(Schema::object(accounts), &["selector"])),
        ("services", "The endpoints of a service.", service(side, name)),
    ];
    let entity = without_global(Schema::object(fields), &["selector", "notSelector"]).check(
        format!(
            "{} || {} || {} == {}",
            is_empty("self.nets"),
            is_empty("self.notNets"),
            is_v6("self.nets[0]"),
            is_v6("self.notNets[0]")
        ),
        "nets and notNets are of one family: make a rule for each of the two",
    );
    if may_name_services { services_alone(entity, service_has_ports) } else { without_services(entity) }
}

/// Nets of one family. (The API server reckons that each net costs what it costs at most, 1,024 rules over: to compare each with the first would be too much.)
fn net_list(pattern: &str) -> Schema {
    Schema::list(Schema::text().longest(pattern::LONGEST_NET).pattern(pattern)).most(MOST_NETS).check(
        "size(self) == 0 || (self[0].contains(':') ? self.all(net, net.contains(':')) : !self.exists(net, net.contains(':')))",
            "the nets of a rule are of one family: make a rule for each of the two",
    )
}

fn service(side: Side, name: Schema) -> Schema {
    let namespace = Schema::text().longest(63);
    let fields = |namespace| {
        [("name", "Its name.", name), ("namespace", "Its namespace; left out, the policy's own.", namespace)]
    };
    if side.is_global {
        Schema::object(fields(namespace.pattern(&pattern::dns_label()))).need(&["name", "namespace"])
    } else {
        Schema::object(fields(namespace.pattern(&pattern::dns_label_or_nothing()))).need(&["name"])
    }
}

fn without_services(entity: Schema) -> Schema {
    entity
        .check("!has(self.services)", "services can be the destination of egress rules and the source of ingress rules")
}

/// A service says who it is, and as a destination also which ports.
fn services_alone(entity: Schema, has_ports: bool) -> Schema {
    let ports: &[&str] = if has_ports { &["ports", "notPorts"] } else { &[] };
    let beside = ["selector", "notSelector", "namespaceSelector", "nets", "notNets"];
    let absent: Vec<String> = beside.iter().chain(ports).map(|name| is_empty(&format!("self.{name}"))).collect();
    let entity = entity.check(
        "!has(self.services) || !has(self.serviceAccounts)",
        "services can't stand beside serviceAccounts: make a rule of its own",
    );
    let names = [&beside[..], ports].concat().join(", ");
    let names = names.replacen(", ", "~", names.matches(", ").count() - 1).replace(", ", " or ").replace('~', ", ");
    entity.check(
        format!("!has(self.services) || {}", absent.join(" && ")),
        format!("services can't stand beside {names}: make a rule of its own"),
    )
}

fn protocol_checks(rule: Schema) -> Schema {
    let ports: Vec<String> = ["source", "destination"]
        .iter()
        .map(|side| {
            format!(
                "(!has(self.{side}) || {} && {})",
                is_empty(&format!("self.{side}.ports")),
                is_empty(&format!("self.{side}.notPorts"))
            )
        })
        .collect();
    let icmp = [Protocol::ICMP, Protocol::ICMPV6];
    let rule = rule
        .check(
            format!("{} || {}", ports.join(" && "), is_one_of("protocol", &WITH_PORTS)),
            "ports and notPorts need the protocol TCP, UDP or SCTP",
        )
        .check(
            format!("!has(self.icmp) && !has(self.notICMP) || {}", is_one_of("protocol", &icmp)),
            "icmp and notICMP need the protocol ICMP or ICMPv6",
        );
    ["protocol", "notProtocol"]
        .iter()
        .flat_map(|field| [(field, Protocol::ICMP, 4), (field, Protocol::ICMPV6, 6)])
        .fold(rule, |rule, (field, protocol, version)| {
            rule.check(
                format!("!has(self.ipVersion) || self.ipVersion == {version} || !{}", is_one_of(field, &[protocol])),
                format!("{field} {protocol} is IPv{version}, which ipVersion says otherwise"),
            )
        })
}

fn http_checks(rule: Schema, ingress: bool) -> Schema {
    if !ingress {
        // It is in the schema so that it is refused: what is not there would be dropped, and the rule would allow more than is written.
        return rule.check("!has(self.http)", "http can only stand in ingress rules");
    }
    rule.check("!has(self.http) || self.action == 'Allow'", "http can only stand in a rule that allows").check(
        format!("!has(self.http) || !has(self.protocol) || {}", is_one_of("protocol", &[Protocol::TCP])),
        "http needs the protocol TCP, or none",
    )
}

/// One family in a rule: within each list and each side it is one already, so that the first of a side stands for it.
fn families(rule: Schema) -> Schema {
    let some = |side: &str| {
        let nets = format!("self.{side}.nets");
        let not_nets = format!("self.{side}.notNets");
        format!(
            "(!{} ? {} : !{} && {})",
            is_empty(&nets),
            is_v6(&format!("{nets}[0]")),
            is_empty(&not_nets),
            is_v6(&format!("{not_nets}[0]"))
        )
    };
    let none = |side: &str| {
        format!(
            "!has(self.{side}) || {} && {}",
            is_empty(&format!("self.{side}.nets")),
            is_empty(&format!("self.{side}.notNets"))
        )
    };
    let rule = rule.check(
        format!("{} || {} || {} == {}", none("source"), none("destination"), some("source"), some("destination")),
        "the nets of source and destination are of one family: make a rule for each of the two",
    );
    ["source", "destination"].iter().fold(rule, |rule, side| {
        rule.check(
            format!("!has(self.ipVersion) || {} || {} == (self.ipVersion == 6)", none(side), some(side)),
            format!("the nets of {side} are of the other family than ipVersion says"),
        )
    })
}

/// Whether a list or a text is left out or empty.
fn is_empty(path: &str) -> String {
    format!("(!has({path}) || size({path}) == 0)")
}

fn is_v6(net: &str) -> String {
    format!("{net}.contains(':')")
}

/// Whether a field is one of these protocols, in the cases that people write names in, or as a number.
fn is_one_of(field: &str, protocols: &[Protocol]) -> String {
    let mut words: Vec<String> = Vec::new();
    for protocol in protocols {
        let name = protocol.name().unwrap_or_default();
        let lower = name.to_lowercase();
        let capital = lower[..1].to_uppercase() + &lower[1..];
        for word in [name.to_owned(), name.to_uppercase(), lower, capital, protocol.0.to_string()] {
            let word = format!("'{word}'");
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    let numbers: Vec<String> = protocols.iter().map(|protocol| protocol.0.to_string()).collect();
    format!(
        "(has(self.{field}) && (self.{field} in [{}] || self.{field} in [{}]))",
        words.join(", "),
        numbers.join(", ")
    )
}
