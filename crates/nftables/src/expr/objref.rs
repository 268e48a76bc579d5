//! `objref`: named objects.

use super::{Codec, Reg};
use crate::attr::{Attrs, Malformed, Required, Writer};
use crate::object::ObjectKind;

const TYPE: u16 = 1;
const NAME: u16 = 2;
const SREG: u16 = 3;
const SET: u16 = 4;
const SET_ID: u16 = 5;

/// `objref`: evaluates a named object, such as a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objref {
    /// This one.
    Named {
        /// Its kind.
        kind: ObjectKind,
        /// Its name.
        name: String,
    },
    /// The one that an object map has for a key; without one, the rule does not match.
    Mapped {
        /// The map's name.
        map: String,
        /// Where the key is.
        sreg: Reg,
    },
}

impl Codec for Objref {
    const NAME: &'static str = "objref";

    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Named { kind, name } => {
                out.be32(TYPE, kind.wire());
                out.string(NAME, name);
            }
            Self::Mapped { map, sreg } => {
                sreg.encode(SREG, out);
                out.string(SET, map);
            }
        }
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [kind, name, sreg, set, _] = attributes.exactly([TYPE, NAME, SREG, SET, SET_ID])?;
        match (name, set) {
            (Some(name), None) => Ok(Self::Named {
                kind: ObjectKind::from_wire(kind.need("objref without a type")?.be32()?)?,
                name: name.string()?.to_owned(),
            }),
            (None, Some(set)) => Ok(Self::Mapped {
                map: set.string()?.to_owned(),
                sreg: Reg::decode(sreg.need("objref without a register")?)?,
            }),
            _ => Err(Malformed("objref with other than one object")),
        }
    }
}
