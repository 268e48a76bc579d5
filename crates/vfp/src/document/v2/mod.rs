//! Documents of V2: strict.

pub(crate) mod balancer;
pub(crate) mod endpoint;
pub(crate) mod namespace;
pub(crate) mod network;
pub(crate) mod query;
pub(crate) mod request;

use crate::document::{Answer, Members, Object, Refusal, object, some};
use crate::object::{Dns, Route};
use margay_hcn::Version;
use serde_json::{Value, json};

/// Whether a document is one of V2: it says so. One without a `SchemaVersion`, or of Major 1, is V1's \[SRC\].
pub(crate) fn is_v2(document: &Value) -> Answer<bool> {
    match document.get("SchemaVersion").filter(|version| !version.is_null()) {
        None => Ok(false),
        Some(version) => match major(version)? {
            1 => Ok(false),
            2 => Ok(true),
            _ => Err(Refusal::invalid_member("SchemaVersion")),
        },
    }
}

/// The major number of a `SchemaVersion`.
fn major(version: &Value) -> Answer<u64> {
    let version = Members::strict(version, "SchemaVersion", &["Major", "Minor"])?;
    Ok(version.number("Major", u64::from(u32::MAX))?.unwrap_or(0))
}

/// The schema that a version of HNS speaks \[MS: the schema map; which HNS it came with, INF\].
pub(crate) fn schema(version: Version) -> Value {
    let minor = match version.major {
        0..=9 => 0,
        10..=12 => 6,
        13 => 11,
        14 | 15 => 14,
        _ => 16,
    };
    json!({ "Major": 2, "Minor": minor })
}

pub(crate) fn read_dns(document: Members<'_>) -> Answer<Dns> {
    let Some(dns) = document.get("Dns") else { return Ok(Dns::default()) };
    let dns = Members::strict(dns, "Dns", &["Domain", "Search", "ServerList", "Options"])?;
    Ok(Dns {
        domain: dns.text("Domain")?.unwrap_or_default().to_owned(),
        search: dns.texts("Search")?,
        servers: dns.texts("ServerList")?,
        options: dns.texts("Options")?,
    })
}

pub(crate) fn write_dns(dns: &Dns) -> Value {
    let list = |texts: &[String]| (!texts.is_empty()).then(|| json!(texts));
    let members = [
        ("Domain", some(&dns.domain)),
        ("Search", list(&dns.search)),
        ("ServerList", list(&dns.servers)),
        ("Options", list(&dns.options)),
    ];
    Value::Object(object(members))
}

pub(crate) fn read_routes(document: Members<'_>) -> Answer<Vec<Route>> {
    let read = |route| {
        let route = Members::strict(route, "Routes", &["NextHop", "DestinationPrefix", "Metric"])?;
        Ok(Route {
            next_hop: route.text("NextHop")?.unwrap_or_default().to_owned(),
            destination: route.text("DestinationPrefix")?.unwrap_or_default().to_owned(),
            metric: route.number("Metric", u64::from(u16::MAX))?.unwrap_or(0),
        })
    };
    document.list("Routes")?.iter().map(read).collect()
}

pub(crate) fn write_routes(routes: &[Route]) -> Value {
    let write = |route: &Route| {
        let metric = (route.metric > 0).then(|| route.metric.into());
        Value::Object(object([
            ("NextHop", some(&route.next_hop)),
            ("DestinationPrefix", some(&route.destination)),
            ("Metric", metric),
        ]))
    };
    routes.iter().map(write).collect()
}

/// Joins members to those that a document has.
pub(crate) fn with(mut document: Object, members: Value) -> Value {
    document.extend(members.as_object().cloned().unwrap_or_default());
    Value::Object(document)
}
