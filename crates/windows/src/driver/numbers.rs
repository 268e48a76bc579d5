//! Numbers for an ordered list of rules: those of rules that are there already stay, so that a change writes what it changes and no more.

use margay_hcn::{Acl, AclRule, Feature, RuleType, Version};

/// The lowest number of a Switch rule of ours. Below 100, a port of Server 2025 goes dead \[FIELD\]; what others write comes before 1000 (Calico's rule
/// that lets the host in has 900 \[SRC\]).
pub const FIRST: u16 = 1000;
/// The highest number of a Switch rule of ours: above 65500 they have no effect \[SRC\], and a CNI plugin's own last rule has that number.
pub const LAST: u16 = 65000;
/// The number of Host rules where they need one \[SRC\]; else they have 0.
pub const HOST_BEFORE_1803: u16 = 100;

/// More comparisons than this are not made to find what stays; then all between the common ends is new.
const MOST_COMPARISONS: usize = 4_000_000;

/// Gives each rule a number, in their order. `present` is what of ours is there, in any order.
///
/// Numbers are distinct, so that nothing rests on which of two equal ones HNS asks first \[UNK\]. Where the gaps between rules that stay have no room left,
/// all are numbered afresh. At most as many Switch rules as there are numbers get one: the budget of lowering is far below that.
pub fn number(desired: &[AclRule], present: &[Acl], version: Version) -> Vec<Acl> {
    let mut standing: Vec<&Acl> = present.iter().filter(|acl| acl.rule.rule_type == RuleType::Switch).collect();
    standing.sort_by_key(|acl| acl.priority);
    let switch: Vec<&AclRule> = desired.iter().filter(|rule| rule.rule_type == RuleType::Switch).collect();
    let numbers = kept(&switch, &standing).and_then(|kept| fill(&kept)).unwrap_or_else(|| fresh(switch.len()));
    let host = if version.has(Feature::AclNoHostRulePriority) { 0 } else { HOST_BEFORE_1803 };
    let mut numbers = numbers.into_iter();
    let mut next = |rule: &AclRule| match rule.rule_type {
        RuleType::Host => Some(host),
        RuleType::Switch => numbers.next(),
    };
    desired.iter().map_while(|rule| Some(Acl { priority: next(rule)?, rule: rule.clone() })).collect()
}

/// For each rule, the number it keeps. `None` where what is there can't be kept: equal numbers, or some out of bounds.
fn kept(desired: &[&AclRule], standing: &[&Acl]) -> Option<Vec<Option<u16>>> {
    let ours = |acl: &&&Acl| (FIRST..=LAST).contains(&acl.priority);
    let sound = standing.iter().all(|acl| ours(&acl)) && standing.windows(2).all(|w| w[0].priority < w[1].priority);
    if !sound {
        return None;
    }
    let mut numbers = vec![None; desired.len()];
    for (index, at) in common(desired, standing) {
        numbers[index] = Some(standing[at].priority);
    }
    Some(numbers)
}

/// The longest common subsequence, as pairs of places.
fn common(desired: &[&AclRule], standing: &[&Acl]) -> Vec<(usize, usize)> {
    let same = |(a, b): &(&&AclRule, &&Acl)| **a == &b.rule;
    let start = desired.iter().zip(standing).take_while(same).count();
    let (rest, left) = (&desired[start..], &standing[start..]);
    let end = rest.iter().rev().zip(left.iter().rev()).take_while(same).count();
    let (rest, left) = (&rest[..rest.len() - end], &left[..left.len() - end]);
    let mut pairs: Vec<(usize, usize)> = (0..start).map(|place| (place, place)).collect();
    if rest.len().saturating_mul(left.len()) <= MOST_COMPARISONS {
        pairs.extend(middle(rest, left).into_iter().map(|(a, b)| (start + a, start + b)));
    }
    pairs.extend((0..end).rev().map(|place| (desired.len() - 1 - place, standing.len() - 1 - place)));
    pairs
}

/// The longest common subsequence by the table of all pairs of suffixes.
fn middle(desired: &[&AclRule], standing: &[&Acl]) -> Vec<(usize, usize)> {
    let width = standing.len() + 1;
    let mut longest = vec![0u32; (desired.len() + 1) * width];
    for a in (0..desired.len()).rev() {
        for b in (0..standing.len()).rev() {
            longest[a * width + b] = if *desired[a] == standing[b].rule {
                longest[(a + 1) * width + b + 1] + 1
            } else {
                longest[(a + 1) * width + b].max(longest[a * width + b + 1])
            };
        }
    }
    let (mut a, mut b, mut pairs) = (0, 0, Vec::new());
    while a < desired.len() && b < standing.len() {
        if *desired[a] == standing[b].rule {
            pairs.push((a, b));
            (a, b) = (a + 1, b + 1);
        } else if longest[(a + 1) * width + b] >= longest[a * width + b + 1] {
            a += 1;
        } else {
            b += 1;
        }
    }
    pairs
}

