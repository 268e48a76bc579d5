//! NFLOG: packets that `log` expressions send to a group.

use crate::attr::{Malformed, Required};
use crate::error::{Error, Result};
use crate::message::{self, Message};
use crate::request::{Link, Request};
use crate::socket::BufferSizes;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

const SUBSYSTEM: u16 = libc::NFNL_SUBSYS_ULOG as u16;
const PACKET: u16 = SUBSYSTEM << 8;
const CONFIG: u16 = SUBSYSTEM << 8 | 1;

const CONFIG_COMMAND: u16 = 1;
const CONFIG_MODE: u16 = 2;
const CONFIG_TIMEOUT: u16 = 4;
const CONFIG_THRESHOLD: u16 = 5;
const CONFIG_FLAGS: u16 = 6;
const BIND: u8 = 1;
const COPY_PACKET: u8 = 2;
/// Number the packets of this group.
const FLAG_SEQUENCE: u16 = 1;

const HEADER: u16 = 1;
const MARK: u16 = 2;
const IN_DEVICE: u16 = 4;
const OUT_DEVICE: u16 = 5;
const PAYLOAD: u16 = 9;
const PREFIX: u16 = 10;
const SEQUENCE: u16 = 12;

/// What a listener asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NflogConfig {
    /// The group; one listener each.
    pub group: u16,
    /// Bytes of each packet to copy.
    pub copy: u32,
    /// Packets that the kernel gathers before it hands them over; one hands each over at once.
    pub threshold: u32,
    /// How long it gathers them at most; in steps of 10 ms.
    pub timeout: Duration,
    /// Bytes of packets waiting to be read.
    pub buffer: usize,
}

impl NflogConfig {
    /// The first 128 bytes of each packet (the headers), gathered for at most 100 ms.
    pub fn new(group: u16) -> Self {
        Self { group, copy: 128, threshold: 64, timeout: Duration::from_millis(100), buffer: 4 << 20 }
    }
}

/// A packet that was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What the rule says of it, as bytes: the kernel gives no more than the rule had.
    pub prefix: &'a [u8],
    /// The packet from its network header on, as far as it was copied.
    pub payload: &'a [u8],
    /// `ETH_P_IP` (0x0800) or `ETH_P_IPV6` (0x86dd); zero where the kernel has none.
    pub protocol: u16,
    /// The hook it was at, as its family numbers it.
    pub hook: u8,
    /// Its mark.
    pub mark: u32,
    /// Index of the interface it came in by.
    pub in_device: Option<u32>,
    /// Index of the interface it goes out by.
    pub out_device: Option<u32>,
    /// Its number in the group; one missing is a packet lost.
    pub sequence: Option<u32>,
}

impl<'a> Packet<'a> {
    /// From a message; `None` when it is not a packet.
    pub fn decode(message: &Message<'a>) -> Result<Option<Self>, Malformed> {
        if message.kind != PACKET {
            return Ok(None);
        }
        let (_, attributes) = message.netfilter()?;
        let [header, mark, in_device, out_device, payload, prefix, sequence] =
            attributes.pick([HEADER, MARK, IN_DEVICE, OUT_DEVICE, PAYLOAD, PREFIX, SEQUENCE])?;
        let [high, low, hook, _] = *header.need("a logged packet without a header")?.value else {
            return Err(Malformed("the header of a logged packet has another size"));
        };
        let prefix = prefix.map_or(&[][..], |prefix| prefix.value);
        Ok(Some(Self {
            prefix: prefix.split(|&byte| byte == 0).next().unwrap_or(&[]),
            payload: payload.map_or(&[], |payload| payload.value),
            protocol: u16::from_be_bytes([high, low]),
            hook,
            mark: mark.map_or(Ok(0), |mark| mark.be32())?,
            in_device: in_device.map(|index| index.be32()).transpose()?,
            out_device: out_device.map(|index| index.be32()).transpose()?,
            sequence: sequence.map(|number| number.be32()).transpose()?,
        }))
    }
}

/// What a read gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NflogRead {
    /// Packets given to the visitor.
    pub packets: usize,
    /// Packets the kernel dropped for want of room, as far as their numbers tell; at least one after an overflow.
    pub lost: u64,
    /// Messages that could not be understood.
    pub malformed: usize,
}

/// Listens to a group of the network namespace that the thread was in when it was opened.
#[derive(Debug)]
pub struct Nflog {
    link: Link,
    /// The number of the next packet, once one came.
    expected: Option<u32>,
}

impl Nflog {
    /// Binds to a group. Fails with `EPERM` when another socket listens to it, as without `CAP_NET_ADMIN`.
    pub fn open(config: &NflogConfig) -> Result<Self> {
        let mut link = Link::open(BufferSizes { receive: config.buffer, ..BufferSizes::default() })?;
        let operation = format!("binding to NFLOG group {}", config.group);
        let request = || Request::single(CONFIG, 0, operation.clone()).resource(config.group);
        link.exchange(request().attributes(|out| out.u8(CONFIG_COMMAND, BIND)), |_| Ok(()))?;
        let hundredths = u32::try_from(config.timeout.as_millis() / 10).unwrap_or(u32::MAX);
        let [a, b, c, d] = config.copy.to_be_bytes();
        let settings = request().attributes(|out| {
            out.put(CONFIG_MODE, &[a, b, c, d, COPY_PACKET, 0]);
            out.be32(CONFIG_TIMEOUT, hundredths);
            out.be32(CONFIG_THRESHOLD, config.threshold);
            out.be16(CONFIG_FLAGS, FLAG_SEQUENCE);
        });
        link.exchange(settings, |_| Ok(()))?;
        Ok(Self { link, expected: None })
    }

    /// Gives what was logged since the last time to `visit`. With nothing there, waits for something: for at most
    /// `bound`, or without a bound.
    pub fn read(&mut self, bound: Option<Duration>, mut visit: impl FnMut(&Packet<'_>)) -> Result<NflogRead> {
        let mut read = NflogRead::default();
        let mut overflow = false;
        if self.link.socket.wait(bound)? {
            loop {
                let bytes = match self.link.socket.receive() {
                    Ok(None) => break,
                    Ok(Some(bytes)) => bytes,
                    Err(Error::Overrun) => {
                        overflow = true;
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                for message in message::messages(bytes) {
                    match message.and_then(|message| Packet::decode(&message)) {
                        Ok(Some(packet)) => {
                            if let (Some(expected), Some(number)) = (self.expected, packet.sequence) {
                                read.lost += u64::from(number.wrapping_sub(expected));
                            }
                            self.expected = packet.sequence.map(|number| number.wrapping_add(1));
                            read.packets += 1;
                            visit(&packet);
                        }
                        Ok(None) => {}
                        Err(_) => read.malformed += 1,
                    }
                }
            }
        }
        if overflow {
            read.lost = read.lost.max(1);
        }
        Ok(read)
    }
}

impl AsFd for Nflog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.socket.as_fd()
    }
}
