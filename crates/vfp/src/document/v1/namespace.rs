//! A namespace as a document of V1.

use crate::document::v2::namespace::{read_member, write_member};
use crate::document::{Answer, Members, v1};
use crate::object::{Member, Namespace};
use serde_json::{Value, json};

/// Its type, as V2 names it, and its members.
pub(crate) fn read(document: &Value) -> Answer<(&'static str, Vec<Member>)> {
    if document.is_null() {
        return Ok(("Host", Vec::new()));
    }
    let document = Members::lenient(document, "Namespace")?;
    let kind = if document.truth("IsDefault")? { "HostDefault" } else { "Host" };
    Ok((kind, document.list("ResourceList")?.iter().map(read_member).collect::<Answer<_>>()?))
}

pub(crate) fn write(namespace: &Namespace) -> Value {
    json!({
        "ID": v1::id(namespace.id),
        "IsDefault": namespace.kind == "HostDefault",
        "CompartmentId": namespace.number,
        "ResourceList": namespace.members.iter().map(write_member).collect::<Value>(),
    })
}
