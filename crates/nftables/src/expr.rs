//! Expressions: what rules are made of. Each loads something into a register, compares, looks up, or acts.
//!
//! Each type here is one expression of the kernel with its parameters, written and read by the same module. An
//! expression that this crate does not know, or that has a parameter it does not know, is kept as [`Unknown`]: it is
//! never lost, and it is equal to nothing this crate can write.
//!
//! # Building
//!
//! [`Rule`](crate::Rule) has a method for each common step. They work with the first register, which is all a rule
//! needs that tests one thing at a time; [`Rule::load`](crate::Rule::load) places several fields one after another for
//! a concatenated key.
//!
//! ```
//! use margay_nftables::expr::{Load, MetaKey, PayloadField};
//! use margay_nftables::{Data, FieldType, Rule, SetKey, Verdict};
//! // meta l4proto tcp tcp dport { 80, 443 } counter accept
//! let web = Rule::new()
//!     .meta(MetaKey::L4Proto)
//!     .eq(6)
//!     .payload(PayloadField::DPORT)
//!     .any_of(FieldType::INET_SERVICE, [80, 443].map(Data::be16))
//!     .counter()
//!     .verdict(Verdict::Accept);
//! // ip saddr . meta l4proto . th dport @members jump allow
//! let members = Rule::new()
//!     .load(&[PayloadField::IP_SADDR.into(), MetaKey::L4Proto.into(), PayloadField::DPORT.into()])
//!     .lookup("members")
//!     .verdict(Verdict::jump("allow"));
//! assert_eq!((web.expressions.len(), members.expressions.len()), (6, 5));
//! ```

mod arithmetic;
mod build;
mod compare;
mod counter;
mod ct;
mod fib;
mod immediate;
mod limit;
mod log;
mod lookup;
mod meta;
mod nat;
mod numgen;
mod objref;
mod payload;
mod register;
mod reject;

pub use arithmetic::{Bitwise, BitwiseOp, Byteorder, ByteorderOp};
pub use build::Load;
pub use compare::{Cmp, CmpOp, Range, RangeOp};
pub use counter::Counter;
pub use ct::{Ct, CtDirection, CtKey, CtState, Notrack};
pub use fib::{AddrType, Fib, FibFlags, FibResult};
pub use immediate::Immediate;
pub use limit::{Limit, LimitUnit};
pub use log::{Log, LogFlags, SyslogLevel};
pub use lookup::{InlineSet, Lookup, Outcome, SetRef};
pub use meta::{Meta, MetaKey};
pub use nat::{Masquerade, Nat, NatFlags, NatKind, RegRange};
pub use numgen::{Numgen, NumgenKind};
pub use objref::Objref;
pub use payload::{Checksum, Payload, PayloadBase, PayloadField};
pub use register::Reg;
pub use reject::{IcmpxCode, Reject};

use crate::attr::{Attr, Attrs, Malformed, Required, Writer};

const ELEMENT: u16 = 1;
const NAME: u16 = 1;
const DATA: u16 = 2;

/// One expression on the wire: its name, and its parameters as attributes.
trait Codec: Sized {
    /// The kernel's name of the expression.
    const NAME: &'static str;
    /// Writes the parameters.
    fn encode(&self, out: &mut Writer);
    /// Reads the parameters. Fails on one that is not known.
    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed>;
}

/// An expression that this crate does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The kernel's name of it.
    pub name: String,
    /// Its parameters, as the kernel gave them.
    pub attributes: Vec<u8>,
}

