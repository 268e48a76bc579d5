//! An emulator of the Host Networking Service (HNS) and the Virtual Filtering Platform (VFP) of Windows.
//!
//! An [`Emulator`] is a [`Service`](margay_hcn::Service): documents go in and out by both doors, V1 and V2, and are taken or refused as HNS is known
//! to. What was taken is programmed into ports, and packets pass the ports, or not.
//!
//! ```text
//! V1  method, path, body ─► door ─► document ─► object ─► acl ─► port ◄─ packets, frames
//! V2  Hcn… calls          ─┘ faults   strict or   networks,  compiled  rules, flows,
//!                            latency  lenient     endpoints            fragments
//! ```
//!
//! It judges what an agent sends: so it reads JSON by itself and shares none of the agent's code, but for names and error codes. It must never know
//! what a policy is, or who calls.
//!
//! # What it is true to
//!
//! To what is documented, read in public sources, and reported from real systems; **it proves conformance to that, not to Windows**. Each behaviour
//! carries the strength of its source: \[MS\] Microsoft's documentation, \[SRC\] a public project's source, \[FIELD\] a report from a real system,
//! \[INF\] inferred, \[UNK\] not established. What is \[UNK\] is a knob ([`knobs`]), so that an agent can be tested under every reading. What HNS takes
//! and nobody should send is kept as [`Misuse`], so that tests can hold that there is none.
//!
//! Only a real machine can settle, in the order of weight:
//!
//! 1. which of two ACLs of one priority is asked first (`tie-break`);
//! 2. what the default deny covers: directions (`default-deny`), neighbour discovery and DHCP (`exemptions`); families are taken together here;
//! 3. whether ACLs come before or after load balancing (`layer-order`);
//! 4. whether answers pass where only the other direction has a rule (`state`);
//! 5. what an Update replaces (`update`), what a Remove must match (`remove`), whether an Add repeats (`duplicates`);
//! 6. whether several names of sets mean all or any (`set-names`), and from when on there are sets of sets (`nested-sets`);
//! 7. where a priority below 100 is deadly (`low-priority`), and whether that of a Host rule, a tier's or a network's is: here it is not;
//! 8. how many ACLs, entries and policies HNS takes ([`Limits`]), and whether calls run side by side (`calls`);
//! 9. lists of protocols (`protocol-lists`), ports of SCTP (`sctp-ports`), host bits in an ACL's prefix (dropped here), an absent `RuleType`
//!    (`absent-rule-type`), port 0 (taken here);
//! 10. what becomes of flows when ACLs change (`acl-change`): here, one that is no longer allowed stays cut until it is opened anew;
//! 11. how tiers and a network's ACLs meet an endpoint's: here tiers, then ACLs, and a network's in a layer before;
//! 12. how strict V2 is with settings of policies (`settings`), and how lists read back (`readback`);
//! 13. what the host's firewall does beside VFP (`host-firewall`), and ACLs on NAT (`nat-acls`);
//! 14. fragments: here a later one follows the first, and is dropped where that was not seen.
//!
//! # In process
//!
//! ```
//! use margay_hcn::{Kind, Service};
//! use margay_vfp::{Config, Direction, Emulator, NetworkKind, Packet, Why};
//!
//! let hns = Emulator::new(Config::default());
//! let network = hns.add_network(NetworkKind::L2Bridge, "bridge", &["10.0.0.0/24".parse()?])?;
//! let pod = hns.add_endpoint(network, "pod", &["10.0.0.10".parse()?])?;
//! hns.modify(Kind::Endpoint, pod, r#"{"ResourceType":"Policy","RequestType":"Add","Settings":{"Policies":[
//!     {"Type":"ACL","Settings":{"Protocols":"6","LocalPorts":"80","Action":"Allow","Direction":"In","RuleType":"Switch","Priority":1000,"Id":"web"}}
//! ]}}"#)?;
//!
//! let syn = Packet::tcp(("10.0.0.20".parse()?, 40000), ("10.0.0.10".parse()?, 80));
//! assert!(hns.process(pod, Direction::In, &syn).allowed());
//! assert_eq!(hns.process(pod, Direction::Out, &syn.reply()).why, Why::Flow);
//! assert_eq!(hns.match_tuple(pod, Direction::In, &syn.ports(40000, 81)).why, Why::DefaultDeny);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Many questions of one state are asked of its [`Rules`]. Time is a [`Clock`], which stands unless it is told to run. What goes wrong is a [`Fault`],
//! or a [`Latency`]. To see why a packet was dropped, read its [`Decision`], or [`Emulator::dump`].
//!
//! # As a process
//!
//! HNS outlives its callers: `margay-vfp --hns-version 9.5 --port-file FILE` is the same over loopback, and [`process::Remote`] its client.

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
mod ip_routes;
pub mod knobs;
mod life;
mod log;
mod misuse;
mod object;
mod packet;
mod path;
mod port;
pub mod process;
mod setup;
mod vfpctrl;

pub use acl::{Action, Decision, GroupName, LayerName, Rules, Verdict, VfpRule, Why};
pub use clock::Clock;
pub use config::{Config, Limits};
pub use count::Counters;
pub use emulator::Emulator;
pub use fault::{Effect, Fault, Latency, Loss, On, Operation};
pub use frame::{Frame, FrameError};
pub use ip_routes::IpRoutes;
pub use knobs::{KnobError, Knobs};
pub use log::LogEntry;
pub use misuse::{Misuse, MisuseKind};
pub use object::NetworkKind;
pub use packet::{Direction, Fragment, Icmp, Packet, TcpFlags};
pub use path::{Delivery, Encapsulation, Exit, Sent};
pub use port::PortCounters;
