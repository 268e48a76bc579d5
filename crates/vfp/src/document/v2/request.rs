//! What a Modify of V2 asks for.

use crate::document::{Answer, Members, Refusal};
use crate::object::{Member, Request};
use margay_hcn::ErrorCode;
use serde_json::Value;

/// `{ResourceType, RequestType, Settings}`.
pub(crate) struct Modify<'a> {
    pub(crate) resource: &'a str,
    /// `None` is Refresh, which asks for nothing new.
    pub(crate) request: Option<Request>,
    pub(crate) settings: Option<&'a Value>,
}

pub(crate) fn read(document: &Value) -> Answer<Modify<'_>> {
    let document = Members::strict(document, "Modify", &["ResourceType", "RequestType", "Settings"])?;
    let request = match document.text("RequestType")? {
        Some("Add") => Some(Request::Add),
        Some("Update") => Some(Request::Update),
        Some("Remove") => Some(Request::Remove),
        Some("Refresh") => None,
        _ => return Err(Refusal::invalid_member("RequestType")),
    };
    let resource = document.text("ResourceType")?.unwrap_or_default();
    Ok(Modify { resource, request, settings: document.get("Settings") })
}

impl<'a> Modify<'a> {
    /// A type of resource that can't be modified here.
    pub(crate) fn unsupported(&self) -> Refusal {
        let known = ["Port", "Policy", "DNS", "Extension", "Subnet", "IPSubnet", "Container", "Endpoint"];
        match known.contains(&self.resource) {
            true => Refusal::new(ErrorCode::REQUEST_UNSUPPORTED, format!("ResourceType {}", self.resource)),
            false => Refusal::invalid_member("ResourceType"),
        }
    }

    /// The policies of its settings.
    pub(crate) fn policies(&self) -> Answer<&'a [Value]> {
        let settings = self.settings.ok_or_else(|| Refusal::invalid_member("Settings"))?;
        Members::strict(settings, "Settings", &["Policies"])?.list("Policies")
    }

    /// The member of a namespace that its settings name \[SRC\].
    pub(crate) fn member(&self) -> Answer<Member> {
        let settings = self.settings.ok_or_else(|| Refusal::invalid_member("Settings"))?;
        match self.resource {
            "Endpoint" => {
                let id = Members::strict(settings, "Settings", &["EndpointId"])?.guid("EndpointId")?;
                id.map(Member::Endpoint).ok_or_else(|| Refusal::invalid_member("EndpointId"))
            }
            "Container" => {
                let id = Members::strict(settings, "Settings", &["ContainerId"])?.text("ContainerId")?;
                id.map(|id| Member::Container(id.to_owned())).ok_or_else(|| Refusal::invalid_member("ContainerId"))
            }
            _ => Err(self.unsupported()),
        }
    }
}
