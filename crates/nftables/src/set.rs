//! Sets and maps: what they hold, and how.

use crate::attr::{Attrs, Malformed, Required, Writer, align};
use crate::family::Family;
use crate::object::ObjectKind;
use crate::userdata::Userdata;
use crate::wire::{wire_enum, wire_flags};
use smallvec::SmallVec;

const TABLE: u16 = 1;
const NAME: u16 = 2;
const FLAGS: u16 = 3;
const KEY_TYPE: u16 = 4;
const KEY_LEN: u16 = 5;
const DATA_TYPE: u16 = 6;
const DATA_LEN: u16 = 7;
const POLICY: u16 = 8;
const DESC: u16 = 9;
const ID: u16 = 10;
const USERDATA: u16 = 13;
const OBJECT_TYPE: u16 = 15;
const HANDLE: u16 = 16;

const DESC_SIZE: u16 = 1;
const DESC_CONCAT: u16 = 2;
const FIELD: u16 = 1;
const FIELD_LEN: u16 = 1;

/// `NFT_DATA_VERDICT`: the data type of verdict maps.
const VERDICT: u32 = 0xffff_ff00;

wire_flags! {
    /// Flags of a set (`NFT_SET_*`). Map, object map and concatenation follow from key and data and are not here.
    pub struct SetFlags {
        /// Bound to one rule and gone with it.
        ANONYMOUS = 0x1,
        /// Its elements never change.
        CONSTANT = 0x2,
        /// Elements are intervals.
        INTERVAL = 0x4,
        /// Elements can time out.
        TIMEOUT = 0x10,
        /// Rules may add elements.
        EVAL = 0x20,
    }
}

const MAP: SetFlags = SetFlags(0x8);
const OBJECT: SetFlags = SetFlags(0x40);
const CONCAT: SetFlags = SetFlags(0x80);

wire_enum! {
    /// What the kernel should prefer when it chooses how to keep a set.
    pub enum SetPolicy {
        /// Speed.
        Performance = 0,
        /// Little memory.
        Memory = 1,
    }
}

/// The type of one field: how `nft` shows it (the kernel only keeps the number), and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldType {
    /// nft's number of the type; below 64.
    pub id: u32,
    /// Bytes.
    pub len: u8,
}

impl FieldType {
    /// `nf_proto`: IPv4 or IPv6, as `meta nfproto` gives it.
    pub const NF_PROTO: Self = Self { id: 2, len: 1 };
    /// `integer` of 32 bits.
    pub const INTEGER: Self = Self { id: 4, len: 4 };
    /// `ipv4_addr`.
    pub const IPV4_ADDR: Self = Self { id: 7, len: 4 };
    /// `ipv6_addr`.
    pub const IPV6_ADDR: Self = Self { id: 8, len: 16 };
    /// `ether_addr`.
    pub const ETHER_ADDR: Self = Self { id: 9, len: 6 };
    /// `ether_type`.
    pub const ETHER_TYPE: Self = Self { id: 10, len: 2 };
    /// `inet_proto`: a transport protocol.
    pub const INET_PROTO: Self = Self { id: 12, len: 1 };
    /// `inet_service`: a port.
    pub const INET_SERVICE: Self = Self { id: 13, len: 2 };
    /// `icmp_type`.
    pub const ICMP_TYPE: Self = Self { id: 14, len: 1 };
    /// `mark`, in host byte order.
    pub const MARK: Self = Self { id: 19, len: 4 };
    /// `iface_index`, in host byte order.
    pub const IFACE_INDEX: Self = Self { id: 20, len: 4 };
    /// `ct_state`, in host byte order.
    pub const CT_STATE: Self = Self { id: 26, len: 4 };
    /// `icmpv6_type`.
    pub const ICMPV6_TYPE: Self = Self { id: 29, len: 1 };
    /// `icmp_code`.
    pub const ICMP_CODE: Self = Self { id: 32, len: 1 };
    /// `icmpv6_code`.
    pub const ICMPV6_CODE: Self = Self { id: 33, len: 1 };
    /// `fib_addrtype`, in host byte order.
    pub const FIB_ADDRTYPE: Self = Self { id: 38, len: 4 };
    /// `ifname`: an interface name, 16 bytes.
    pub const IFNAME: Self = Self { id: 41, len: 16 };
}

/// The userdata entries in which nft keeps the byte order of a set's key and data.
const KEY_BYTE_ORDER: u8 = 0;
const DATA_BYTE_ORDER: u8 = 1;
/// nft's number of host byte order.
const HOST_ORDER: u32 = 1;

