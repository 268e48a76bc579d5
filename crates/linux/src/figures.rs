//! What the kernel counted.

use crate::attribution::read_comment;
use crate::sink::table_id;
use crate::unknown::COUNTED;
use margay_nftables::expr::Expr;
use margay_nftables::{Connection, Error, Rule};
use std::collections::BTreeMap;

/// Reads Margay's table for its figures, by a connection of its own: from another thread than the driver's, in the network namespace that the thread was in
/// when it was made.
pub struct TableReader {
    connection: Connection,
}

/// What is in the table, and what it counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableFigures {
    /// Chains.
    pub chains: usize,
    /// Rules.
    pub rules: usize,
    /// Rules of policies and ends of tiers that any packet met; those of one policy, direction and index are one. In order.
    pub hits: Vec<RuleHits>,
    /// First packets to or from addresses in the pod CIDRs that no known pod has.
    pub unknown_pods: u64,
}

/// Packets that met a rule. As long as established connections are let through before it, they are connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleHits {
    /// The policy, as its chain's comment says it; empty where it is the end of a tier, or of a stack.
    pub policy: String,
    /// `ingress` or `egress`.
    pub direction: String,
    /// Its index in the resource; or what it is.
    pub rule: String,
    /// How many, since it was written.
    pub packets: u64,
}

impl TableReader {
    /// Opens the kernel's door.
    ///
    /// # Errors
    /// Where netlink is not to be had.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { connection: Connection::open()? })
    }

    /// Reads rules and chains, and no set.
    ///
    /// # Errors
    /// Where the kernel won't tell. That there is no table is none.
    pub fn read(&mut self) -> Result<TableFigures, Error> {
        let table = table_id();
        let (chains, rules) = match (self.connection.chains(&table), self.connection.rules(&table, None)) {
            (Ok(chains), Ok(rules)) => (chains.len(), rules),
            (Err(error), _) | (_, Err(error)) if !error.is_not_found() => return Err(error),
            _ => return Ok(TableFigures::default()),
        };
        let mut figures = TableFigures { chains, rules: rules.len(), ..TableFigures::default() };
        let mut hits: BTreeMap<(String, String, String), u64> = BTreeMap::new();
        for entry in &rules {
            let Some(packets) = packets(&entry.rule).filter(|packets| *packets > 0) else { continue };
            let comment = entry.rule.userdata.comment().unwrap_or_default();
            if entry.chain.ends_with("unknown-pods") {
                figures.unknown_pods += packets;
            }
            if comment == COUNTED {
                continue;
            }
            let key = match read_comment(comment) {
                Some((policy, direction, index)) => (policy.to_owned(), direction.to_owned(), index.to_owned()),
                None => (String::new(), way(&entry.chain).to_owned(), comment.to_owned()),
            };
            *hits.entry(key).or_default() += packets;
        }
        let hits = hits.into_iter();
        figures.hits =
            hits.map(|((policy, direction, rule), packets)| RuleHits { policy, direction, rule, packets }).collect();
        Ok(figures)
    }
}

/// The direction of a chain, which its name says.
fn way(chain: &str) -> &'static str {
    match chain.split('-').nth(1) {
        Some(lane) if lane.starts_with("in") => "ingress",
        Some(lane) if lane.starts_with("out") => "egress",
        _ => "",
    }
}

fn packets(rule: &Rule) -> Option<u64> {
    rule.expressions.iter().find_map(|expression| match expression {
        Expr::Counter(counter) => Some(counter.packets),
        _ => None,
    })
}
