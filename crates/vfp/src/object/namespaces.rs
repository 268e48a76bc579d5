//! How namespaces come, change and go.

use crate::document::{Answer, Refusal};
use crate::object::{EndpointState, Member, Namespace, State};
use margay_hcn::{ErrorCode, Guid, Kind, NotificationKind};
use serde_json::json;

/// Types \[MS\].
const KINDS: [&str; 4] = ["Host", "HostDefault", "Guest", "GuestDefault"];

impl State {
    /// Makes a namespace. There is one `HostDefault` at most \[INF: from the name of the code\].
    pub(crate) fn create_namespace(&mut self, id: Guid, kind: &str, members: Vec<Member>) -> Answer<Guid> {
        let kind = if kind.is_empty() { "Host" } else { kind };
        if !KINDS.contains(&kind) {
            return Err(Refusal::invalid_member("Type"));
        }
        if kind == "HostDefault" && self.namespaces.values().any(|namespace| namespace.kind == kind) {
            return Err(Refusal::new(ErrorCode::DEFAULT_NAMESPACE_EXISTS, "there is a default namespace"));
        }
        if self.namespaces.contains_key(&id) {
            return Err(Refusal::new(ErrorCode::OBJECT_ALREADY_EXISTS, format!("namespace {id} is there")));
        }
        let id = self.id_or_new(id);
        // The default namespace is compartment 1; each other has one of its own [SRC: hcsshim#1048].
        let highest = self.namespaces.values().map(|namespace| namespace.number).max().unwrap_or(1);
        let number = if kind == "HostDefault" { 1 } else { highest.max(1) + 1 };
        self.namespaces.insert(id, Namespace { id, number, kind: kind.to_owned(), members: Vec::new() });
        if let Err(refusal) = members.into_iter().try_for_each(|member| self.join(id, member)) {
            self.delete_namespace(id)?;
            return Err(refusal);
        }
        self.tell(NotificationKind::NAMESPACE_CREATE, id, json!({ "Type": kind }));
        Ok(id)
    }

    pub(crate) fn delete_namespace(&mut self, id: Guid) -> Answer<()> {
        for member in self.namespace(id)?.members.clone() {
            self.leave(id, &member)?;
        }
        self.namespaces.remove(&id);
        self.tell(NotificationKind::NAMESPACE_DELETE, id, json!({}));
        Ok(())
    }

    pub(crate) fn namespace(&self, id: Guid) -> Answer<&Namespace> {
        self.namespaces.get(&id).ok_or_else(|| self.missing(Kind::Namespace, id))
    }

    /// Puts an endpoint or a container into a namespace. The endpoint is then attached, for the containers of the namespace to share
    /// \[FIELD: state 3 on nodes with containerd\].
    pub(crate) fn join(&mut self, id: Guid, member: Member) -> Answer<()> {
        self.namespace(id)?;
        if let Member::Endpoint(endpoint) = member {
            let there = self.endpoint_mut(endpoint)?;
            if there.namespace.is_some() {
                let why = format!("endpoint {endpoint} is in a namespace");
                return Err(Refusal::new(ErrorCode::ENDPOINT_NAMESPACE_ALREADY_EXISTS, why));
            }
            if there.is_remote() {
                let why = format!("endpoint {endpoint} is remote");
                return Err(Refusal::new(ErrorCode::INVALID_REMOTE_ENDPOINT_OPERATION, why));
            }
            there.namespace = Some(id);
            there.state = EndpointState::AttachedSharing;
            self.tell(NotificationKind::ENDPOINT_ATTACHED, endpoint, json!({ "Namespace": id }));
        }
        if let Some(namespace) = self.namespaces.get_mut(&id).filter(|there| !there.members.contains(&member)) {
            namespace.members.push(member);
        }
        Ok(())
    }

    /// Takes it out again.
    pub(crate) fn leave(&mut self, id: Guid, member: &Member) -> Answer<()> {
        if !self.namespace(id)?.members.contains(member) {
            return Err(Refusal::new(ErrorCode::ELEMENT_NOT_FOUND, format!("it is not in namespace {id}")));
        }
        if let Some(namespace) = self.namespaces.get_mut(&id) {
            namespace.members.retain(|there| there != member);
        }
        if let Member::Endpoint(endpoint) = *member {
            let there = self.endpoint_mut(endpoint)?;
            there.namespace = None;
            there.state = EndpointState::Detached;
            self.ports.get_mut(&endpoint).map(crate::port::Port::forget_flows);
            self.tell(NotificationKind::ENDPOINT_DETACHED, endpoint, json!({ "Namespace": id }));
        }
        Ok(())
    }
}