/// With a note for nft where a type is in host byte order: it takes values for network byte order otherwise, and shows
/// them turned round, interface names even as empty. The kernel does not look at it.
fn note_byte_order(userdata: Userdata, entry: u8, type_id: u32) -> Userdata {
    // mark, iface_index, realm, uid, gid, ct_state, ct_status, devgroup, fib_addrtype, ifname
    match type_id {
        19 | 20 | 22 | 24..=26 | 28 | 35 | 38 | 41 => userdata.with(entry, &HOST_ORDER.to_ne_bytes()),
        _ => userdata,
    }
}

/// The key of a set: one field, or several concatenated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SetKey {
    /// nft's number of the type: of a concatenation, six bits a field, the first highest.
    type_id: u32,
    /// Length of each field in bytes, without filling.
    fields: SmallVec<[u8; 8]>,
}

impl SetKey {
    /// A key of these fields, at least one. At most five show in `nft list`, whose type number has room for no more.
    pub fn new(fields: &[FieldType]) -> Self {
        Self {
            type_id: fields.iter().fold(0, |id, field| id << 6 | field.id & 0x3f),
            fields: fields.iter().map(|field| field.len).collect(),
        }
    }

    /// Length of the key in bytes; concatenated fields are filled to four bytes each.
    pub fn len(&self) -> usize {
        match self.fields[..] {
            [single] => usize::from(single),
            ref fields => fields.iter().map(|&len| align(usize::from(len))).sum(),
        }
    }

    /// Whether it has no fields, which the kernel refuses.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Length of each field in bytes.
    pub fn fields(&self) -> &[u8] {
        &self.fields
    }
}

impl From<FieldType> for SetKey {
    fn from(field: FieldType) -> Self {
        Self::new(&[field])
    }
}

/// What a map gives for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MapData {
    /// A verdict.
    Verdict,
    /// A value of this type number and length in bytes.
    Value {
        /// nft's number of the type.
        type_id: u32,
        /// Bytes.
        len: u32,
    },
    /// A named object, such as a counter.
    Object(ObjectKind),
}

impl From<FieldType> for MapData {
    fn from(field: FieldType) -> Self {
        Self::Value { type_id: field.id, len: u32::from(field.len) }
    }
}

/// A set or, with [`data`](Self::data), a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its name, unique in the table among sets and maps; at most 255 bytes.
    pub name: String,
    /// Its keys.
    pub key: SetKey,
    /// What it maps to; `None` for a set.
    pub data: Option<MapData>,
    /// Its flags.
    pub flags: SetFlags,
    /// What the kernel should prefer.
    pub policy: SetPolicy,
    /// The most elements it can hold, beyond which adding gives `ENFILE`; `None` for no bound. With a bound the kernel
    /// takes a hash table of fixed size for single keys, which is faster to fill and takes its memory at once.
    pub size: Option<u32>,
    /// Comment and more.
    pub userdata: Userdata,
}

impl Set {
    /// A set of single keys.
    pub fn new(name: impl Into<String>, key: impl Into<SetKey>) -> Self {
        let key = key.into();
        let userdata = match key.fields[..] {
            [_] => note_byte_order(Userdata::new(), KEY_BYTE_ORDER, key.type_id),
            // Of concatenated fields nft knows it by their types.
            _ => Userdata::new(),
        };
        Self {
            name: name.into(),
            key,
            data: None,
            flags: SetFlags::NONE,
            policy: SetPolicy::Performance,
            size: None,
            userdata,
        }
    }

    /// A map.
    pub fn map(name: impl Into<String>, key: impl Into<SetKey>, data: impl Into<MapData>) -> Self {
        let mut map = Self::new(name, key);
        let data = data.into();
        if let MapData::Value { type_id, .. } = data {
            map.userdata = note_byte_order(map.userdata, DATA_BYTE_ORDER, type_id);
        }
        map.data = Some(data);
        map
    }

    /// A map from keys to verdicts.
    pub fn verdict_map(name: impl Into<String>, key: impl Into<SetKey>) -> Self {
        Self::map(name, key, MapData::Verdict)
    }

    /// Holding intervals.
    #[must_use]
    pub fn interval(mut self) -> Self {
        self.flags = self.flags | SetFlags::INTERVAL;
        self
    }

    /// Holding at most this many elements.
    #[must_use]
    pub fn size(mut self, elements: u32) -> Self {
        self.size = Some(elements);
        self
    }

    /// With a comment, as `nft list` shows it.
    #[must_use]
    pub fn with_comment(mut self, text: &str) -> Self {
        self.userdata = self.userdata.with_set_comment(text);
        self
    }

    fn wire_flags(&self) -> SetFlags {
        let data = match self.data {
            None => SetFlags::NONE,
            Some(MapData::Object(_)) => OBJECT,
            Some(_) => MAP,
        };
        let concat = if self.key.fields.len() > 1 { CONCAT } else { SetFlags::NONE };
        self.flags | data | concat
    }

