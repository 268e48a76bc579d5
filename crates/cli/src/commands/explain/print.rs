//! The report for people.

use super::report::{ClosestReport, EndReport, PolicyReport, Report, RuleName, RuleReport, TierReport};
use crate::answer::{End, Word};
use crate::streams::{Paint, Tone, clean};
use std::io::{self, Write};

/// Rules without a match that are listed of one policy, unless all are asked for.
const MOST_RULES: usize = 4;

pub(super) fn print(report: &Report, all: bool, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    Printer { all, paint, out }.report(report)
}

struct Printer<'a> {
    all: bool,
    paint: Paint,
    out: &'a mut dyn Write,
}

fn tone(word: Word) -> Tone {
    if word == Word::Allow { Tone::Good } else { Tone::Bad }
}

fn past(word: Word) -> &'static str {
    if word == Word::Allow { "allowed" } else { "denied" }
}

impl Printer<'_> {
    fn report(&mut self, report: &Report) -> io::Result<()> {
        let Report { from, to, .. } = report;
        let title = format!("{} → {}  {}", from.name, to.name, report.traffic);
        writeln!(self.out, "{}", self.paint.apply(Tone::Bold, &title))?;
        let service = report.service.as_ref().map_or_else(String::new, |service| format!("{service} → "));
        let ends = format!("{} → {service}{}", from.whose, to.whose);
        writeln!(self.out, "{}", self.paint.apply(Tone::Dim, &ends))?;
        self.backends(report)?;
        writeln!(self.out)?;
        self.verdict(report)?;
        for end in &report.ends {
            writeln!(self.out)?;
            self.end(end)?;
        }
        Ok(())
    }

    fn backends(&mut self, report: &Report) -> io::Result<()> {
        for backend in report.backends.iter().flatten() {
            let word = self.paint.apply(tone(backend.verdict), past(backend.verdict));
            writeln!(self.out, "  backend {}: {word}", std::net::SocketAddr::new(backend.address, backend.port))?;
        }
        Ok(())
    }

    fn verdict(&mut self, report: &Report) -> io::Result<()> {
        let mark = if report.verdict == Word::Allow { "✓" } else { "✗" };
        let staged = if report.layer == "staged" { " with the staged policies" } else { "" };
        let word = format!("{mark} {}{staged}", past(report.verdict).to_uppercase());
        write!(self.out, "{}", self.paint.apply(tone(report.verdict), &word))?;
        match report.ends.iter().find(|end| end.verdict == Word::Deny) {
            Some(end) => writeln!(self.out, " at the {} of {}", direction(end), name(end))?,
            None if report.ends.is_empty() => match report.by.first().and_then(|by| by.reason) {
                Some(reason) => writeln!(self.out, ": {reason}")?,
                None => writeln!(self.out, ": neither end is an endpoint here, so no policy is asked")?,
            },
            None => writeln!(self.out)?,
        }
        if let Some(otherwise) = report.otherwise {
            let otherwise = self.paint.apply(tone(otherwise), past(otherwise));
            let layer = if report.layer == "staged" { "As enforced now" } else { "With the staged policies" };
            writeln!(self.out, "{layer} it is {otherwise}.")?;
        }
        Ok(())
    }

    fn end(&mut self, end: &EndReport) -> io::Result<()> {
        let word = self.paint.apply(tone(end.verdict), past(end.verdict));
        let mut direction = direction(end).to_owned();
        direction[..1].make_ascii_uppercase();
        let title = format!("{direction} of {}", name(end));
        writeln!(self.out, "{}: {word}, {}", self.paint.apply(Tone::Bold, &title), end.because)?;
        for tier in &end.tiers {
            self.tier(tier)?;
        }
        if let Some(rule) = &end.decided_by {
            self.excerpt("Decided by", rule)?;
        }
        if let Some(closest) = &end.closest {
            self.closest(closest)?;
        } else if !end.isolated_by.is_empty() {
            writeln!(self.out, "  No policy has a rule that allows anything here: one that does is needed.")?;
        }
        Ok(())
    }

    fn tier(&mut self, tier: &TierReport) -> io::Result<()> {
        let outcome = match tier.outcome {
            "allow" => self.paint.apply(Tone::Good, "allows"),
            "deny" => self.paint.apply(Tone::Bad, "denies"),
            "pass" => "passes on to the next tier".to_owned(),
            "default pass" => "no rule matches; passes on by default".to_owned(),
            _ => self.paint.apply(Tone::Bad, "no rule matches; denies by default"),
        };
        match &tier.tier {
            Some(name) => writeln!(self.out, "  tier {name}: {outcome}")?,
            None => writeln!(self.out, "  profile: {outcome}")?,
        }
        tier.policies.iter().try_for_each(|policy| self.policy(policy))
    }

    fn policy(&mut self, policy: &PolicyReport) -> io::Result<()> {
        let place = self.place(policy.name.place.as_deref());
        writeln!(self.out, "    {}{place}", policy.name.words)?;
        let (matched, missed): (Vec<_>, Vec<_>) = policy.rules.iter().partition(|rule| rule.matched);
        let most = if self.all { usize::MAX } else { MOST_RULES };
        // The nearest are the ones to know.
        let mut nearest: Vec<_> = missed.iter().map(|rule| (rule.missed.len(), rule.rule)).collect();
        nearest.sort_unstable();
        nearest.truncate(most);
        for rule in policy.rules.iter().filter(|rule| rule.matched || nearest.contains(&(rule.missed.len(), rule.rule)))
        {
            self.rule(rule)?;
        }
        let more = missed.len().saturating_sub(most);
        if more > 0 {
            let text = format!("        {more} more rules do not match (--all lists them)");
            writeln!(self.out, "{}", self.paint.apply(Tone::Dim, &text))?;
        }
        if policy.rules.is_empty() && matched.is_empty() {
            writeln!(self.out, "{}", self.paint.apply(Tone::Dim, "        no rules"))?;
        }
        Ok(())
    }

    fn rule(&mut self, rule: &RuleReport) -> io::Result<()> {
        let RuleReport { rule: index, action, .. } = rule;
        if rule.unreadable {
            let text = if rule.matched { "denies everything" } else { "matches nothing" };
            let text = format!(
                "      rule {index} {action}: can't be enforced as it is written, so it {text} (`margay validate` says more)"
            );
            return writeln!(self.out, "{}", self.paint.apply(Tone::Bad, &text));
        }
        if rule.matched {
            let tone = match *action {
                "allow" => Tone::Good,
                "deny" => Tone::Bad,
                _ => Tone::Mixed,
            };
            let text = format!("rule {index} {action}: matches");
            return writeln!(self.out, "      ▸ {}", self.paint.apply(tone, &text));
        }
        let parts: Vec<_> = rule.missed.iter().map(|fix| format!("{} is {}", fix.part, fix.flow)).collect();
        let text = format!("        rule {index} {action}: no match, {}", parts.join(", "));
        writeln!(self.out, "{}", self.paint.apply(Tone::Dim, &text))
    }

    fn closest(&mut self, closest: &ClosestReport) -> io::Result<()> {
        self.excerpt("Closest", &closest.rule)?;
        for (index, fix) in closest.would_match_if.iter().enumerate() {
            let word = if index == 0 { "would match if" } else { "and if" };
            let is_list = fix.part.ends_with("address") && !fix.rule.starts_with("any but");
            let one_of = if is_list { "one of: " } else { "" };
            writeln!(self.out, "  {word} the {} were {one_of}{}", fix.part, self.paint.apply(Tone::Good, &fix.rule))?;
            let since = match fix.since.as_str() {
                "" => String::new(),
                of_pod if of_pod.starts_with("has ") || of_pod.starts_with("is ") => format!(", which {of_pod}"),
                of_other => format!("; {of_other}"),
            };
            writeln!(self.out, "    it is {}{since}", self.paint.apply(Tone::Bad, &fix.flow))?;
        }
        Ok(())
    }

    fn excerpt(&mut self, what: &str, rule: &RuleName) -> io::Result<()> {
        let place = self.place(rule.rule_place.as_deref());
        writeln!(self.out, "  {what}: {} rule {} of {}{place}", rule.direction, rule.rule, rule.policy.words)?;
        for (number, line) in &rule.lines {
            let line = format!("{number:>6} | {}", clean(line));
            writeln!(self.out, "{}", self.paint.apply(Tone::Dim, &line))?;
        }
        Ok(())
    }

    fn place(&self, place: Option<&str>) -> String {
        place.map_or_else(String::new, |place| format!("  {}", self.paint.apply(Tone::Dim, &clean(place))))
    }
}

fn direction(end: &EndReport) -> &'static str {
    match end.end {
        End::Egress | End::HostEgress => "egress",
        End::Ingress | End::HostIngress | End::Service => "ingress",
    }
}

fn name(end: &EndReport) -> String {
    match &end.node {
        Some(node) => format!("host endpoint {} of node {node}", end.endpoint),
        None => end.endpoint.clone(),
    }
}
