//! Which rule it was: in the prefix of a packet that is logged, and in the comment of a rule that counts.

use crate::Options;
use margay_dataplane::{Reason, Verdict};
use margay_nftables::expr::Log;
use margay_nftables::{Rule, Verdict as NftVerdict};
use margay_policy::Direction;

/// What every prefix begins with.
const OURS: &str = "margay";
/// The longest prefix that the kernel takes, in bytes.
const LONGEST: usize = 127;

/// What a rule's comment says.
fn comment(reason: &Reason) -> String {
    match reason {
        Reason::Rule { policy, index } => format!("{policy} {index}"),
        Reason::TierEnd { tier } => format!("end of tier {tier}"),
        Reason::NoProfile => "no profile allows it".into(),
        Reason::UnknownPod => "of no known pod".into(),
    }
}

/// The prefix of a packet that is logged: `margay 0123456789abcdef ingress 4` of a Log rule, `margay deny ingress rule 0123456789abcdef 4` of what denies.
pub(crate) fn prefix(verdict: Verdict, direction: Direction, reason: &Reason) -> String {
    let text = match (verdict, reason) {
        (Verdict::Log, Reason::Rule { policy, index }) => format!("{OURS} {policy} {direction} {index}"),
        (_, Reason::Rule { policy, index }) => format!("{OURS} deny {direction} rule {policy} {index}"),
        (_, Reason::TierEnd { tier }) => format!("{OURS} deny {direction} tier {tier}"),
        (_, Reason::NoProfile) => format!("{OURS} deny {direction} profile"),
        (_, Reason::UnknownPod) => format!("{OURS} deny {direction} unknown"),
    };
    text[..text.floor_char_boundary(LONGEST)].to_owned()
}

/// What a prefix says; `None` where it is not ours.
pub(crate) fn read(prefix: &[u8]) -> Option<(Verdict, Direction, Reason)> {
    let words: Vec<&str> = std::str::from_utf8(prefix).ok()?.split(' ').collect();
    let way = |name: &str| Direction::ALL.into_iter().find(|direction| direction.to_string() == name);
    let rule = |policy: &str, index: &str| Some(Reason::Rule { policy: policy.into(), index: index.parse().ok()? });
    match words[..] {
        [OURS, "deny", direction, "rule", policy, index] => {
            Some((Verdict::Deny, way(direction)?, rule(policy, index)?))
        }
        [OURS, "deny", direction, "tier", tier] => {
            Some((Verdict::Deny, way(direction)?, Reason::TierEnd { tier: tier.into() }))
        }
        [OURS, "deny", direction, "profile"] => Some((Verdict::Deny, way(direction)?, Reason::NoProfile)),
        [OURS, "deny", direction, "unknown"] => Some((Verdict::Deny, way(direction)?, Reason::UnknownPod)),
        [OURS, policy, direction, index] => Some((Verdict::Log, way(direction)?, rule(policy, index)?)),
        _ => None,
    }
}

/// The rule with which what has come so far is denied: counted and logged, where that is asked for.
pub(crate) fn finish(rule: Rule, direction: Direction, reason: &Reason, options: &Options) -> Rule {
    let rule = if options.count { rule.counter() } else { rule };
    let rule = match options.log_denied {
        true => rule.with(Log::nflog(options.nflog_group, prefix(Verdict::Deny, direction, reason))),
        false => rule,
    };
    rule.verdict(NftVerdict::Drop).with_comment(&comment(reason))
}

/// The comment of a policy's rule: `NetworkPolicy shop/db ingress[4]`.
pub(crate) fn rule_comment(policy: &str, direction: Direction, index: u16) -> String {
    format!("{policy} {direction}[{index}]")
}

/// The policy, direction and index that a rule's comment names; `None` where it is not a policy's, or was cut.
pub(crate) fn read_comment(comment: &str) -> Option<(&str, &str, &str)> {
    let (rest, index) = comment.strip_suffix(']')?.rsplit_once('[')?;
    let (policy, direction) = rest.rsplit_once(' ')?;
    Some((policy, direction, index))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, prefix, read, read_comment, rule_comment};
    use margay_dataplane::{Reason, Verdict};
    use margay_policy::Direction::{Egress, Ingress};

    #[test]
    fn a_prefix_says_what_it_was_made_of() {
        let long = "t".repeat(300);
        for (verdict, direction, reason, text) in [
            (
                Verdict::Deny,
                Ingress,
                Reason::Rule { policy: "0a1b".into(), index: 4 },
                "margay deny ingress rule 0a1b 4",
            ),
            (Verdict::Log, Egress, Reason::Rule { policy: "0a1b".into(), index: 0 }, "margay 0a1b egress 0"),
            (Verdict::Deny, Egress, Reason::TierEnd { tier: "default".into() }, "margay deny egress tier default"),
            (Verdict::Deny, Ingress, Reason::NoProfile, "margay deny ingress profile"),
            (Verdict::Deny, Egress, Reason::UnknownPod, "margay deny egress unknown"),
        ] {
            assert_eq!(prefix(verdict, direction, &reason), text);
            assert_eq!(read(text.as_bytes()), Some((verdict, direction, reason)));
        }
        let cut = prefix(Verdict::Deny, Ingress, &Reason::TierEnd { tier: long });
        assert_eq!(cut.len(), LONGEST);
        assert!(matches!(read(cut.as_bytes()), Some((_, _, Reason::TierEnd { tier })) if tier.len() == 102));
    }

    #[test]
    fn a_prefix_of_another_says_nothing() {
        for text in [
            "",
            "margay",
            "margay deny",
            "margay deny up rule a 1",
            "margay deny ingress rule a 99999",
            "other deny ingress profile",
            "margay deny ingress profile x",
            "margay deny ingress rule a 1 2",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read(b"margay deny ingress tier \xff"), None);
    }

    #[test]
    fn a_comment_says_which_rule() {
        let comment = rule_comment("Calico NetworkPolicy shop/db", Ingress, 4);
        assert_eq!(read_comment(&comment), Some(("Calico NetworkPolicy shop/db", "ingress", "4")));
        assert_eq!(read_comment("end of tier default"), None);
    }
}
