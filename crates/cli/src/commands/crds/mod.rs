//! `margay crds`: what the API server must know of, for Margay to be told in it.

mod check;

use crate::live::Live;
use crate::streams::{Exit, Failure, Paint, Streams, Tone};
use check::Findings;
use margay_api::crd;
use margay_kubernetes::yaml;
use serde_json::{Value, json};

/// Print the CustomResourceDefinitions: the kinds of Calico's API, and those that Margay reports in
///
/// The kinds of projectcalico.org/v3 are as Calico spells them, so that YAML written for it works unchanged. Rules that a schema can't say stand there as rules of
/// CEL, which API servers from 1.25 on check; older ones leave them out.
///
/// With --check, or where --context or --kubeconfig names a cluster, it is asked first: where the kinds are served there by someone else, nothing is printed and
/// the exit code is 1; where Calico's agent enforces too, a warning is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  margay crds | kubectl apply --server-side -f -
  margay crds --check | kubectl apply --server-side -f -
  margay crds --group margay -o json
  margay crds --admission-policy | kubectl apply --server-side -f -")]
pub(crate) struct Args {
    /// Whose kinds
    #[arg(long, value_enum, default_value_t = Group::All)]
    group: Group,
    /// Print ValidatingAdmissionPolicies in their place: they refuse what Margay can't enforce in kinds that others define
    #[arg(long, conflicts_with = "group")]
    admission_policy: bool,
    /// Ask the cluster first whether they may be installed there
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    live: Live,
    /// The form of the answer
    #[arg(short, long, value_enum, default_value_t = Output::Yaml)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Group {
    /// projectcalico.org/v3
    Calico,
    /// margay.io/v1alpha1
    Margay,
    /// Both
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// Documents, one after the other
    Yaml,
    /// One JSON object, a List
    Json,
}

impl Group {
    fn definitions(self) -> Vec<Value> {
        match self {
            Self::Calico => crd::definitions(crd::Group::Calico),
            Self::Margay => crd::definitions(crd::Group::Margay),
            Self::All => [Self::Calico, Self::Margay].map(Self::definitions).concat(),
        }
    }
}

pub(crate) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let objects = if args.admission_policy { crd::admission_policies() } else { args.group.definitions() };
    if args.check || args.live.is_named() {
        let findings = check::of(&args.live.api()?, &objects)?;
        tell(&findings, streams)?;
        if !findings.refused.is_empty() {
            return Ok(Exit::Findings);
        }
    }
    match args.output {
        Output::Yaml => {
            for object in &objects {
                write!(streams.stdout, "---\n{}", yaml(object))?;
            }
        }
        Output::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            serde_json::to_writer_pretty(&mut *streams.stdout, &list).map_err(std::io::Error::from)?;
            writeln!(streams.stdout)?;
        }
    }
    streams.hint("Next: pipe it into `kubectl apply --server-side -f -`.")?;
    Ok(Exit::Fine)
}

fn tell(findings: &Findings, streams: &mut Streams<'_>) -> std::io::Result<()> {
    let paint = Paint(streams.terminal.stderr && streams.terminal.color);
    let refused = findings.refused.iter().map(|text| (Tone::Bad, "refused", text));
    let warned = findings.warnings.iter().map(|text| (Tone::Mixed, "warning", text));
    for (tone, word, text) in refused.chain(warned) {
        writeln!(streams.stderr, "{}: {text}", paint.apply(tone, word))?;
    }
    Ok(())
}