/// Numbers those that have none, evenly between the ones that do. `None` where a gap is too small.
fn fill(kept: &[Option<u16>]) -> Option<Vec<u16>> {
    let mut numbers = Vec::with_capacity(kept.len());
    let mut low = FIRST - 1;
    let mut start = 0;
    loop {
        let run = kept[start..].iter().take_while(|number| number.is_none()).count();
        let high = kept.get(start + run).copied().flatten().unwrap_or(LAST + 1);
        numbers.extend(between(low, high, run)?);
        if start + run == kept.len() {
            return Some(numbers);
        }
        numbers.push(high);
        (low, start) = (high, start + run + 1);
    }
}

/// So many numbers between two, evenly spread. `None` where there is no room for them.
fn between(low: u16, high: u16, count: usize) -> Option<impl Iterator<Item = u16>> {
    let room = usize::from(high - low) - 1;
    let number = move |place: usize| low + (usize::from(high - low) * (place + 1) / (count + 1)) as u16;
    (count <= room).then(|| (0..count).map(number))
}

fn fresh(count: usize) -> Vec<u16> {
    let count = count.min(usize::from(LAST - FIRST) + 1);
    between(FIRST - 1, LAST + 1, count).map(Iterator::collect).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::sample::rule;
    use super::*;
    use proptest::prelude::*;

    const VERSION: Version = Version::new(9, 5);

    /// Rules by letters; numbers of ours by letters and numbers.
    fn check(present: &[(char, u16)], desired: &str, expected: &[u16]) {
        let present: Vec<Acl> =
            present.iter().map(|(letter, priority)| Acl { priority: *priority, rule: rule(*letter) }).collect();
        let desired: Vec<AclRule> = desired.chars().map(rule).collect();
        let numbers: Vec<u16> = number(&desired, &present, VERSION).iter().map(|acl| acl.priority).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn rules_keep_their_numbers() {
        check(&[], "", &[]);
        check(&[], "a", &[33000]);
        check(&[], "abc", &[16999, 33000, 49000]);
        check(&[('a', 17000), ('b', 33000), ('c', 49000)], "abc", &[17000, 33000, 49000]);
        check(&[('c', 49000), ('a', 17000), ('b', 33000)], "ac", &[17000, 49000]);
        check(&[('a', 17000), ('c', 49000)], "abc", &[17000, 33000, 49000]);
        check(&[('a', 17000), ('c', 49000)], "xac", &[8999, 17000, 49000]);
        check(&[('a', 17000), ('c', 49000)], "acx", &[17000, 49000, 57000]);
        // A gap that is full, numbers that are equal or not ours: all afresh.
        check(&[('a', 1000), ('c', 1001)], "abc", &[16999, 33000, 49000]);
        check(&[('a', 1000), ('c', 1000)], "ac", &[22333, 43667]);
        check(&[('a', 200), ('c', 3000)], "ac", &[22333, 43667]);
        // What changed its place is new there.
        check(&[('a', 10000), ('b', 20000), ('c', 30000)], "bca", &[20000, 30000, 47500]);
    }

    #[test]
    fn host_rules_have_the_number_that_the_version_asks_for() {
        let host = AclRule { rule_type: RuleType::Host, ..rule('h') };
        let numbers = |version| number(&[host.clone(), rule('a')], &[], version)[0].priority;
        assert_eq!([numbers(Version::new(7, 0)), numbers(Version::new(7, 2))], [100, 0]);
    }

    proptest! {
        #[test]
        fn numbers_ascend_and_what_stays_in_order_is_kept(
            before in proptest::collection::vec(0u8..12, 0..40),
            edits in proptest::collection::vec((0usize..40, 0u8..12, any::<bool>()), 0..60),
        ) {
            let letters = |list: &[u8]| list.iter().map(|n| rule(char::from(b'a' + n))).collect::<Vec<_>>();
            let mut list = before;
            let mut acls = number(&letters(&list), &[], VERSION);
            for (at, letter, insert) in edits {
                let at = at.min(list.len());
                if insert {
                    list.insert(at, letter);
                } else if at < list.len() {
                    list.remove(at);
                }
                let next = number(&letters(&list), &acls, VERSION);
                prop_assert_eq!(next.len(), list.len());
                prop_assert!(next.iter().zip(letters(&list)).all(|(acl, rule)| acl.rule == rule));
                prop_assert!(next.windows(2).all(|pair| pair[0].priority < pair[1].priority));
                let moved = acls.iter().filter(|acl| !next.contains(acl)).count();
                prop_assert!(moved <= 1 || next == number(&letters(&list), &[], VERSION), "{} moved", moved);
                prop_assert_eq!(number(&letters(&list), &next, VERSION), next.clone());
                acls = next;
            }
        }
    }
}