    /// With `id`, by which later messages of the same batch can name a set whose name the kernel still has to choose.
    pub(crate) fn encode(&self, table: &str, id: u32, out: &mut Writer) {
        name(table, &self.name, out);
        out.be32(FLAGS, self.wire_flags().0);
        out.be32(KEY_TYPE, self.key.type_id);
        out.be32(KEY_LEN, self.key.len() as u32);
        match self.data {
            None => {}
            Some(MapData::Verdict) => out.be32(DATA_TYPE, VERDICT),
            Some(MapData::Value { type_id, len }) => {
                out.be32(DATA_TYPE, type_id);
                out.be32(DATA_LEN, len);
            }
            Some(MapData::Object(kind)) => out.be32(OBJECT_TYPE, kind.wire()),
        }
        if self.policy != SetPolicy::Performance {
            out.be32(POLICY, self.policy.wire());
        }
        let concat = self.key.fields.len() > 1;
        if self.size.is_some() || concat {
            out.nested(DESC, |out| {
                if let Some(size) = self.size {
                    out.be32(DESC_SIZE, size);
                }
                if concat {
                    out.nested(DESC_CONCAT, |out| {
                        for &len in &self.key.fields {
                            out.nested(FIELD, |out| out.be32(FIELD_LEN, u32::from(len)));
                        }
                    });
                }
            });
        }
        out.be32(ID, id);
        self.userdata.encode(USERDATA, out);
    }
}

/// The attributes that name a set in a request.
pub(crate) fn name(table: &str, set: &str, out: &mut Writer) {
    out.string(TABLE, table);
    out.string(NAME, set);
}

/// The attribute that selects the sets of one table.
pub(crate) fn of_table(table: &str, out: &mut Writer) {
    out.string(TABLE, table);
}

/// A set as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetEntry {
    /// The family of its table.
    pub family: Family,
    /// The name of its table.
    pub table: String,
    /// The kernel's number of it.
    pub handle: u64,
    /// What it is.
    pub set: Set,
}

impl SetEntry {
    /// From the attributes of `NFT_MSG_NEWSET`.
    pub fn decode(family: u8, attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [table, name, flags, key_type, key_len, data_type, data_len, policy, desc, userdata, object, handle] =
            attributes.pick([
                TABLE,
                NAME,
                FLAGS,
                KEY_TYPE,
                KEY_LEN,
                DATA_TYPE,
                DATA_LEN,
                POLICY,
                DESC,
                USERDATA,
                OBJECT_TYPE,
                HANDLE,
            ])?;
        let flags = SetFlags(flags.map_or(Ok(0), |flags| flags.be32())?);
        let data = if flags.contains(OBJECT) {
            Some(MapData::Object(ObjectKind::from_wire(object.need("an object map without an object type")?.be32()?)?))
        } else if flags.contains(MAP) {
            Some(match data_type.need("a map without a data type")?.be32()? {
                VERDICT => MapData::Verdict,
                type_id => MapData::Value { type_id, len: data_len.need("a map without a data length")?.be32()? },
            })
        } else {
            None
        };
        let mut size = None;
        let mut fields = SmallVec::new();
        if let Some(desc) = desc {
            let [wire_size, concat] = desc.attrs().pick([DESC_SIZE, DESC_CONCAT])?;
            size = wire_size.map(|size| size.be32()).transpose()?;
            for field in concat.map_or(Attrs::new(&[]), |concat| concat.attrs()) {
                let [len] = field?.attrs().pick([FIELD_LEN])?;
                fields.push(field_len(len.need("a set field without a length")?.be32()?)?);
            }
        }
        if fields.is_empty() {
            fields.push(field_len(key_len.need("a set without a key length")?.be32()?)?);
        }
        let set = Set {
            name: name.need("a set without a name")?.string()?.to_owned(),
            key: SetKey { type_id: key_type.map_or(Ok(0), |id| id.be32())?, fields },
            data,
            flags: flags.without(MAP | OBJECT | CONCAT),
            policy: policy.map_or(Ok(SetPolicy::Performance), |policy| SetPolicy::from_wire(policy.be32()?))?,
            size,
            userdata: Userdata::decode(userdata),
        };
        Ok(Self {
            family: Family::from_wire(family)?,
            table: table.need("a set without a table")?.string()?.to_owned(),
            handle: handle.map_or(Ok(0), |handle| handle.be64())?,
            set,
        })
    }
}

/// Keys have at most 64 bytes (`NFT_DATA_VALUE_MAXLEN`).
fn field_len(len: u32) -> Result<u8, Malformed> {
    u8::try_from(len).map_err(|_| Malformed("a set field is longer than a register"))
}
