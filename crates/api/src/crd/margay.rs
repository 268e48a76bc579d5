//! Margay's own kinds, which its agents and its controller write. People only read them.

use super::definition::Definition;
use super::schema::{Field, Schema};
use serde_json::Value;

const V1ALPHA1: &str = "margay.io/v1alpha1";

/// Objects and policies that a report names; those beyond are counted.
const MOST_FAILING: usize = 64;
const MOST_POLICIES: usize = 4096;
const MOST_UNSUPPORTED: usize = 64;

pub(super) fn definitions() -> Vec<Value> {
    vec![node_report(), policy_status(true), policy_status(false)]
}

fn of(
    kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
    about: &'static str,
) -> Definition {
    Definition {
        api_version: V1ALPHA1,
        kind,
        plural,
        short_names,
        namespaced: false,
        about,
        columns: vec![],
        has_status: false,
    }
}

fn count() -> Schema {
    Schema::integer(0..=i64::MAX)
}

fn node_report() -> Value {
    let columns = vec![
        ("OS", "string", ".report.os"),
        ("Version", "string", ".report.version"),
        ("In-Sync", "boolean", ".report.inSync"),
        ("Endpoints", "integer", ".report.endpoints"),
        ("Waiting", "integer", ".report.waiting"),
    ];
    let failing = Schema::object([
        ("object", "What can't be programmed.", Schema::text()),
        ("error", "Why.", Schema::text()),
        ("since", "Since when.", Schema::time()),
    ]);
    let report = Schema::object([
        ("os", "The operating system of the node.", Schema::word(["linux", "windows"])),
        ("version", "The version of the agent.", Schema::text()),
        ("inSync", "Whether the agent knows all that there is, and has programmed it.", Schema::flag()),
        ("fromSnapshot", "Whether it enforces what it kept on disk, since the API server is away.", Schema::flag()),
        ("startedAt", "When the agent started.", Schema::time()),
        ("endpoints", "Endpoints on the node.", count()),
        ("waiting", "Those whose policy is not programmed yet.", count()),
        ("failing", "What can't be programmed.", Schema::list(failing.need(&["object", "error"])).most(MOST_FAILING)),
        ("moreFailing", "How much more can't be.", count()),
        (
            "policies",
            "The policies that apply to endpoints of the node.",
            Schema::list(policy_of_node()).most(MOST_POLICIES),
        ),
        ("morePolicies", "How many more apply.", count()),
    ]);
    let about = "How far one node is: written by its agent, for the controller and for people.";
    Definition { columns, ..of("NodeReport", "nodereports", &[], about) }.with([("report", "The report.", report)])
}

/// What names a policy, and which state of it is meant.
fn policy_names() -> [Field<'static>; 4] {
    [
        ("group", "Its API group.", Schema::text()),
        ("kind", "Its kind.", Schema::text()),
        ("name", "Its name.", Schema::text()),
        ("generation", "The metadata.generation that this is about.", count()),
    ]
}

fn policy_of_node() -> Schema {
    let unsupported = Schema::object([
        ("rule", "Which rule.", Schema::text()),
        ("field", "What of it the data plane of the node can't do.", Schema::text()),
        ("done", "What is done in its place.", Schema::text()),
    ]);
    let fields = [
        ("namespace", "Its namespace.", Schema::text()),
        ("state", "How far it is.", Schema::word(["Realized", "Pending", "Failed"])),
        ("message", "Why, where it is not realized.", Schema::text()),
        ("unsupported", "What of it the node can't enforce.", Schema::list(unsupported).most(MOST_UNSUPPORTED)),
    ];
    Schema::object(policy_names().into_iter().chain(fields)).need(&["kind", "name", "state"])
}

fn policy_status(namespaced: bool) -> Value {
    let columns = vec![
        ("Kind", "string", ".policy.kind"),
        ("Policy", "string", ".policy.name"),
        ("Nodes", "string", ".status.nodes"),
        ("Valid", "string", ".status.conditions[?(@.type==\"Valid\")].status"),
        ("Realized", "string", ".status.conditions[?(@.type==\"Realized\")].status"),
    ];
    let status = Schema::object([
        ("nodes", "On how many nodes it is realized: `linux 3/3, windows 1/2`.", Schema::text()),
        (
            "conditions",
            "Valid, Realized, PartiallySupported, SelectsNothing.",
            Schema::list_by("type", condition()).most(16),
        ),
    ]);
    let fields = [
        ("policy", "Which policy.", Schema::object(policy_names()).need(&["kind", "name"])),
        ("status", "How it goes with it.", status),
    ];
    let definition = match namespaced {
        true => of(
            "PolicyStatus",
            "policystatuses",
            &["pstat"],
            "How far a policy of a namespace is, over all nodes: written by the controller.",
        ),
        false => of(
            "ClusterPolicyStatus",
            "clusterpolicystatuses",
            &["cpstat"],
            "How far a policy of the cluster is, over all nodes: written by the controller.",
        ),
    };
    Definition { namespaced, columns, ..definition }.with(fields)
}

/// `metav1.Condition`.
fn condition() -> Schema {
    Schema::object([
        ("type", "What it is about.", Schema::text().longest(316)),
        ("status", "Whether it is so.", Schema::word(["True", "False", "Unknown"])),
        ("observedGeneration", "The metadata.generation that it is about.", count()),
        ("lastTransitionTime", "Since when.", Schema::time()),
        (
            "reason",
            "Why, as a word for programs.",
            Schema::text().longest(1024).pattern("^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"),
        ),
        ("message", "Why, in words.", Schema::text().longest(32_768)),
    ])
    .need(&["type", "status", "lastTransitionTime", "reason", "message"])
}
