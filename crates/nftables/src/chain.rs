//! Chains: base chains hang on a hook, regular chains are jumped to.

use crate::attr::{Attr, Attrs, Malformed, Required, Writer};
use crate::family::Family;
use crate::userdata::Userdata;
use crate::wire::wire_enum;

const TABLE: u16 = 1;
const HANDLE: u16 = 2;
const NAME: u16 = 3;
const HOOK: u16 = 4;
const POLICY: u16 = 5;
const TYPE: u16 = 7;
const FLAGS: u16 = 10;
const USERDATA: u16 = 12;

const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const HOOK_DEVICE: u16 = 3;
const HOOK_DEVICES: u16 = 4;
const DEVICE_NAME: u16 = 1;

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name, unique in the table; at most 255 bytes.
    pub name: String,
    /// Where it hangs; `None` for a chain that is only jumped to.
    pub base: Option<BaseChain>,
    /// Comment and more.
    pub userdata: Userdata,
}

impl Chain {
    /// A chain that is only jumped to.
    pub fn regular(name: impl Into<String>) -> Self {
        Self { name: name.into(), base: None, userdata: Userdata::new() }
    }

    /// A chain that sees packets itself.
    pub fn base(name: impl Into<String>, base: BaseChain) -> Self {
        Self { name: name.into(), base: Some(base), userdata: Userdata::new() }
    }

    /// With a comment, as `nft list` shows it.
    #[must_use]
    pub fn with_comment(mut self, text: &str) -> Self {
        self.userdata = self.userdata.with_comment(text);
        self
    }
}

/// Where a base chain hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseChain {
    /// The point in a packet's way.
    pub hook: Hook,
    /// Its place among the chains of the hook; lower goes first.
    pub priority: i32,
    /// What it may do.
    pub kind: ChainKind,
    /// What becomes of a packet that no rule decided.
    pub policy: ChainPolicy,
    /// The devices it hangs on; for ingress and egress only.
    pub devices: Vec<String>,
}

impl BaseChain {
    /// A filter chain that accepts what no rule decides.
    pub fn filter(hook: Hook, priority: i32) -> Self {
        Self { hook, priority, kind: ChainKind::Filter, policy: ChainPolicy::Accept, devices: Vec::new() }
    }

    /// Of this kind.
    #[must_use]
    pub fn kind(mut self, kind: ChainKind) -> Self {
        self.kind = kind;
        self
    }

    /// With this policy.
    #[must_use]
    pub fn policy(mut self, policy: ChainPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// On this device too.
    #[must_use]
    pub fn device(mut self, name: impl Into<String>) -> Self {
        self.devices.push(name.into());
        self
    }
}

/// A point in a packet's way. Its number depends on the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Before routing.
    Prerouting,
    /// For this machine.
    Input,
    /// Through this machine.
    Forward,
    /// From this machine.
    Output,
    /// After routing.
    Postrouting,
    /// Before the protocol stack, on a device (`netdev`, `inet`).
    Ingress,
    /// After the protocol stack, on a device (`netdev`).
    Egress,
}

impl Hook {
    fn numbers(family: Family) -> &'static [(Self, u32)] {
        match family {
            Family::Inet | Family::Ip | Family::Ip6 | Family::Bridge => &[
                (Self::Prerouting, 0),
                (Self::Input, 1),
                (Self::Forward, 2),
                (Self::Output, 3),
                (Self::Postrouting, 4),
                (Self::Ingress, 5),
            ],
            Family::Arp => &[(Self::Input, 0), (Self::Output, 1), (Self::Forward, 2)],
            Family::Netdev => &[(Self::Ingress, 0), (Self::Egress, 1)],
        }
    }

    fn wire(self, family: Family) -> Option<u32> {
        Self::numbers(family).iter().find(|(hook, _)| *hook == self).map(|(_, number)| *number)
    }

    fn from_wire(family: Family, number: u32) -> Result<Self, Malformed> {
        let row = Self::numbers(family).iter().find(|(_, n)| *n == number);
        row.map(|(hook, _)| *hook).ok_or(Malformed("unknown hook"))
    }
}

/// What a base chain may do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainKind {
    /// Filter.
    Filter,
    /// Filter, and route again when the rules changed what routing looks at.
    Route,
    /// Translate addresses; sees the first packet of a connection only.
    Nat,
    /// A kind that this crate does not know.
    Other(String),
}

