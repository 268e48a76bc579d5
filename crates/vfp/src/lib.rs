//! An emulator of HNS and VFP.

mod acl;
mod balance;
mod clock;
mod config;
mod count;
mod document;
mod door;
mod dump;
mod emulator;
mod fault;
mod flow;
mod frame;
pub mod knobs;
mod life;
mod log;
mod misuse;
mod object;
mod packet;
mod path;
mod port;
mod setup;
mod vfpctrl;

pub use acl::{Action, Decision, GroupName, LayerName, Rules, Verdict, VfpRule, Why};
pub use clock::Clock;
pub use config::{Config, Limits};
pub use count::Counters;
pub use emulator::Emulator;
pub use fault::{Effect, Fault, Latency, Loss, On, Operation};
pub use frame::{Frame, FrameError};
pub use knobs::{KnobError, Knobs};
pub use log::LogEntry;
pub use misuse::{Misuse, MisuseKind};
pub use object::NetworkKind;
pub use packet::{Direction, Fragment, Icmp, Packet, TcpFlags};
pub use path::{Delivery, Encapsulation, Exit, Sent};
pub use port::PortCounters;