macro_rules! expressions {
    ($($(#[$doc:meta])* $variant:ident,)+) => {
        /// An expression.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Expr {
            $($(#[$doc])* $variant($variant),)+
            /// Something that this crate does not know.
            Unknown(Unknown),
        }

        $(impl From<$variant> for Expr {
            fn from(expression: $variant) -> Self {
                Self::$variant(expression)
            }
        })+

        impl Expr {
            /// The kernel's name of it.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant(_) => <$variant as Codec>::NAME,)+
                    Self::Unknown(unknown) => &unknown.name,
                }
            }

            fn encode_parameters(&self, out: &mut Writer) {
                match self {
                    $(Self::$variant(expression) => expression.encode(out),)+
                    Self::Unknown(unknown) => out.raw(&unknown.attributes),
                }
            }

            fn decode_parameters(name: &str, attributes: Attrs<'_>) -> Result<Option<Self>, Malformed> {
                match name {
                    $(<$variant as Codec>::NAME => <$variant as Codec>::decode(attributes).map(|e| Some(Self::$variant(e))),)+
                    _ => Ok(None),
                }
            }
        }
    };
}

expressions! {
    /// Loads a property of the packet that is not in it, or sets one.
    Meta,
    /// Loads bytes of the packet, or writes them.
    Payload,
    /// Loads a property of the connection, or sets one.
    Ct,
    /// Asks the routing table.
    Fib,
    /// Compares a register with a value.
    Cmp,
    /// Compares a register with a range.
    Range,
    /// Masks or shifts a register.
    Bitwise,
    /// Changes the byte order of a register.
    Byteorder,
    /// Loads a constant, or gives a verdict.
    Immediate,
    /// Looks a register up in a set or map.
    Lookup,
    /// Counts.
    Counter,
    /// Refers to a named object.
    Objref,
    /// Logs.
    Log,
    /// Matches up to a rate.
    Limit,
    /// Drops, and tells the sender.
    Reject,
    /// Keeps the packet out of connection tracking.
    Notrack,
    /// Loads a number that changes with each packet.
    Numgen,
    /// Translates addresses.
    Nat,
    /// Translates the source to the address of the outgoing interface.
    Masquerade,
}

impl Expr {
    /// Name and parameters, inside an attribute that the caller opened.
    pub(crate) fn encode_body(&self, out: &mut Writer) {
        out.string(NAME, self.name());
        out.nested(DATA, |out| self.encode_parameters(out));
    }

    /// From the attribute that holds name and parameters.
    pub fn decode(attr: Attr<'_>) -> Result<Self, Malformed> {
        let [name, data] = attr.attrs().pick([NAME, DATA])?;
        let name = name.need("an expression without a name")?.string()?;
        let parameters = data.map_or(&[][..], |data| data.value);
        Ok(match Self::decode_parameters(name, Attrs::new(parameters)) {
            Ok(Some(expression)) => expression,
            // Kept, so that it is seen to differ. Where an attribute does not fit its message, it comes back as it was
            // too.
            Ok(None) | Err(_) => Self::Unknown(Unknown { name: name.to_owned(), attributes: parameters.to_vec() }),
        })
    }

    pub(crate) fn forget_state(&mut self) {
        if let Self::Counter(counter) = self {
            *counter = Counter::default();
        }
    }

    /// The set that stands in the rule itself, if this expression has one.
    pub(crate) fn inline_set(&self) -> Option<&InlineSet> {
        match self {
            Self::Lookup(Lookup { set: SetRef::Inline(set), .. }) => Some(set),
            _ => None,
        }
    }
}

/// Writes a list of expressions. Sets that stand in them have ids from `next_inline_set` on, in order.
pub(crate) fn encode_list(expressions: &[Expr], mut next_inline_set: u32, out: &mut Writer) {
    for expression in expressions {
        out.nested(ELEMENT, |out| match expression {
            Expr::Lookup(lookup) if expression.inline_set().is_some() => {
                out.string(NAME, Lookup::NAME);
                out.nested(DATA, |out| lookup.encode_with(next_inline_set, out));
                next_inline_set += 1;
            }
            _ => expression.encode_body(out),
        });
    }
}

/// The expressions in a list.
pub(crate) fn decode_list(list: Attr<'_>) -> Result<Vec<Expr>, Malformed> {
    list.attrs().map(|element| Expr::decode(element?)).collect()
}
