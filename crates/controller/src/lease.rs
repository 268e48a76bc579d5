//! The Lease as the API has it.

use crate::election::{Election, Lease, RETRY};
use margay_kubernetes::{Objects, Refusal, Write};
use margay_report::Clock;
use serde_json::{Value, json};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::runtime::Runtime;
use tracing::{info, warn};

/// Where it is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Place {
    /// The path of all of the namespace.
    pub(crate) fn all(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace)
    }

    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.all(), self.name)
    }

    /// The object that is written.
    pub(crate) fn object(&self, lease: &Lease) -> Value {
        let mut metadata = json!({"name": self.name, "namespace": self.namespace});
        if !lease.version.is_empty() {
            metadata["resourceVersion"] = json!(lease.version);
        }
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": lease.holder,
                "leaseDurationSeconds": lease.seconds,
                "acquireTime": lease.acquired,
                "renewTime": lease.renewed,
                "leaseTransitions": lease.transitions,
            },
        })
    }
}

/// What an object says. What is not there counts as nothing: a Lease that nobody holds.
pub(crate) fn read(object: &Value) -> Lease {
    let spec = &object["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    Lease {
        holder: text(&spec["holderIdentity"]),
        seconds: number(&spec["leaseDurationSeconds"]),
        acquired: text(&spec["acquireTime"]),
        renewed: text(&spec["renewTime"]),
        transitions: number(&spec["leaseTransitions"]),
        version: text(&object["metadata"]["resourceVersion"]),
    }
}

/// Takes part in the election on this thread until it is told to stop, which gives up what is held.
pub(crate) fn take_part(
    (runtime, objects): (Runtime, Objects),
    place: &Place,
    election: &Mutex<Election>,
    stop: &Receiver<()>,
    wake: impl Fn(),
) {
    let clock = Clock::now();
    let election = || election.lock().unwrap_or_else(PoisonError::into_inner);
    let mut said = String::new();
    loop {
        let led = election().is_leader(Instant::now());
        match runtime.block_on(turn(&objects, place, &election, clock)) {
            Ok(()) => said.clear(),
            // Another was faster.
            Err(Refusal::Conflict { .. }) => {}
            Err(refusal) => {
                let trouble = refusal.to_string();
                if trouble != said {
                    warn!("it can't be told which controller acts: {trouble}");
                    said = trouble;
                }
            }
        }
        let leads = election().is_leader(Instant::now());
        if leads != led {
            info!("{}", if leads { "this controller acts now" } else { "this controller acts no more" });
            wake();
        }
        if !matches!(stop.recv_timeout(RETRY), Err(RecvTimeoutError::Timeout)) {
            break;
        }
    }
    let now = Instant::now();
    let release = election().release(now, &clock.micro_time(now));
    if let Some(lease) = release {
        // Where it can't be given up, it runs out.
        let _ = runtime.block_on(write(&objects, place, &lease));
    }
}

async fn turn<'a>(
    objects: &Objects,
    place: &Place,
    election: &impl Fn() -> MutexGuard<'a, Election>,
    clock: Clock,
) -> Result<(), Refusal> {
    let seen = match objects.get(&place.path()).await {
        Ok(object) => Some(read(&object)),
        Err(Refusal::Absent { .. }) => None,
        Err(refusal) => return Err(refusal),
    };
    let begun = Instant::now();
    let wish = {
        let mut election = election();
        election.observe(seen, begun);
        election.wish(begun, &clock.micro_time(begun))
    };
    if let Some(wish) = wish {
        let written = write(objects, place, &wish).await?;
        election().won(written, begun);
    }
    Ok(())
}

async fn write(objects: &Objects, place: &Place, lease: &Lease) -> Result<Lease, Refusal> {
    let object = place.object(lease);
    let written = match lease.version.is_empty() {
        true => objects.write(Write::Create, &place.all(), &object).await?,
        false => objects.write(Write::Replace, &place.path(), &object).await?,
    };
    Ok(read(&written))
}
