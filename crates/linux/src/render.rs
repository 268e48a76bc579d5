//! The table in nft's words, for people to read.

use crate::Options;
use crate::mirror::Mirror;
use crate::sink::Content;
use margay_nftables::expr::{
    Bitwise, BitwiseOp, CmpOp, Ct, CtKey, Expr, Immediate, Load, Log, Lookup, Meta, MetaKey, Outcome,
};
use margay_nftables::expr::{Payload, PayloadBase, PayloadField, RangeOp, SetRef};
use margay_nftables::{ChainPolicy, Data, Element, ElementFlags, Rule, Set, SetKey, Value};
use margay_policy::Plan;
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What [`LinuxDriver`](crate::LinuxDriver) would program for a Plan, in nft's words: every rule with the policy it is from.
pub fn render(plan: &Plan, options: &Options) -> String {
    let mut content = Content::default();
    Mirror::load(plan, options, &mut content);
    let mut out = format!("table inet {} {{\n", crate::names::TABLE);
    for (set, elements) in content.sets.values_mut() {
        Element::sort(elements);
        out += &render_set(set, elements);
    }
    let (base, regular): (Vec<_>, Vec<_>) =
        content.order.iter().map(|name| &content.chains[name]).partition(|(chain, _)| chain.base.is_some());
    for (chain, rules) in base.into_iter().chain(regular) {
        let _ = writeln!(out, "\tchain {} {{", chain.name);
        if let Some(comment) = chain.userdata.comment() {
            let _ = writeln!(out, "\t\tcomment \"{comment}\"");
        }
        if let Some(base) = &chain.base {
            let policy = if base.policy == ChainPolicy::Accept { "accept" } else { "drop" };
            let hook = format!("{:?}", base.hook).to_lowercase();
            let _ =
                writeln!(out, "\t\ttype {} hook {hook} priority {}; policy {policy};", base.kind.name(), base.priority);
        }
        for rule in rules {
            let _ = writeln!(out, "\t\t{}", render_rule(rule));
        }
        out += "\t}\n";
    }
    out + "}\n"
}

fn render_set(set: &Set, elements: &[Element]) -> String {
    let word = if set.data.is_some() { "map" } else { "set" };
    let mut out = format!("\t{word} {} {{\n", set.name);
    if let Some(comment) = set.userdata.set_comment() {
        let _ = writeln!(out, "\t\tcomment \"{comment}\"");
    }
    let list = list(elements, &set.key);
    if !list.is_empty() {
        let _ = writeln!(out, "\t\telements = {{ {list} }}");
    }
    out + "\t}\n"
}

fn list(elements: &[Element], key: &SetKey) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut open: Option<&Data> = None;
    let close = |parts: &mut Vec<String>, first: &Data, last: Option<&Data>| {
        let text = match last {
            Some(last) if last != first => format!("{}-{}", fields(first, key), fields(last, key)),
            _ => fields(first, key),
        };
        parts.push(text);
    };
    let interval = elements.iter().any(|element| element.flags.contains(ElementFlags::INTERVAL_END));
    for element in elements {
        if element.flags.contains(ElementFlags::INTERVAL_END) {
            if let Some(first) = open.take() {
                close(&mut parts, first, predecessor(&element.key).as_ref());
            }
        } else if interval {
            open = Some(&element.key);
        } else {
            let value = match &element.value {
                Some(Value::Verdict(verdict)) => format!(" : {verdict}"),
                _ => String::new(),
            };
            parts.push(fields(&element.key, key) + &value);
        }
    }
    if let Some(first) = open {
        close(&mut parts, first, Some(&Data::new(&vec![0xff; first.bytes().len()])));
    }
    parts.join(", ")
}

fn predecessor(data: &Data) -> Option<Data> {
    let mut bytes = data.bytes().to_vec();
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_sub(1);
        if *byte != 0xff {
            return Some(Data::new(&bytes));
        }
    }
    None
}

/// The fields of a key, each by its length.
fn fields(data: &Data, key: &SetKey) -> String {
    let mut at = 0;
    let mut parts = Vec::new();
    for len in key.fields() {
        let len = usize::from(*len);
        let Some(bytes) = data.bytes().get(at..at + len) else { break };
        parts.push(value(bytes));
        at += len.div_ceil(4) * 4;
    }
    parts.join(" . ")
}

/// A value by its length: an address, a port, an interface name, a small number.
fn value(bytes: &[u8]) -> String {
    match *bytes {
        [a, b, c, d] => Ipv4Addr::new(a, b, c, d).to_string(),
        [high, low] => u16::from_be_bytes([high, low]).to_string(),
        [one] => one.to_string(),
        _ => match <[u8; 16]>::try_from(bytes) {
            Ok(all) if is_name(&all) => format!("\"{}\"", String::from_utf8_lossy(&all).trim_end_matches('\0')),
            Ok(all) => Ipv6Addr::from(all).to_string(),
            Err(_) => bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}")),
        },
    }
}

