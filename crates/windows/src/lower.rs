//! Placeholder.
#![allow(missing_docs)]
use margay_hcn::{AclRule, Version};
use margay_policy::{EndpointId, Plan, RuleId};
pub const ID_PREFIX: &str = "margay-";
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    pub acls: usize,
}
impl Default for Budget {
    fn default() -> Self {
        Self { acls: 1000 }
    }
}
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    pub version: Version,
    pub budget: Budget,
}
#[derive(Clone, Debug, PartialEq)]
pub struct Unsupported {
    pub rule: RuleId,
    pub field: &'static str,
    pub done: &'static str,
}
pub struct LoweredRule {
    pub rule: AclRule,
}
pub struct Lowered {
    pub rules: Vec<LoweredRule>,
    pub unsupported: Vec<Unsupported>,
}
pub fn lower(_: &Plan, _: EndpointId, _: &Target) -> Lowered {
    Lowered { rules: vec![], unsupported: vec![] }
}
