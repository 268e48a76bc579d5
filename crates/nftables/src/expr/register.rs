//! Registers.

use crate::attr::{Attr, Malformed, Writer};
use std::fmt;

/// A place in the 64 bytes in which expressions pass values to each other: one of sixteen slots of four bytes. A longer
/// value takes the slots after it too.
///
/// The kernel also has an older numbering with four registers of sixteen bytes and prefers it when it answers. Both
/// name the same bytes, so here only slots exist.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reg(u8);

/// `NFT_REG_1`, the first of the old numbering.
const FIRST_WIDE: u32 = 1;
/// `NFT_REG32_00`.
const FIRST_SLOT: u32 = 8;
const SLOTS: u32 = 16;
const SLOTS_IN_WIDE: u32 = 4;

impl Reg {
    /// The first slot.
    pub const R0: Self = Self(0);

    /// The slot of this number; `None` from 16 on.
    pub const fn slot(number: u8) -> Option<Self> {
        if (number as u32) < SLOTS { Some(Self(number)) } else { None }
    }

    /// Its number, 0 to 15.
    pub const fn number(self) -> u8 {
        self.0
    }

    pub(super) fn encode(self, kind: u16, out: &mut Writer) {
        let slot = u32::from(self.0);
        let wire =
            if slot.is_multiple_of(SLOTS_IN_WIDE) { FIRST_WIDE + slot / SLOTS_IN_WIDE } else { FIRST_SLOT + slot };
        out.be32(kind, wire);
    }

    pub(super) fn decode(attr: Attr<'_>) -> Result<Self, Malformed> {
        let slot = match attr.be32()? {
            wide if (FIRST_WIDE..FIRST_WIDE + SLOTS / SLOTS_IN_WIDE).contains(&wide) => {
                (wide - FIRST_WIDE) * SLOTS_IN_WIDE
            }
            slot if (FIRST_SLOT..FIRST_SLOT + SLOTS).contains(&slot) => slot - FIRST_SLOT,
            _ => return Err(Malformed("unknown register")),
        };
        Ok(Self(slot as u8))
    }
}

impl fmt::Debug for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_numberings_name_the_same_slots() {
        for (wire, slot) in
            [(1, Some(0)), (4, Some(12)), (8, Some(0)), (9, Some(1)), (23, Some(15)), (0, None), (24, None), (5, None)]
        {
            let value = u32::to_be_bytes(wire);
            let decoded = Reg::decode(Attr { kind: 1, value: &value }).ok();
            assert_eq!(decoded, slot.and_then(Reg::slot), "{wire}");
        }
    }
}