fn is_name(bytes: &[u8; 16]) -> bool {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    !text.is_empty() && text.iter().all(u8::is_ascii_graphic) && bytes[text.len()..].iter().all(|byte| *byte == 0)
}

fn render_rule(rule: &Rule) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut loaded: Vec<String> = Vec::new();
    let mut mask: Option<Data> = None;
    for expression in &rule.expressions {
        let subject = || loaded.join(" . ");
        match expression {
            Expr::Meta(Meta::Load { key, .. }) => loaded.push(load(Load::Meta(*key))),
            Expr::Payload(Payload::Load { field, .. }) => loaded.push(load(Load::Payload(*field))),
            Expr::Ct(Ct::Load { key, .. }) => loaded.push(load(Load::Ct(*key))),
            Expr::Bitwise(Bitwise { op: BitwiseOp::MaskXor { mask: bits, .. }, .. }) => mask = Some(bits.clone()),
            Expr::Cmp(cmp) => {
                let sign = if cmp.op == CmpOp::Ne { "!= " } else { "" };
                words.push(match (mask.take(), subject().as_str()) {
                    (Some(bits), "ct state") => format!("ct state {}", states(&bits)),
                    (Some(bits), subject) => {
                        let ones: u32 = bits.bytes().iter().map(|byte| byte.count_ones()).sum();
                        format!("{subject} {sign}{}/{ones}", value(cmp.data.bytes()))
                    }
                    (None, "meta nfproto") => {
                        format!("meta nfproto {sign}{}", if cmp.data.bytes() == [2] { "ipv4" } else { "ipv6" })
                    }
                    (None, "meta l4proto") => {
                        let protocol = cmp.data.bytes().first().copied().unwrap_or_default();
                        format!("meta l4proto {sign}{}", margay_net::Protocol(protocol).to_string().to_lowercase())
                    }
                    (None, subject) => format!("{subject} {sign}{}", value(cmp.data.bytes())),
                });
                loaded.clear();
            }
            Expr::Range(range) => {
                let sign = if range.op == RangeOp::Outside { "!= " } else { "" };
                words.push(format!("{} {sign}{}-{}", subject(), value(range.from.bytes()), value(range.to.bytes())));
                loaded.clear();
            }
            Expr::Lookup(Lookup { set, outcome, .. }) => {
                let set = match set {
                    SetRef::Named(name) => format!("@{name}"),
                    SetRef::Inline(inline) => format!("{{ {} }}", list(inline.elements(), inline.key())),
                };
                let how = match outcome {
                    Outcome::Missing => "!= ",
                    Outcome::Verdict => "vmap ",
                    _ => "",
                };
                words.push(format!("{} {how}{set}", subject()));
                loaded.clear();
            }
            Expr::Immediate(Immediate::Verdict(verdict)) => words.push(verdict.to_string()),
            Expr::Log(Log::Nflog { group, prefix, .. }) => words.push(format!("log prefix \"{prefix}\" group {group}")),
            Expr::Notrack(_) => words.push("notrack".into()),
            other => words.push(format!("({})", other.name())),
        }
    }
    if let Some(comment) = rule.userdata.comment() {
        words.push(format!("comment \"{comment}\""));
    }
    words.join(" ")
}

fn states(mask: &Data) -> String {
    let bits = <[u8; 4]>::try_from(mask.bytes()).map(u32::from_ne_bytes).unwrap_or_default();
    let names = [(1, "invalid"), (2, "established"), (4, "related"), (8, "new"), (64, "untracked")];
    names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}

fn load(what: Load) -> String {
    match what {
        Load::Meta(MetaKey::NfProto) => "meta nfproto".into(),
        Load::Meta(MetaKey::L4Proto) => "meta l4proto".into(),
        Load::Meta(MetaKey::IifName) => "iifname".into(),
        Load::Meta(MetaKey::OifName) => "oifname".into(),
        Load::Meta(other) => format!("meta {other:?}").to_lowercase(),
        Load::Ct(CtKey::State) => "ct state".into(),
        Load::Ct(other) => format!("ct {other:?}").to_lowercase(),
        Load::Payload(field) => payload(field),
    }
}

fn payload(field: PayloadField) -> String {
    let known = [
        (PayloadField::IP_SADDR, "ip saddr"),
        (PayloadField::IP_DADDR, "ip daddr"),
        (PayloadField::IP6_SADDR, "ip6 saddr"),
        (PayloadField::IP6_DADDR, "ip6 daddr"),
        (PayloadField::SPORT, "th sport"),
        (PayloadField::DPORT, "th dport"),
        (PayloadField::ICMP_TYPE, "icmp type"),
    ];
    if let Some((_, name)) = known.iter().find(|(known, _)| *known == field) {
        return (*name).to_owned();
    }
    let base = match field.base {
        PayloadBase::Link => "ll",
        PayloadBase::Network => "nh",
        PayloadBase::Transport => "th",
        PayloadBase::Inner => "ih",
    };
    format!("@{base},{},{}", field.offset * 8, field.len * 8)
}