impl ChainKind {
    /// The kernel's name of it.
    pub fn name(&self) -> &str {
        match self {
            Self::Filter => "filter",
            Self::Route => "route",
            Self::Nat => "nat",
            Self::Other(name) => name,
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "filter" => Self::Filter,
            "route" => Self::Route,
            "nat" => Self::Nat,
            other => Self::Other(other.to_owned()),
        }
    }
}

wire_enum! {
    /// What becomes of a packet that no rule of a base chain decided.
    pub enum ChainPolicy {
        /// It is dropped.
        Drop = 0,
        /// It passes.
        Accept = 1,
    }
}

/// A chain as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEntry {
    /// The family of its table.
    pub family: Family,
    /// The name of its table.
    pub table: String,
    /// The kernel's number of it.
    pub handle: u64,
    /// What it is.
    pub chain: Chain,
}

/// The attributes that name a chain in a request.
pub(crate) fn name(table: &str, chain: &str, out: &mut Writer) {
    out.string(TABLE, table);
    out.string(NAME, chain);
}

impl Chain {
    pub(crate) fn encode(&self, family: Family, table: &str, out: &mut Writer) {
        name(table, &self.name, out);
        if let Some(base) = &self.base {
            let Some(number) = base.hook.wire(family) else {
                return out.fail("the family of the table has no such hook");
            };
            out.nested(HOOK, |out| {
                out.be32(HOOK_NUMBER, number);
                out.be32(HOOK_PRIORITY, base.priority as u32);
                match &base.devices[..] {
                    [] => {}
                    [device] => out.string(HOOK_DEVICE, device),
                    devices => out.nested(HOOK_DEVICES, |out| {
                        devices.iter().for_each(|device| out.string(DEVICE_NAME, device));
                    }),
                }
            });
            out.be32(POLICY, base.policy.wire());
            out.string(TYPE, base.kind.name());
        }
        self.userdata.encode(USERDATA, out);
    }
}

impl ChainEntry {
    /// The table that the chain is in, without looking at the rest.
    pub(crate) fn table_of(attributes: Attrs<'_>) -> Result<&str, Malformed> {
        let [table] = attributes.pick([TABLE])?;
        table.need("a chain without a table")?.string()
    }

    /// From the attributes of `NFT_MSG_NEWCHAIN`.
    pub fn decode(family: u8, attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [table, handle, name, hook, policy, kind, _, userdata] =
            attributes.pick([TABLE, HANDLE, NAME, HOOK, POLICY, TYPE, FLAGS, USERDATA])?;
        let family = Family::from_wire(family)?;
        let base = match hook {
            Some(hook) => {
                let mut base = decode_hook(family, hook)?;
                base.policy = ChainPolicy::from_wire(policy.need("a base chain without a policy")?.be32()?)?;
                base.kind = ChainKind::from_name(kind.need("a base chain without a type")?.string()?);
                Some(base)
            }
            None => None,
        };
        Ok(Self {
            family,
            table: table.need("a chain without a table")?.string()?.to_owned(),
            handle: handle.map_or(Ok(0), |handle| handle.be64())?,
            chain: Chain {
                name: name.need("a chain without a name")?.string()?.to_owned(),
                base,
                userdata: Userdata::decode(userdata),
            },
        })
    }
}

fn decode_hook(family: Family, hook: Attr<'_>) -> Result<BaseChain, Malformed> {
    let [number, priority, device, devices] =
        hook.attrs().pick([HOOK_NUMBER, HOOK_PRIORITY, HOOK_DEVICE, HOOK_DEVICES])?;
    let hook = Hook::from_wire(family, number.need("a hook without a number")?.be32()?)?;
    let mut base = BaseChain::filter(hook, priority.need("a hook without a priority")?.be32()? as i32);
    // The kernel gives the list always, and a single device by itself as well.
    match (devices, device) {
        (Some(devices), _) => {
            for device in devices.attrs() {
                base.devices.push(device?.string()?.to_owned());
            }
        }
        (None, Some(device)) => base.devices.push(device.string()?.to_owned()),
        (None, None) => {}
    }
    Ok(base)
}
