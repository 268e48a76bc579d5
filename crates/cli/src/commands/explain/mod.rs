//! `margay explain`: why a flow is allowed or denied, and what would change it.

mod print;
mod report;

use crate::Party;
use crate::answer::Word;
use crate::flows::{Question, parse_family};
use crate::input::Input;
use crate::streams::{Exit, Failure, Streams};
use margay_api::{Family, Protocol};
use margay_policy::Layer;
use report::Report;

/// Say tier by tier why a flow is allowed or denied, and what would change it
///
/// FROM and TO are namespace/pod, node/NAME, svc/namespace/name or an address; with -n, a pod's name alone.
///
/// The answer is what is enforced at the source (egress), at host endpoints on the way, and at the destination (ingress): the rule that
/// decided, with its file and line; where a default denied, the policies that isolate the endpoint, the rule that came closest, and what
/// of it did not match. The exit code is 0 whatever the verdict, unless --expect says otherwise.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay explain shop/web shop/db:5432
  margay explain shop/web shop/db:5432 -f cluster/
  margay explain shop/web shop/db:5432 -f new/ --context production   # as it would be with new/ applied
  margay explain shop/web 8.8.8.8:53 --protocol udp -f cluster/
  margay explain node/worker-1 '[fd00::7]:80' -f cluster/
  margay explain shop/web svc/shop/db:5432 -f cluster/ --staged
  margay explain shop/web shop/db:5432 -f cluster/ --expect deny   # exit code 1 if it is allowed")]
pub(crate) struct Args {
    /// Who sends: namespace/pod, node/NAME or an address
    from: String,
    /// Who receives, with the port: namespace/pod:80, svc/namespace/name:80, 10.0.0.1:80, '[fd00::1]:80'
    #[arg(value_name = "TO[:PORT]")]
    to: String,
    #[command(flatten)]
    input: Input,
    /// The namespace of pods that are named without one
    #[arg(short, long)]
    namespace: Option<String>,
    /// TCP, UDP, SCTP, ICMP, ICMPv6, UDPLite or a number [default: TCP with a port, ICMP or ICMPv6 without]
    #[arg(short, long, value_parser = Protocol::parse)]
    protocol: Option<Protocol>,
    /// The source port
    #[arg(long, value_name = "PORT")]
    source_port: Option<u16>,
    /// The ICMP or ICMPv6 type [default: that of an echo request]
    #[arg(long, value_name = "TYPE")]
    icmp_type: Option<u8>,
    /// The ICMP or ICMPv6 code [default: 0]
    #[arg(long, value_name = "CODE")]
    icmp_code: Option<u8>,
    /// 4 or 6: which addresses of the ends are meant
    #[arg(long, value_parser = parse_family)]
    family: Option<Family>,
    /// Explain what would be if the staged policies were in force
    #[arg(long)]
    staged: bool,
    /// Exit with 1 unless this is the verdict
    #[arg(long, value_name = "VERDICT", value_parser = parse_verdict)]
    expect: Option<Word>,
    /// List every rule that was compared
    #[arg(long)]
    all: bool,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Text,
    /// One JSON object
    Json,
}

fn parse_verdict(text: &str) -> Result<Word, String> {
    match text {
        "allow" => Ok(Word::Allow),
        "deny" => Ok(Word::Deny),
        _ => Err("write allow or deny".to_owned()),
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let world = args.input.world(streams)?;
    let (to, port) = split_port(&args.to).map_err(Failure::Usage)?;
    let find = |text| Party::find(&world, text, args.namespace.as_deref()).map_err(Failure::Usage);
    let (from, to) = (find(&args.from)?, find(to)?);
    let question = Question {
        from: "".into(),
        to: "".into(),
        protocol: args.protocol.or_else(|| port.is_none().then(|| echo(args.family, &from, &to))),
        port,
        source_port: args.source_port,
        icmp_type: args.icmp_type,
        icmp_code: args.icmp_code,
        family: args.family,
    };
    let asked = question.resolve(&world, &from, &to).map_err(Failure::Usage)?;
    let layer = if args.staged { Layer::Staged } else { Layer::Enforced };
    let report = Report::of(&world, layer, [&from.name, &to.name], &asked);
    match args.output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut *streams.stdout, &report).map_err(std::io::Error::from)?;
            writeln!(streams.stdout)?;
        }
        Output::Text => {
            print::print(&report, args.all, streams.paint(), streams.stdout)?;
            streams.hint(&hint(&report))?;
        }
    }
    let expected = args.expect.is_none_or(|word| word == report.verdict);
    if let (Some(expected), Output::Text) = (args.expect.filter(|word| *word != report.verdict), args.output) {
        writeln!(streams.stderr, "expected: {expected}")?;
    }
    Ok(if expected { Exit::Fine } else { Exit::Findings })
}

fn hint(report: &Report) -> String {
    match report.otherwise {
        Some(word) if report.layer == "enforced" => {
            format!("With the staged policies it would be: {word}. Look with --staged.")
        }
        _ => format!("Next: `margay policies {}` lists all that applies to it.", report.to.name),
    }
}

/// The protocol of a ping between two ends.
fn echo(family: Option<Family>, from: &Party, to: &Party) -> Protocol {
    let both = |family| from.address(family).is_some() && to.address(family).is_some();
    match family {
        Some(Family::V4) => Protocol::ICMP,
        Some(Family::V6) => Protocol::ICMPV6,
        None if both(Family::V4) => Protocol::ICMP,
        None => Protocol::ICMPV6,
    }
}

/// `name:port` and `[address]:port` apart. What has colons and no brackets is an IPv6 address without a port.
fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let number = |port: &str| port.parse().map_err(|_| format!("{port:?} is no port: write a number from 0 to 65535"));
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or_else(|| format!("{text:?} has no closing bracket"))?;
        return match port.strip_prefix(':') {
            Some(port) => Ok((address, Some(number(port)?))),
            None if port.is_empty() => Ok((address, None)),
            None => Err(format!("{text:?}: write [address]:port")),
        };
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Ok((text, None)),
        Some((name, port)) => Ok((name, Some(number(port)?))),
        None => Ok((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_split_off() {
        for (text, expected) in [
            ("shop/db:5432", Ok(("shop/db", Some(5432)))),
            ("shop/db", Ok(("shop/db", None))),
            ("10.0.0.1:80", Ok(("10.0.0.1", Some(80)))),
            ("fd00::1", Ok(("fd00::1", None))),
            ("[fd00::1]", Ok(("fd00::1", None))),
            ("[fd00::1]:80", Ok(("fd00::1", Some(80)))),
            ("[fd00::1", Err(r#""[fd00::1" has no closing bracket"#)),
            ("[fd00::1]80", Err(r#""[fd00::1]80": write [address]:port"#)),
            ("shop/db:http", Err(r#""http" is no port: write a number from 0 to 65535"#)),
            ("shop/db:65536", Err(r#""65536" is no port: write a number from 0 to 65535"#)),
        ] {
            assert_eq!(split_port(text), expected.map_err(str::to_owned), "{text}");
        }
    }
}
