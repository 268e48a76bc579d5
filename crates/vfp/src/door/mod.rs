//! The two doors: how a call comes in, what may go wrong with it, and how its answer goes out.

mod v1;
mod v2;

use crate::document::{Answer, Refusal, read};
use crate::emulator::Emulator;
use crate::fault::{Effect, Operation};
use crate::knobs::Calls;
use crate::log::LogEntry;
use crate::object::State;
use margay_hcn::{ErrorCode, Guid};
use serde_json::Value;
use std::sync::{MutexGuard, PoisonError};

/// A call on its way.
pub(crate) struct Call<'a> {
    /// As the log shows it.
    pub(crate) name: String,
    pub(crate) operation: Operation,
    pub(crate) object: Option<Guid>,
    pub(crate) body: &'a str,
}

/// Why a call comes to nothing.
pub(crate) enum Stop {
    /// HNS won't.
    Refused(Refusal),
    /// The call itself failed.
    Broken(ErrorCode),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Codes by which the call itself fails, rather than what it asks for.
const BROKEN: [ErrorCode; 4] = [
    ErrorCode::RPC_CALL_FAILED,
    ErrorCode::RPC_SERVER_UNAVAILABLE,
    ErrorCode::NOT_IMPLEMENTED,
    ErrorCode::ACCESS_DENIED,
];

impl Stop {
    fn of(code: ErrorCode) -> Self {
        if BROKEN.contains(&code) {
            Self::Broken(code)
        } else {
            Refusal::new(code, "a fault that was asked for").into()
        }
    }
}

impl Emulator {
    /// Takes a call through all that may happen to it. `work` does what it asks, whole or not at all.
    pub(crate) fn enter<T>(
        &self,
        call: Call<'_>,
        work: impl FnOnce(&mut State, &Value) -> Answer<T>,
    ) -> Result<T, Stop> {
        let (mut turn, mut policies) = (None, 0);
        let done = self.carry_out(&call, &mut turn, &mut policies, work);
        let (error, why) = match &done {
            Ok(_) => (None, String::new()),
            Err(Stop::Refused(refusal)) => (Some(refusal.code), refusal.why.clone()),
            Err(Stop::Broken(code)) => (Some(*code), String::new()),
        };
        let writes = !matches!(call.operation, Operation::Enumerate | Operation::Query);
        self.count(error.is_some(), writes, policies);
        let entry =
            LogEntry { at: self.clock().now(), call: call.name, body: call.body.to_owned(), policies, error, why };
        self.log().push(entry);
        drop(turn);
        // The call is over: whoever is told may call in turn.
        let told = std::mem::take(&mut self.state().outbox);
        told.iter().for_each(|notification| self.tell(notification));
        done
    }

    fn count(&self, failed: bool, writes: bool, policies: usize) {
        let mut state = self.state();
        let counters = &mut state.counters;
        counters.calls += 1;
        counters.failed += u64::from(failed);
        counters.writes += u64::from(writes);
        counters.policies += if writes { policies as u64 } else { 0 };
    }

    /// Where calls go one by one, `turn` is held from here on: whoever keeps the log lets the next one in.
    fn carry_out<'a, T>(
        &'a self,
        call: &Call<'_>,
        turn: &mut Option<MutexGuard<'a, ()>>,
        policies: &mut usize,
        work: impl FnOnce(&mut State, &Value) -> Answer<T>,
    ) -> Result<T, Stop> {
        let life = self.life();
        let admission = life.admit(call.operation, call.object).map_err(Stop::Broken)?;
        let has = |effect: Effect| admission.effects.contains(&effect);
        let serial = self.config().knobs.calls == Calls::Serial;
        *turn = serial.then(|| life.turn.lock().unwrap_or_else(PoisonError::into_inner));
        let body = read(call.body)?;
        *policies = count_policies(&body);
        if has(Effect::Hang) {
            life.hang();
        }
        let latency = admission.latency;
        let takes = latency.call + latency.policy.saturating_mul(u32::try_from(*policies).unwrap_or(u32::MAX));
        if !takes.is_zero() {
            self.clock().sleep(takes);
        }
        if !life.lives(&admission) {
            return Err(Stop::Broken(ErrorCode::RPC_CALL_FAILED));
        }
        if *policies > self.config().limits.policies_in_call {
            return Err(Refusal::new(ErrorCode::BUFFER_OVERFLOW, format!("{policies} policies in one call")).into());
        }
        for effect in &admission.effects {
            if let Effect::Fail(code) = effect {
                return Err(Stop::of(*code));
            }
        }
        let done = self.work(&admission.effects, &body, work)?;
        for effect in &admission.effects {
            match effect {
                Effect::FailAfter(code) => return Err(Stop::of(*code)),
                Effect::Crash(loss) => {
                    self.crash(*loss);
                    return Err(Stop::Broken(ErrorCode::RPC_CALL_FAILED));
                }
                _ => {}
            }
        }
        Ok(done)
    }

    fn work<T>(
        &self,
        effects: &[Effect],
        body: &Value,
        work: impl FnOnce(&mut State, &Value) -> Answer<T>,
    ) -> Answer<T> {
        let mut state = self.state();
        let pretend = effects.contains(&Effect::Pretend).then(|| state.endpoints.clone());
        state.reaches_vfp = pretend.is_none() && !effects.contains(&Effect::Unenforced);
        let done = work(&mut state, body);
        if let Some(endpoints) = pretend {
            state.ports.retain(|id, _| endpoints.contains_key(id));
            state.endpoints = endpoints;
        }
        state.reaches_vfp = true;
        if done.is_err() {
            state.outbox.clear();
        }
        done
    }
}

/// How many policies a document brings, wherever the list of them stands.
fn count_policies(body: &Value) -> usize {
    let list = |document: &Value| document.get("Policies").and_then(Value::as_array).map_or(0, Vec::len);
    list(body) + body.get("Settings").map_or(0, list)
}
