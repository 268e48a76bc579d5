use margay_api::document::Span;
use margay_api::{Key, Kind, Meta, Namespace, Object, Problem, ServiceAccount, Severity};
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Names that a note lists; of more, how many.
const MOST_LISTED: usize = 10;

/// Namespaces and service accounts that are spoken of but are not there, as Kubernetes would have them at the least.
#[derive(Default)]
pub(crate) struct Implied {
    namespaces: BTreeSet<SmolStr>,
    accounts: BTreeSet<(SmolStr, SmolStr)>,
}

impl Implied {
    /// Notes what an object speaks of: the namespace it is in, and a pod's service account.
    pub(crate) fn mention(&mut self, object: &Object) {
        let key = object.key();
        if key.kind.namespaced() && !self.namespaces.contains(&key.namespace) {
            self.namespaces.insert(key.namespace.clone());
        }
        if let Object::Pod(pod) = object {
            self.accounts.insert((key.namespace.clone(), pod.service_account.clone()));
        }
    }

    /// The objects that stand in for those that are not `there`, and a note for each of the two kinds.
    pub(crate) fn objects(self, there: impl Fn(&Key) -> bool) -> (Vec<Arc<Object>>, Vec<Problem>) {
        let namespaces: Vec<Key> = self
            .namespaces
            .into_iter()
            .map(|name| key(Kind::Namespace, SmolStr::default(), name))
            .filter(|key| !there(key))
            .collect();
        let accounts: Vec<Key> = self
            .accounts
            .into_iter()
            .map(|(namespace, name)| key(Kind::ServiceAccount, namespace, name))
            .filter(|key| !there(key))
            .collect();
        let names = namespaces.iter().map(|key| key.name.to_string()).collect();
        // Every namespace has its service account `default`, so nobody writes it down.
        let named_accounts = accounts.iter().filter(|key| key.name != "default");
        let account_names = named_accounts.map(|key| format!("{}/{}", key.namespace, key.name)).collect();
        let notes =
            [note("Namespace", "kubernetes.io/metadata.name", names), note("ServiceAccount", "none", account_names)];
        let objects =
            namespaces.into_iter().map(namespace).chain(accounts.into_iter().map(account)).map(Arc::new).collect();
        (objects, notes.into_iter().flatten().collect())
    }
}

fn key(kind: Kind, namespace: SmolStr, name: SmolStr) -> Key {
    Key { kind, namespace, name }
}

fn namespace(key: Key) -> Object {
    let labels = vec![("kubernetes.io/metadata.name".into(), key.name.clone())];
    Object::Namespace(Namespace { meta: Meta { key, labels, created: None, generation: 0 } })
}

fn account(key: Key) -> Object {
    Object::ServiceAccount(ServiceAccount { meta: Meta { key, labels: Vec::new(), created: None, generation: 0 } })
}

fn note(kind: &str, label: &str, names: Vec<String>) -> Option<Problem> {
    if names.is_empty() {
        return None;
    }
    let more = names.len().saturating_sub(MOST_LISTED);
    let mut listed = names.iter().take(MOST_LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more > 0 {
        listed = format!("{listed} and {more} more");
    }
    let labels = if label == "none" { "without labels".into() } else { format!("with the label {label} alone") };
    Some(Problem {
        severity: Severity::Note,
        file: "".into(),
        span: Span::default(),
        key: None,
        object: SmolStr::new(kind),
        path: String::new(),
        message: format!("not there, and taken as plain ones {labels}: {listed}"),
        help: "add the objects if they have labels that policies select by".into(),
    })
}
