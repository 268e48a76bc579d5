//! `log`: to NFLOG or to the kernel's log.

use super::Codec;
use crate::attr::{Attrs, Malformed, Writer};
use crate::wire::{wire_enum, wire_flags};

const GROUP: u16 = 1;
const PREFIX: u16 = 2;
const SNAPLEN: u16 = 3;
const THRESHOLD: u16 = 4;
const LEVEL: u16 = 5;
const FLAGS: u16 = 6;

wire_enum! {
    /// Severity in the kernel's log (`NFT_LOGLEVEL_*`).
    pub enum SyslogLevel {
        /// The system is unusable.
        Emergency = 0,
        /// Act at once.
        Alert = 1,
        /// Critical.
        Critical = 2,
        /// Error.
        Error = 3,
        /// Warning; what the kernel takes by default.
        Warning = 4,
        /// Normal but notable.
        Notice = 5,
        /// Informational.
        Info = 6,
        /// For debugging.
        Debug = 7,
        /// To the audit log instead.
        Audit = 8,
    }
}

wire_flags! {
    /// What the kernel's log shows besides (`NF_LOG_*`).
    pub struct LogFlags {
        /// TCP sequence numbers.
        TCP_SEQUENCE = 1,
        /// TCP options.
        TCP_OPTIONS = 2,
        /// IP options.
        IP_OPTIONS = 4,
        /// User of the local socket.
        UID = 8,
        /// Link layer header.
        LINK = 32,
    }
}

/// `log`: tells of the packet and goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Log {
    /// To those who listen to a NFLOG group.
    Nflog {
        /// The group.
        group: u16,
        /// What stands before the packet; at most 127 bytes.
        prefix: String,
        /// Bytes of the packet to copy; `None` as the listener says.
        snaplen: Option<u32>,
        /// Packets to gather in the kernel; zero as the listener says.
        threshold: u16,
    },
    /// To the kernel's log.
    Syslog {
        /// Severity.
        level: SyslogLevel,
        /// What stands before the packet; at most 127 bytes.
        prefix: String,
        /// What else is shown.
        flags: LogFlags,
    },
}

impl Log {
    /// To a NFLOG group, as its listener says.
    pub fn nflog(group: u16, prefix: impl Into<String>) -> Self {
        Self::Nflog { group, prefix: prefix.into(), snaplen: None, threshold: 0 }
    }
}

impl Codec for Log {
    const NAME: &'static str = "log";

    fn encode(&self, out: &mut Writer) {
        let (Self::Nflog { prefix, .. } | Self::Syslog { prefix, .. }) = self;
        if !prefix.is_empty() {
            out.string(PREFIX, prefix);
        }
        match self {
            Self::Nflog { group, snaplen, threshold, .. } => {
                out.be16(GROUP, *group);
                if let Some(snaplen) = snaplen {
                    out.be32(SNAPLEN, *snaplen);
                }
                if *threshold != 0 {
                    out.be16(THRESHOLD, *threshold);
                }
            }
            Self::Syslog { level, flags, .. } => {
                out.be32(LEVEL, level.wire());
                if *flags != LogFlags::NONE {
                    out.be32(FLAGS, flags.0);
                }
            }
        }
    }

    fn decode(attributes: Attrs<'_>) -> Result<Self, Malformed> {
        let [group, prefix, snaplen, threshold, level, flags] =
            attributes.exactly([GROUP, PREFIX, SNAPLEN, THRESHOLD, LEVEL, FLAGS])?;
        let prefix = prefix.map_or(Ok(""), |prefix| prefix.string())?.to_owned();
        match (group, level, flags) {
            (Some(group), None, None) => Ok(Self::Nflog {
                group: group.be16()?,
                prefix,
                snaplen: snaplen.map(|snaplen| snaplen.be32()).transpose()?,
                threshold: threshold.map_or(Ok(0), |threshold| threshold.be16())?,
            }),
            (None, level, flags) => Ok(Self::Syslog {
                level: level.map_or(Ok(SyslogLevel::Warning), |level| SyslogLevel::from_wire(level.be32()?))?,
                prefix,
                flags: LogFlags(flags.map_or(Ok(0), |flags| flags.be32())?),
            }),
            _ => Err(Malformed("log both to a group and to the kernel's log")),
        }
    }
}
