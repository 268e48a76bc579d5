//! Trees into resources: defaults, validation, and the path of everything that is wrong.
//!
//! An error in a rule makes the rule unreadable; an error in what a policy applies to, its types, its tier or its order makes the policy
//! unreadable. Everything is read before that is decided, so that every error is reported.

mod at;
pub(crate) mod calico;
pub(crate) mod calico_rule;
mod cluster;
mod core;
pub(crate) mod kubernetes;
pub(crate) mod labelled;
mod meta;
mod report;
mod rules;
mod suggest;
mod syntax;
mod via;

use crate::document::{Node, Span};
use crate::{Key, Kind, Object, Problem, Severity};
use at::{At, Unknown};
use report::Report;
use smol_str::SmolStr;
use std::sync::Arc;
pub use suggest::suggestion;

/// What one document (or one item of a list) gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// What names the resource; `None` if that can't be read, or the text is no document.
    pub key: Option<Key>,
    /// The resource with its defaults; `None` if it can't be read: then the last valid value stays in force.
    /// There may be problems in an object that can be read: rules that can't ([`Readable::Unreadable`](crate::Readable)) among them.
    pub object: Option<Object>,
    /// Everything that is wrong, in the order of the text.
    pub problems: Vec<Problem>,
    /// Where it came from.
    pub place: Place,
}

/// Where a resource came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the caller of [`read`](crate::read()) named it.
    pub file: Arc<str>,
    /// The line that the resource starts on.
    pub line: u32,
    /// The lines of each ingress rule, in order.
    pub ingress: Vec<Lines>,
    /// The lines of each egress rule, in order.
    pub egress: Vec<Lines>,
}

/// From the first line to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Lines {
    pub first: u32,
    pub last: u32,
}

impl From<Span> for Lines {
    fn from(span: Span) -> Self {
        // What ends before the first column of a line has nothing on that line: a block scalar ends so.
        let last = if span.end.column == 1 { span.end.line.saturating_sub(1) } else { span.end.line };
        Self { first: span.start.line, last: last.max(span.start.line) }
    }
}

impl Place {
    fn new(file: &Arc<str>, line: u32) -> Self {
        Self { file: file.clone(), line, ingress: Vec::new(), egress: Vec::new() }
    }
}

/// How a kind is written, where that differs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// As the kind's own API has it.
    Api,
    /// `crd.projectcalico.org/v1`, which `projectcalico.org/v3` is stored as.
    Stored,
}

const CALICO: &[(&str, Spelling)] =
    &[("projectcalico.org/v3", Spelling::Api), ("crd.projectcalico.org/v1", Spelling::Stored)];

/// The kinds, and the `apiVersion`s that each is read in.
const KINDS: &[(Kind, &[(&str, Spelling)])] = &[
    (Kind::Pod, &[("v1", Spelling::Api)]),
    (Kind::Namespace, &[("v1", Spelling::Api)]),
    (Kind::ServiceAccount, &[("v1", Spelling::Api)]),
    (Kind::Node, &[("v1", Spelling::Api)]),
    (Kind::Service, &[("v1", Spelling::Api)]),
    (Kind::EndpointSlice, &[("discovery.k8s.io/v1", Spelling::Api)]),
    (Kind::NetworkPolicy, &[("networking.k8s.io/v1", Spelling::Api)]),
    (
        Kind::ClusterNetworkPolicy,
        &[("policy.networking.k8s.io/v1alpha2", Spelling::Api), ("policy.networking.k8s.io/v1beta1", Spelling::Api)],
    ),
    (Kind::AdminNetworkPolicy, &[("policy.networking.k8s.io/v1alpha1", Spelling::Api)]),
    (Kind::BaselineAdminNetworkPolicy, &[("policy.networking.k8s.io/v1alpha1", Spelling::Api)]),
    (Kind::Tier, CALICO),
    (Kind::CalicoNetworkPolicy, CALICO),
    (Kind::GlobalNetworkPolicy, CALICO),
    (Kind::StagedNetworkPolicy, CALICO),
    (Kind::StagedGlobalNetworkPolicy, CALICO),
    (Kind::StagedKubernetesNetworkPolicy, CALICO),
    (Kind::NetworkSet, CALICO),
    (Kind::GlobalNetworkSet, CALICO),
    (Kind::Profile, CALICO),
    (Kind::HostEndpoint, CALICO),
];

impl Kind {
    /// Every kind that is read, and the `apiVersion`s that it is read in, the one to prefer first: of Calico's kinds the API before what it stores them as.
    pub fn readable() -> impl Iterator<Item = (Kind, Vec<&'static str>)> {
        KINDS.iter().map(|(kind, versions)| (*kind, versions.iter().map(|(version, _)| *version).collect()))
    }
}

/// Groups that had these kinds in other versions, or before they moved.
const FORMER_GROUPS: &[&str] = &["extensions"];

/// Whether unknown fields of a kind are worth a word: objects of policy are small and written by hand.
fn is_policy_like(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Namespace | Kind::ServiceAccount | Kind::Node | Kind::Pod | Kind::Service | Kind::EndpointSlice
    )
}

/// What an `apiVersion` and a `kind` are.
enum Known {
    Read(Kind, Spelling),
    /// A kind that is read, in another version: the ones that are.
    Otherwise(&'static [(&'static str, Spelling)]),
    /// Nothing that policy speaks of.
    Other,
}

