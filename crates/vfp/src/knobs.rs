//! The readings of what is not established: for each a knob, so that whoever is tested can be tested under all of them.

use std::fmt;

/// A knob that is not known, or has no such position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} sets no knob: write NAME=VALUE, one of\n{}", Knobs::help())]
pub struct KnobError {
    /// What was read.
    pub text: String,
}

macro_rules! knobs {
    ($($(#[$about:meta])* $field:ident: $knob:ident $name:literal {
        $($(#[$said:meta])* $value:ident $word:literal,)*
    })*) => {
        /// How the emulator reads what hns.md leaves open. The first position of each knob is its default.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Knobs {
            $($(#[$about])* pub $field: $knob,)*
        }

        $(
            $(#[$about])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $knob { $($(#[$said])* $value,)* }

            impl $knob {
                /// Every position.
                pub const ALL: &[Self] = &[$(Self::$value,)*];
            }

            impl Default for $knob {
                fn default() -> Self {
                    Self::ALL[0]
                }
            }

            impl fmt::Display for $knob {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(match self { $(Self::$value => $word,)* })
                }
            }
        )*

        impl Knobs {
            /// The name of each knob, and the words of its positions; the default first.
            pub const NAMES: &[(&str, &[&str])] = &[$(($name, &[$($word,)*]),)*];

            /// Turns the knob that `NAME=VALUE` names.
            ///
            /// # Errors
            /// Where there is no such knob, or no such position.
            pub fn set(&mut self, text: &str) -> Result<(), KnobError> {
                match text.split_once('=') {
                    $($(Some(($name, $word)) => self.$field = $knob::$value,)*)*
                    _ => return Err(KnobError { text: text.chars().take(80).collect() }),
                }
                Ok(())
            }

            /// Every knob as `NAME=VALUE`, as [`set`](Self::set) reads them.
            pub fn settings(&self) -> Vec<String> {
                vec![$(format!("{}={}", $name, self.$field),)*]
            }
        }
    };
}

impl Knobs {
    /// One line for each knob.
    pub fn help() -> String {
        let line = |(name, words): &(&str, &[&str])| format!("  {name}={}", words.join("|"));
        Self::NAMES.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

knobs! {
    /// Which of two ACLs of one priority is asked first: not the first written \[SRC\]; which, \[UNK\].
    tie_break: TieBreak "tie-break" {
        /// One that blocks.
        BlockFirst "block-first",
        /// One that allows.
        AllowFirst "allow-first",
        /// The one written first.
        Insertion "insertion",
        /// The one written last.
        Reverse "reverse",
    }
    /// What an endpoint with an ACL denies by default \[UNK\].
    default_deny: DefaultDeny "default-deny" {
        /// Both directions \[INF\].
        Both "both",
        /// The directions that hold an ACL.
        OwnDirection "own-direction",
    }
    /// What passes whatever the ACLs say, beside what is not IP \[UNK\].
    exemptions: Exemptions "exemptions" {
        /// Nothing.
        Nothing "nothing",
        /// Neighbour discovery (ICMPv6 133 to 136) and DHCP.
        NeighbourDiscoveryAndDhcp "nd-dhcp",
    }
    /// Where a Switch ACL below priority 100 cuts the port off altogether.
    low_priority: LowPriority "low-priority" {
        /// On Windows Server 2025, HNS 15.4 and later \[FIELD\].
        Server2025 "server-2025",
        /// On every version \[UNK\].
        Always "always",
        /// Nowhere \[UNK\].
        Never "never",
    }
    /// What the host's firewall does to packets of a process-isolated container's endpoint on an L2Bridge network.
    host_firewall: HostFirewall "host-firewall" {
        /// Host ACLs are kept and decide nothing: VFP alone.
        Ignored "ignored",
        /// Without ACLs, it takes in TCP, UDP, ICMP and IGMP alone \[MS\].
        Defaults "defaults",
        /// With an ACL of any kind, a packet needs a Host ACL that allows it \[SRC: why Felix sends a pair of them\].
        NeedsHostAllow "needs-host-allow",
    }
    /// Switch ACLs of endpoints on NAT networks.
    nat_acls: NatAcls "nat-acls" {
        /// Are taken and decide nothing \[FIELD\].
        Inert "inert",
        /// Are enforced, as from the builds of April 2026 on \[MS\].
        Enforced "enforced",
    }
    /// Whether the virtual switch has VFP.
    vfp: Vfp "vfp" {
        /// It has.
        Present "present",
        /// It has not, as on client editions \[FIELD: calico#8465\]: routes are refused, ACLs taken and inert.
        Absent "absent",
    }
    /// When what answers an allowed packet is let through.
    state: State "state" {
        /// Always \[FIELD: "terminating stateful"\].
        Stateful "stateful",
        /// Where the group of the answer's direction holds an ACL, or the port has none at all \[UNK, one FIELD report\].
        ReplyGroupNeedsRule "reply-group-needs-rule",
    }
    /// What a write of ACLs does to flows that are there.
    acl_change: AclChange "acl-change" {
        /// Each is evaluated anew at its next packet \[INF: the generation number of the VFP paper\].
        Reevaluate "reevaluate",
        /// All are forgotten, and a TCP segment in mid-stream is dropped \[INF: models the reported resets\].
        Reset "reset",
    }
    /// What an Update of policies replaces \[UNK\].
    update: Update "update" {
        /// All policies of the endpoint.
        AllTypes "all-types",
        /// Those of the types it brings.
        SameType "same-type",
    }
    /// What a Remove of a policy that is not there does \[UNK\].
    remove: Remove "remove" {
        /// It fails.
        Exact "exact",
        /// Nothing, and says that it did.
        MissingIgnored "missing-ignored",
    }
    /// What an Add of a policy that is there already does \[UNK\].
    duplicates: Duplicates "duplicates" {
        /// Adds it again.
        Allowed "allowed",
        /// Fails.
        Refused "refused",
        /// Nothing.
        Ignored "ignored",
    }
    /// ACLs of SCTP with ports: not known to be taken \[SRC: ports only with TCP and UDP\].
    sctp_ports: SctpPorts "sctp-ports" {
        /// Refused.
        Refused "refused",
        /// Taken, and matched.
        Accepted "accepted",
    }
    /// Lists in `Protocols` \[UNK\].
    protocol_lists: ProtocolLists "protocol-lists" {
        /// Refused.
        Refused "refused",
        /// Any of them matches.
        Accepted "accepted",
    }
    /// What an ACL without `RuleType` is \[UNK\].
    absent_rule_type: AbsentRuleType "absent-rule-type" {
        /// Switch \[INF\].
        Switch "switch",
        /// Host.
        Host "host",
    }
    /// What several names of sets in one list of an ACL mean \[UNK\].
    set_names: SetNames "set-names" {
        /// The address is in all of them \[INF\].
        All "all",
        /// In any.
        Any "any",
    }
    /// From which HNS on a network has sets of sets.
    nested_sets: NestedSets "nested-sets" {
        /// 15.0 \[SRC: hcsshim's table\].
        ByTable "by-table",
        /// 13.0, as sets \[SRC: NPM sends them to Server 2022\].
        AsSets "as-sets",
    }
    /// Whether ACLs see a packet before or after load balancing \[UNK\].
    layer_order: LayerOrder "layer-order" {
        /// They see the backend's address \[INF\].
        BalanceFirst "balance-first",
        /// They see the service's.
        AclFirst "acl-first",
    }
    /// Members of a policy's `Settings` that are not known \[INF\].
    settings: Settings "settings" {
        /// Are refused, as those of documents \[FIELD\].
        Strict "strict",
        /// Are dropped.
        Lenient "lenient",
    }
    /// How V1 says that it won't \[FIELD: both are seen\].
    v1_errors: V1Errors "v1-errors" {
        /// By an envelope whose `Success` is false.
        Envelope "envelope",
        /// By the result of the call.
        Result "result",
    }
    /// What a network or an endpoint that is not there answers.
    missing: Missing "missing" {
        /// Its own code, 0x803b0001 or 0x803b0002 \[MS\].
        Specific "specific",
        /// 0x490, as for all else \[SRC\].
        ElementNotFound "element-not-found",
    }
    /// How lists of an ACL read back \[UNK\].
    readback: Readback "readback" {
        /// As they were sent.
        AsSent "as-sent",
        /// Sorted, a single address without its length.
        Rewritten "rewritten",
    }
    /// Calls that come at one time \[UNK\].
    calls: Calls "calls" {
        /// Go side by side.
        Parallel "parallel",
        /// Wait for one another, so that one that hangs stops all.
        Serial "serial",
    }
    /// Notifications: nobody is seen using them \[SRC\].
    notifications: Notifications "notifications" {
        /// Come.
        Sent "sent",
        /// Can't be had.
        Unavailable "unavailable",
    }
}
