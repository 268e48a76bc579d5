//! Documents as they go in and out: V2 strictly, V1 leniently; each reads into the same objects.

mod members;
pub(crate) mod policy;
mod refusal;
pub(crate) mod v1;
pub(crate) mod v2;

pub(crate) use members::{Members, Object, object, read, some};
pub(crate) use refusal::{Answer, Refusal};