fn known(api: &str, kind: &str) -> Known {
    let group = |api: &str| SmolStr::new(api.split_once('/').map_or("", |(group, _)| group));
    let mut otherwise = Known::Other;
    for (candidate, versions) in KINDS.iter().filter(|(candidate, _)| candidate.name() == kind) {
        if let Some((_, spelling)) = versions.iter().find(|(version, _)| *version == api) {
            return Known::Read(*candidate, *spelling);
        }
        let group_of = group(api);
        if versions.iter().any(|(version, _)| group(version) == group_of) || FORMER_GROUPS.contains(&group_of.as_str())
        {
            otherwise = Known::Otherwise(versions);
        }
    }
    otherwise
}

/// Reads one resource. `None` for kinds that policy does not speak of, which are left alone.
///
/// `file` is what problems and the [`Place`] will name.
pub fn decode(node: &Node, file: &Arc<str>) -> Option<Decoded> {
    decode_as(node, file, "", "")
}

/// [`decode`], with the `apiVersion` and the `kind` that items of a typed list leave out.
pub fn decode_as(node: &Node, file: &Arc<str>, api: &str, kind: &str) -> Option<Decoded> {
    let at = At::root(node);
    let text = |name: &str| node.get(name).and_then(Node::as_text);
    let (api, kind) = (text("apiVersion").unwrap_or(api), text("kind").unwrap_or(kind));
    let mut report = Report::new(file, SmolStr::new(kind));
    let mut place = Place::new(file, node.span.start.line);
    if api.is_empty() || kind.is_empty() {
        report.warning(at, "is no resource: it needs an apiVersion and a kind; left out", "");
        return Some(Decoded { key: None, object: None, problems: report.finish(), place });
    }
    let (kind, spelling) = match known(api, kind) {
        Known::Read(kind, spelling) => (kind, spelling),
        Known::Otherwise(versions) => {
            let versions: Vec<&str> = versions.iter().map(|(version, _)| *version).collect();
            let message = format!("{kind} is not read in the version {api}; left out");
            report.warning(at, message, format!("write it in {}", versions.join(" or ")));
            return Some(Decoded { key: None, object: None, problems: report.finish(), place });
        }
        Known::Other => return None,
    };
    let object = object(at, kind, spelling, &mut report, &mut place);
    let key = report.key.clone();
    Some(Decoded { key, object, problems: report.finish(), place })
}

fn object(at: At<'_>, kind: Kind, spelling: Spelling, report: &mut Report, place: &mut Place) -> Option<Object> {
    const TOP: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];
    const TOP_OF_SLICE: &[&str] = &["apiVersion", "kind", "metadata", "addressType", "endpoints", "ports"];
    let known = if kind == Kind::EndpointSlice { TOP_OF_SLICE } else { TOP };
    let unknown = if is_policy_like(kind) { Unknown::Warn } else { Unknown::Skip };
    let root = at.fields(report, known, unknown);
    let head = meta::head(&root, kind, spelling, report)?;
    let labels_matter = !matches!(
        kind,
        Kind::NetworkPolicy
            | Kind::StagedKubernetesNetworkPolicy
            | Kind::ClusterNetworkPolicy
            | Kind::AdminNetworkPolicy
            | Kind::BaselineAdminNetworkPolicy
            | Kind::CalicoNetworkPolicy
            | Kind::GlobalNetworkPolicy
            | Kind::StagedNetworkPolicy
            | Kind::StagedGlobalNetworkPolicy
            | Kind::Tier
            | Kind::Profile
            | Kind::Service
    );
    let labels_read = head.labels_read;
    let object = match kind {
        Kind::Namespace => Some(core::namespace(&root, head, report)),
        Kind::ServiceAccount => Some(core::service_account(head)),
        Kind::Node => Some(core::node(&root, head, report)),
        Kind::Pod => core::pod(&root, head, report),
        Kind::Service => Some(core::service(&root, head, report)),
        Kind::EndpointSlice => Some(core::endpoint_slice(&root, head, report)),
        Kind::NetworkPolicy | Kind::StagedKubernetesNetworkPolicy => kubernetes::policy(&root, head, report, place),
        Kind::ClusterNetworkPolicy | Kind::AdminNetworkPolicy | Kind::BaselineAdminNetworkPolicy => {
            cluster::policy(&root, head, report, place)
        }
        Kind::CalicoNetworkPolicy
        | Kind::GlobalNetworkPolicy
        | Kind::StagedNetworkPolicy
        | Kind::StagedGlobalNetworkPolicy => calico::policy(&root, head, report, place),
        Kind::Tier => labelled::tier(&root, head, report),
        Kind::NetworkSet | Kind::GlobalNetworkSet => labelled::network_set(&root, head, report),
        Kind::Profile => labelled::profile(&root, head, report, place),
        Kind::HostEndpoint => labelled::host_endpoint(&root, head, report),
    };
    object.filter(|_| labels_read || !labels_matter)
}

/// A problem of a text that is no document.
pub(crate) fn unreadable(file: &Arc<str>, span: Span, message: String) -> Decoded {
    let mut report = Report::new(file, SmolStr::default());
    report.add(Severity::Error, String::new(), span, message, String::new());
    Decoded { key: None, object: None, problems: report.finish(), place: Place::new(file, span.start.line) }
}
