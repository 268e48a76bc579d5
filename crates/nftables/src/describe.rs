//! Messages in words, for errors: what was to be done to which object, down to the element or expression that failed.

use crate::attr::{Attr, Attrs};
use crate::element::{self, Element};
use crate::expr::Expr;
use crate::family::Family;
use crate::kind::MessageKind;
use crate::message::{self, FULL_HEADER};
use crate::rule;

/// Says what the message is about. `offset` is where in the message the kernel saw the mistake.
pub(crate) fn describe(bytes: &[u8], offset: Option<u32>) -> String {
    let Some(Ok(message)) = message::messages(bytes).next() else { return "a message".to_owned() };
    let Some(kind) = MessageKind::from_netlink(message.kind) else { return "a message".to_owned() };
    let Ok((family, attributes)) = message.netfilter() else { return kind.to_string() };
    let family = Family::from_wire(family).map(|family| family.to_string()).unwrap_or_default();
    let text = |number| find(&attributes, number).and_then(|attr| attr.string().ok()).unwrap_or("");

    // In each message of nf_tables the first attribute is the table; where the object's own name stands differs.
    let (verb, noun, name) = match kind {
        MessageKind::NewTable => ("add", "table", None),
        MessageKind::DelTable => ("delete", "table", None),
        MessageKind::NewChain => ("add", "chain", Some(text(3))),
        MessageKind::DelChain => ("delete", "chain", Some(text(3))),
        MessageKind::NewRule => ("add", "rule", Some(text(2))),
        MessageKind::DelRule => ("delete", "rule", Some(text(2))),
        MessageKind::NewSet => ("add", "set", Some(text(2))),
        MessageKind::DelSet => ("delete", "set", Some(text(2))),
        MessageKind::NewSetElem => ("add", "element", Some(text(2))),
        MessageKind::DelSetElem => ("delete", "element", Some(text(2))),
        MessageKind::NewObj => ("add", "counter", Some(text(2))),
        MessageKind::DelObj => ("delete", "counter", Some(text(2))),
        MessageKind::NewFlowtable | MessageKind::DelFlowtable | MessageKind::NewGen => ("change", "object", None),
    };
    let mut words = format!("{verb} {noun} {family} {}", text(1));
    if let Some(name) = name {
        words.push(' ');
        words.push_str(name);
    }
    if kind == MessageKind::DelRule
        && let Some(Ok(handle)) = find(&attributes, 3).map(|handle| handle.be64())
    {
        words.push_str(&format!(" handle {handle}"));
    }
    if let Some(part) = offset.and_then(|offset| part(kind, attributes, (offset as usize).checked_sub(FULL_HEADER)?)) {
        words.push_str(&part);
    }
    words
}

fn find<'a>(attributes: &Attrs<'a>, kind: u16) -> Option<Attr<'a>> {
    attributes.clone().flatten().find(|attr| attr.kind == kind)
}

/// The attribute around `offset`, its place in the list, and where its value begins.
fn around(mut attributes: Attrs<'_>, offset: usize) -> Option<(usize, Attr<'_>, usize)> {
    let mut place = 0;
    loop {
        let start = attributes.position();
        let attr = attributes.next()?.ok()?;
        if offset < attributes.position() {
            return Some((place, attr, start + 4));
        }
        place += 1;
    }
}

fn part(kind: MessageKind, attributes: Attrs<'_>, offset: usize) -> Option<String> {
    let (_, list, value) = around(attributes, offset)?;
    let inner = offset.checked_sub(value)?;
    match (kind, list.kind) {
        (MessageKind::NewSetElem | MessageKind::DelSetElem, element::LIST_ELEMENTS) => {
            let (_, element, _) = around(list.attrs(), inner)?;
            Some(format!(" {{ {} }}", Element::decode(element).ok()?))
        }
        (MessageKind::NewRule, rule::EXPRESSIONS) => {
            let (place, expression, _) = around(list.attrs(), inner)?;
            Some(format!(", expression {} ({})", place + 1, words(&Expr::decode(expression).ok()?)))
        }
        _ => None,
    }
}

fn words(expression: &Expr) -> String {
    use crate::expr::{Immediate, Lookup, Objref, SetRef};
    match expression {
        Expr::Immediate(Immediate::Verdict(verdict)) => verdict.to_string(),
        Expr::Lookup(Lookup { set: SetRef::Named(name), .. }) => format!("lookup @{name}"),
        Expr::Objref(Objref::Named { name, .. }) => format!("counter \"{name}\""),
        other => other.name().to_owned(),
    }
}
