use crate::decode::{decode_as, unreadable};
use crate::document::{Limits, Node, Span, Value, documents};
use crate::{Decoded, Severity};
use std::sync::Arc;

/// Lists in lists that are followed.
const MOST_NESTED: usize = 4;

/// Reads every resource of a text of YAML or JSON, within the default [`Limits`].
///
/// Documents are divided by `---`. Lists (`kind: List`, `PodList` and the like) stand for their items. Kinds that policy does not speak of
/// are left out without a word, so that a folder of application manifests can be read as it is. `file` is what problems and places name.
///
/// ```
/// let text = "
/// apiVersion: networking.k8s.io/v1
/// kind: NetworkPolicy
/// metadata: {name: web, namespace: shop}
/// spec:
///   podSelector: {}
///   ingress:
///   - from:
///     - ipBlock: {cidr: 10.0.0.0/33}
/// ";
/// let decoded = &margay_api::read(text, "web.yaml")[0];
/// assert_eq!(decoded.key.as_ref().unwrap().to_string(), "NetworkPolicy shop/web");
/// assert!(decoded.object.is_some(), "the policy still isolates its pods");
/// assert_eq!(decoded.problems[0].path, "spec.ingress[0].from[0].ipBlock.cidr");
/// ```
pub fn read(text: &str, file: &str) -> Vec<Decoded> {
    let mut found = Vec::new();
    read_each(text, &file.into(), &Limits::default(), |decoded| found.push(decoded));
    found
}

/// [`read`], one resource at a time, within other limits. A document is dropped before the next one is parsed.
pub fn read_each(text: &str, file: &Arc<str>, limits: &Limits, mut each: impl FnMut(Decoded)) {
    each_written(text, limits, |written| match written {
        Ok(Written { node, api_version, kind }) => {
            decode_as(node, file, api_version, kind).into_iter().for_each(&mut each)
        }
        Err((span, message)) => each(unreadable(file, span, message)),
    });
}

/// One resource as it is written, whether or not it is of a kind that is read.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// All of it.
    pub node: &'a Node,
    /// Its `apiVersion`, or that of the typed list that it is an item of; empty where neither says.
    pub api_version: &'a str,
    /// Its `kind`, likewise.
    pub kind: &'a str,
}

/// Every resource of a text as it is written, of any kind, in order; or where a document can't be read, and why. Lists stand for their items.
///
/// ```
/// use margay_api::document::Limits;
///
/// let mut kinds = Vec::new();
/// let text = "{apiVersion: crd.projectcalico.org/v1, kind: IPPoolList, items: [{metadata: {name: blue}}]}";
/// margay_api::each_written(text, &Limits::default(), |written| kinds.push(written.unwrap().kind.to_owned()));
/// assert_eq!(kinds, ["IPPool"]);
/// ```
pub fn each_written(text: &str, limits: &Limits, mut each: impl FnMut(Result<Written<'_>, (Span, String)>)) {
    for document in documents(text, limits) {
        match document {
            Ok(node) => resources(&node, ("", ""), 0, &mut each),
            Err(error) => each(Err((Span { start: error.position, end: error.position }, error.message))),
        }
    }
}

fn resources(
    node: &Node,
    (api, kind): (&str, &str),
    depth: usize,
    each: &mut impl FnMut(Result<Written<'_>, (Span, String)>),
) {
    let text = |name: &str| node.get(name).and_then(Node::as_text);
    let (own_api, own_kind) = (text("apiVersion").unwrap_or(api), text("kind").unwrap_or(kind));
    let items = match node.get("items").map(|items| &items.value) {
        Some(Value::List(items)) => Some(items.as_slice()),
        Some(Value::Null) => Some(&[][..]),
        _ => None,
    };
    if let (Some(item_kind), Some(items)) = (own_kind.strip_suffix("List"), items) {
        if depth == MOST_NESTED {
            each(Err((node.span, format!("lists nest at most {MOST_NESTED} deep; left out"))));
            return;
        }
        // The items of a typed list need not say what they are.
        let typed = if item_kind.is_empty() { ("", "") } else { (own_api, item_kind) };
        for item in items {
            resources(item, typed, depth + 1, each);
        }
        return;
    }
    each(Ok(Written { node, api_version: own_api, kind: own_kind }));
}

impl Decoded {
    /// Whether there is an error among the problems.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}
