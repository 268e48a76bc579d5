//! Building rules step by step.

use super::{
    Bitwise, Cmp, CmpOp, Counter, Ct, CtKey, CtState, Expr, Fib, FibFlags, FibResult, Immediate, InlineSet, Lookup,
    Meta, MetaKey, Objref, Outcome, Payload, PayloadField, Range, RangeOp, Reg, SetRef,
};
use crate::data::Data;
use crate::element::Element;
use crate::object::ObjectKind;
use crate::rule::Rule;
use crate::set::SetKey;
use crate::verdict::Verdict;

/// Something that can be loaded into registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// A property of the packet that is not in it.
    Meta(MetaKey),
    /// Bytes of the packet.
    Payload(PayloadField),
    /// A property of the connection without a direction.
    Ct(CtKey),
}

impl Load {
    /// Loads it into these registers.
    pub fn into_reg(self, dreg: Reg) -> Expr {
        match self {
            Self::Meta(key) => Meta::Load { key, dreg }.into(),
            Self::Payload(field) => Payload::Load { field, dreg }.into(),
            Self::Ct(key) => Ct::Load { key, direction: None, dreg }.into(),
        }
    }

    /// Slots of four bytes it takes.
    fn slots(self) -> usize {
        let bytes = match self {
            Self::Meta(key) => key.width(),
            Self::Payload(field) => field.len as usize,
            Self::Ct(key) => key.width(),
        };
        bytes.div_ceil(4)
    }
}

impl From<MetaKey> for Load {
    fn from(key: MetaKey) -> Self {
        Self::Meta(key)
    }
}

impl From<PayloadField> for Load {
    fn from(field: PayloadField) -> Self {
        Self::Payload(field)
    }
}

impl From<CtKey> for Load {
    fn from(key: CtKey) -> Self {
        Self::Ct(key)
    }
}

/// Steps of a rule. All use the first register.
impl Rule {
    /// Any expression.
    #[must_use]
    pub fn with(mut self, expression: impl Into<Expr>) -> Self {
        self.expressions.push(expression.into());
        self
    }

    /// Loads fields one after another, as a concatenated key holds them: each begins on four bytes. What exceeds the 64
    /// bytes of registers is loaded into the last slot, which the kernel refuses for want of room or finds to be no key
    /// of the set.
    #[must_use]
    pub fn load(mut self, fields: &[Load]) -> Self {
        let mut slot = 0;
        for field in fields {
            let last = 15;
            let dreg = Reg::slot(slot.min(last) as u8).unwrap_or(Reg::R0);
            self.expressions.push(field.into_reg(dreg));
            slot += field.slots();
        }
        self
    }

    /// Loads a property of the packet that is not in it.
    #[must_use]
    pub fn meta(self, key: MetaKey) -> Self {
        self.load(&[key.into()])
    }

    /// Loads bytes of the packet.
    #[must_use]
    pub fn payload(self, field: PayloadField) -> Self {
        self.load(&[field.into()])
    }

    /// Loads a property of the connection.
    #[must_use]
    pub fn ct(self, key: CtKey) -> Self {
        self.load(&[key.into()])
    }

    /// Asks the routing table.
    #[must_use]
    pub fn fib(self, result: FibResult, flags: FibFlags) -> Self {
        self.with(Fib { result, flags, dreg: Reg::R0 })
    }

    /// Goes on when the connection state of the packet is one of these.
    #[must_use]
    pub fn ct_state(self, states: CtState) -> Self {
        self.ct(CtKey::State).mask(Data::host32(states.0)).ne(Data::host32(0))
    }

    /// Keeps the bits of a mask.
    #[must_use]
    pub fn mask(self, mask: impl Into<Data>) -> Self {
        self.with(Bitwise::mask(Reg::R0, mask.into()))
    }

    /// Goes on when equal.
    #[must_use]
    pub fn eq(self, data: impl Into<Data>) -> Self {
        self.cmp(CmpOp::Eq, data)
    }

    /// Goes on when not equal.
    #[must_use]
    pub fn ne(self, data: impl Into<Data>) -> Self {
        self.cmp(CmpOp::Ne, data)
    }

    /// Goes on when it compares so.
    #[must_use]
    pub fn cmp(self, op: CmpOp, data: impl Into<Data>) -> Self {
        self.with(Cmp { sreg: Reg::R0, op, data: data.into() })
    }

    /// Goes on when in a range, ends included.
    #[must_use]
    pub fn range(self, from: impl Into<Data>, to: impl Into<Data>) -> Self {
        self.with(Range { sreg: Reg::R0, op: RangeOp::Inside, from: from.into(), to: to.into() })
    }

    /// Goes on when in a set.
    #[must_use]
    pub fn lookup(self, set: impl Into<SetRef>) -> Self {
        self.look(set, Outcome::Found)
    }

    /// Goes on when not in a set.
    #[must_use]
    pub fn lookup_missing(self, set: impl Into<SetRef>) -> Self {
        self.look(set, Outcome::Missing)
    }

    /// Goes on when one of these single keys, in a set that stands in the rule.
    #[must_use]
    pub fn any_of(self, key: impl Into<SetKey>, keys: impl IntoIterator<Item = impl Into<Data>>) -> Self {
        self.lookup(InlineSet::new(key, keys.into_iter().map(Element::new)))
    }

    /// Takes the verdict that a map has for the key.
    #[must_use]
    pub fn verdict_map(self, map: impl Into<SetRef>) -> Self {
        self.look(map, Outcome::Verdict)
    }

    fn look(self, set: impl Into<SetRef>, outcome: Outcome) -> Self {
        self.with(Lookup { set: set.into(), sreg: Reg::R0, outcome })
    }

    /// Sets the mark of the packet: the bits of `mask` become those of `value`, the others stay.
    #[must_use]
    pub fn set_mark(self, value: u32, mask: u32) -> Self {
        let write = Meta::Set { key: MetaKey::Mark, sreg: Reg::R0 };
        if mask == u32::MAX {
            return self.with(Immediate::Data { dreg: Reg::R0, data: Data::host32(value) }).with(write);
        }
        let op = super::BitwiseOp::MaskXor { mask: Data::host32(!mask), xor: Data::host32(value & mask) };
        self.meta(MetaKey::Mark).with(Bitwise { sreg: Reg::R0, dreg: Reg::R0, len: 4, op }).with(write)
    }

    /// Counts.
    #[must_use]
    pub fn counter(self) -> Self {
        self.with(Counter::default())
    }

    /// Counts in a named counter.
    #[must_use]
    pub fn named_counter(self, name: impl Into<String>) -> Self {
        self.with(Objref::Named { kind: ObjectKind::Counter, name: name.into() })
    }

    /// Gives a verdict.
    #[must_use]
    pub fn verdict(self, verdict: Verdict) -> Self {
        self.with(verdict)
    }
}
