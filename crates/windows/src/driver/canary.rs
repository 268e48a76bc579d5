//! Whether VFP has what HNS took: that HNS says so is no proof \[FIELD\].
//!
//! VFP itself is asked, through the command that administrators use, which changes nothing. Of its text only two things are relied on: that the list of
//! ports tells a port's GUID near the MAC address of its endpoint, and that the list of rules names each by the `Id` of its ACL \[SRC\]. What can't be
//! understood is no proof of anything.

use margay_hcn::{Endpoint, Guid};
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a proof holds for the endpoints of a network.
const HOLDS: Duration = Duration::from_secs(600);

/// `vfpctrl.exe`, or what stands for it.
pub trait Vfpctrl: Send + Sync {
    /// What the command prints with these arguments. Bounded in time and length.
    ///
    /// # Errors
    /// Where it can't be run, or takes too long.
    fn run(&self, arguments: &[&str]) -> io::Result<String>;
}

/// What VFP says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It has every ACL.
    Has,
    /// It has the port, and not so many of its ACLs.
    Lacks {
        /// How many are missing.
        missing: usize,
        /// Of how many.
        of: usize,
    },
    /// That can't be told.
    Unknown(String),
}

/// When it was asked of a network, and why that could not be told.
type Known = (Instant, Result<(), String>);

/// Asks VFP, not too often.
#[derive(Default)]
pub(super) struct Canary {
    vfpctrl: OnceLock<Box<dyn Vfpctrl>>,
    /// When VFP was last seen to have what endpoints of a network were sent, or could not tell.
    seen: Mutex<HashMap<Guid, Known>>,
}

impl Canary {
    /// Asks by this from now on; the first that is given stays.
    pub(super) fn ask_by(&self, vfpctrl: Box<dyn Vfpctrl>) {
        let _ = self.vfpctrl.set(vfpctrl);
    }

    /// Nothing that was proven holds any more: HNS was gone.
    pub(super) fn forget(&self) {
        self.seen().clear();
    }

    /// Whether VFP has ACLs of these ids on an endpoint's port; `None` where there is no need to ask, since it was proven for its network not long ago.
    pub(super) fn check<'a>(&self, endpoint: &Endpoint, ids: impl IntoIterator<Item = &'a str>) -> Option<Proof> {
        let network = endpoint.network.unwrap_or(Guid::ZERO);
        if let Some((_, known)) = self.seen().get(&network).filter(|(asked, _)| asked.elapsed() < HOLDS) {
            return known.clone().err().map(Proof::Unknown);
        }
        let ids: Vec<&str> = ids.into_iter().collect();
        let proof = self.ask(endpoint, &ids).unwrap_or_else(Proof::Unknown);
        let known = match &proof {
            Proof::Has => Ok(()),
            Proof::Unknown(why) => Err(why.clone()),
            Proof::Lacks { .. } => return Some(proof),
        };
        self.seen().insert(network, (Instant::now(), known));
        Some(proof)
    }

    fn ask(&self, endpoint: &Endpoint, ids: &[&str]) -> Result<Proof, String> {
        let vfpctrl = self.vfpctrl.get().ok_or("there is no vfpctrl here")?;
        let run = |arguments: &[&str]| match vfpctrl.run(arguments) {
            Ok(text) if text.trim_start().starts_with("ERROR") => Err(text.trim().chars().take(200).collect()),
            Ok(text) => Ok(text),
            Err(error) => Err(format!("vfpctrl {}: {error}", arguments.join(" "))),
        };
        if ids.iter().any(|id| id.is_empty()) {
            return Err("before HNS 7.2, rules have no names to know them by".into());
        }
        let mac = endpoint.mac.ok_or("the endpoint tells no MAC address")?.to_string();
        let ports = run(&["/list-vmswitch-port"])?;
        let port = port_of(&ports, &mac).ok_or_else(|| format!("VFP lists no port of {mac}"))?;
        let rules = run(&["/port", port, "/list-rule"])?;
        let missing = ids.iter().filter(|id| !rules.contains(**id)).count();
        Ok(if missing == 0 { Proof::Has } else { Proof::Lacks { missing, of: ids.len() } })
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Guid, Known>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The GUID that was listed last before a MAC address.
fn port_of<'a>(ports: &'a str, mac: &str) -> Option<&'a str> {
    let mut port = None;
    for word in ports.split_whitespace() {
        if word.parse::<Guid>().is_ok() {
            port = Some(word);
        } else if word.eq_ignore_ascii_case(mac) {
            return port;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::port_of;

    #[test]
    fn a_port_is_found_by_its_mac_address() {
        let text = "ITEM LIST\n\n  Port name : 53CB9F0C-747E-42EA-AC82-9ABE1F4532E1\n    MAC address : 00-15-5d-c9-8a-c3\n\n  \
                    Port name : 63CB9F0C-747E-42EA-AC82-9ABE1F4532E1\n    MAC address : 00-15-5D-C9-8A-C4\n";
        for (mac, expected) in [
            ("00-15-5D-C9-8A-C3", Some("53CB9F0C-747E-42EA-AC82-9ABE1F4532E1")),
            ("00-15-5D-C9-8A-C4", Some("63CB9F0C-747E-42EA-AC82-9ABE1F4532E1")),
            ("00-15-5D-C9-8A-C5", None),
        ] {
            assert_eq!(port_of(text, mac), expected, "{mac}");
        }
        assert_eq!(port_of("MAC address : 00-15-5D-C9-8A-C3", "00-15-5D-C9-8A-C3"), None);
    }
}
