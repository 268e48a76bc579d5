//! Rules for tests.

use margay_hcn::{AclRule, Action, Direction, RuleType};
use margay_net::{Prefix, Protocol};
use proptest::prelude::*;

/// A rule that is like no other of another letter.
pub(super) fn rule(letter: char) -> AclRule {
    AclRule {
        id: letter.to_string().into(),
        rule_type: RuleType::Switch,
        direction: Direction::In,
        action: Action::Allow,
        protocol: Some(Protocol::TCP),
        local_addresses: Vec::new(),
        remote_addresses: Vec::new(),
        local_ports: None,
        remote_ports: None,
    }
}

/// Lists of rules that overlap much; the last two say what happens to the rest.
pub(super) fn rules(most: usize) -> impl Strategy<Value = Vec<AclRule>> {
    let one = (any::<bool>(), any::<bool>(), 0u8..4, 29u8..=32, proptest::option::of(79u16..83));
    proptest::collection::vec(one, 0..most).prop_map(|list| {
        let direction = |out| if out { Direction::Out } else { Direction::In };
        let mut rules: Vec<AclRule> = list
            .into_iter()
            .map(|(out, allow, host, length, port)| AclRule {
                id: Default::default(),
                direction: direction(out),
                action: if allow { Action::Allow } else { Action::Block },
                remote_addresses: vec![Prefix::new([10, 0, 0, host].into(), length).expect("a length of IPv4")],
                local_ports: port.map(Into::into),
                ..rule(' ')
            })
            .collect();
        let rest = |out| AclRule { action: Action::Block, protocol: None, direction: direction(out), ..rule(' ') };
        rules.extend([rest(false), rest(true)]);
        rules
    })
}
