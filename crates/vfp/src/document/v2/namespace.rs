//! A namespace as a document of V2.

use crate::document::v2::schema;
use crate::document::{Answer, Members, Refusal};
use crate::object::{Member, Namespace, State};
use margay_hcn::Guid;
use serde_json::{Value, json};

const MEMBERS: [&str; 12] = [
    "ID",
    "Owner",
    "Name",
    "Version",
    "AdditionalParams",
    "Health",
    "SchemaVersion",
    "State",
    "NamespaceId",
    "NamespaceGuid",
    "Type",
    "Resources",
];

/// Its id, type and members.
pub(crate) fn read(id: Guid, document: &Value) -> Answer<(Guid, String, Vec<Member>)> {
    let document = Members::strict(document, "Namespace", &MEMBERS)?;
    let id = if id == Guid::ZERO { document.guid("ID")?.unwrap_or(id) } else { id };
    let members = document.list("Resources")?.iter().map(read_member).collect::<Answer<_>>()?;
    Ok((id, document.text("Type")?.unwrap_or_default().to_owned(), members))
}

/// `{"Type":"Endpoint","Data":{"Id":…}}`.
pub(crate) fn read_member(member: &Value) -> Answer<Member> {
    let member = Members::strict(member, "Resources", &["Type", "Data"])?;
    let none = json!({});
    let data = Members::strict(member.get("Data").unwrap_or(&none), "Data", &["Id"])?;
    match member.text("Type")? {
        Some("Container") => Ok(Member::Container(data.text("Id")?.unwrap_or_default().to_owned())),
        Some("Endpoint") => data.guid("Id")?.map(Member::Endpoint).ok_or_else(|| Refusal::invalid_member("Id")),
        _ => Err(Refusal::invalid_member("Type")),
    }
}

pub(crate) fn write(state: &State, namespace: &Namespace) -> Value {
    json!({
        "ID": namespace.id,
        "NamespaceId": namespace.number,
        "NamespaceGuid": namespace.id,
        "Type": namespace.kind,
        "Resources": namespace.members.iter().map(write_member).collect::<Value>(),
        "SchemaVersion": schema(state.version()),
    })
}

pub(crate) fn write_member(member: &Member) -> Value {
    match member {
        Member::Container(id) => json!({ "Type": "Container", "Data": { "Id": id } }),
        Member::Endpoint(id) => json!({ "Type": "Endpoint", "Data": { "Id": id } }),
    }
}
