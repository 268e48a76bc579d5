//! Which kinds are asked for, and where they are served.

use margay_api::Kind;
use smol_str::SmolStr;
use std::fmt;

/// A kind at an API version that serves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// What its objects are read as.
    pub kind: Kind,
    /// `v1`, or group and version, `discovery.k8s.io/v1`.
    pub api_version: SmolStr,
}

impl Resource {
    /// A kind at an API version.
    pub fn of(kind: Kind, api_version: &str) -> Self {
        Self { kind, api_version: api_version.into() }
    }

    /// The name in paths: the kind in lower case, in the plural.
    pub fn plural(&self) -> String {
        let name = self.kind.name().to_lowercase();
        match name.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => format!("{name}s"),
        }
    }

    /// Where all objects of it are: `/apis/networking.k8s.io/v1/networkpolicies`.
    pub fn path(&self) -> String {
        let root = if self.api_version.contains('/') { "apis" } else { "api" };
        format!("/{root}/{}/{}", self.api_version, self.plural())
    }
}

impl fmt::Display for Resource {
    /// As `kubectl` names it: `networkpolicies.networking.k8s.io`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.api_version.split_once('/') {
            Some((group, _)) => write!(f, "{}.{group}", self.plural()),
            None => f.write_str(&self.plural()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_names() {
        for (kind, api, path, name) in [
            (Kind::Pod, "v1", "/api/v1/pods", "pods"),
            (
                Kind::EndpointSlice,
                "discovery.k8s.io/v1",
                "/apis/discovery.k8s.io/v1/endpointslices",
                "endpointslices.discovery.k8s.io",
            ),
            (
                Kind::StagedGlobalNetworkPolicy,
                "projectcalico.org/v3",
                "/apis/projectcalico.org/v3/stagedglobalnetworkpolicies",
                "stagedglobalnetworkpolicies.projectcalico.org",
            ),
        ] {
            let resource = Resource::of(kind, api);
            assert_eq!((resource.path().as_str(), resource.to_string().as_str()), (path, name));
        }
    }
}
