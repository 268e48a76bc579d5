//! A reflector beside a server that forgets, breaks off, lags, pages and refuses: in the end both know the same, and nothing went that was there.

use crate::model::{Model, Told};
use margay_api::Kind;
use margay_kubernetes::{Flow, Reflector, Resource};
use proptest::prelude::*;

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Remove(u8),
    Compact,
    /// The reflector asks, and is answered: wholly, or as far as so many lines or with so small pages.
    Ask(u8),
    /// The same, by a server that is where it was so many changes ago, and does not say so.
    Lie(u8, u8),
    /// The same, with a refusal.
    Refuse(u16),
    /// There is no answer.
    Silence,
    /// A line that nobody can read.
    Garble,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..6, 0u8..3).prop_map(|(name, label)| Step::Put(name, label)),
        2 => (0u8..6).prop_map(Step::Remove),
        1 => Just(Step::Compact),
        5 => (0u8..9).prop_map(Step::Ask),
        1 => (1u8..6, 0u8..9).prop_map(|(back, most)| Step::Lie(back, most)),
        1 => prop_oneof![Just(401), Just(403), Just(404), Just(410), Just(429), Just(500), Just(504)].prop_map(Step::Refuse),
        1 => Just(Step::Silence),
        1 => Just(Step::Garble),
    ];
    proptest::collection::vec(step, 0..60)
}

/// The reflector asks, and is answered as far as so many lines, or in pages of so many.
fn ask(server: &Model, reflector: &mut Reflector, told: &mut Told, most: usize) {
    let (request, mut events) = (reflector.request(), Vec::new());
    if request.is_watch() {
        match server.watch(|name| request.parameter(name)) {
            Err(status) => reflector.refused(status, None, "no"),
            Ok(lines) => {
                reflector.answered();
                let mut lines = lines.iter().take(most);
                if lines.all(|line| reflector.line(line, &mut events) == Flow::On) {
                    reflector.ended();
                }
            }
        }
    } else {
        match server.page(|name| request.parameter(name), most.max(1)) {
            Err(status) => reflector.refused(status, None, "no"),
            Ok(body) => reflector.page(&body, &mut events),
        }
    }
    told.take(events);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_both_know_the_same_in_the_end(steps in steps(), initial_events in any::<bool>()) {
        let mut server = Model { version: 10, initial_events, ..Model::default() };
        let mut reflector = Reflector::new(Resource::of(Kind::Namespace, "v1"), 7);
        let mut told = Told::default();
        for step in steps {
            match step {
                Step::Put(name, label) => server.put(&format!("n{name}"), label),
                Step::Remove(name) => server.remove(&format!("n{name}")),
                Step::Compact => server.compacted = server.version,
                Step::Ask(most) => ask(&server, &mut reflector, &mut told, most.into()),
                Step::Lie(back, most) => {
                    let (then, before) = (server.before(back.into()), told.names());
                    let seen = reflector.request().parameter("resourceVersion").and_then(|seen| seen.parse().ok());
                    ask(&then, &mut reflector, &mut told, most.into());
                    if seen.is_some_and(|seen: u64| then.version < seen) {
                        prop_assert_eq!(told.names(), before, "what is of the past is not told");
                    }
                }
                Step::Refuse(status) => reflector.refused(status, None, "not now"),
                Step::Silence => reflector.unreachable("connection refused"),
                Step::Garble if reflector.request().is_watch() => {
                    prop_assert_eq!(reflector.line("{\"type\":", &mut Vec::new()), Flow::Over);
                }
                Step::Garble => reflector.page("<html>", &mut Vec::new()),
            }
            prop_assert_eq!(told.0.len(), reflector.len());
            prop_assert!(reflector.wait() <= std::time::Duration::from_secs(30));
        }
        // A server that answers wholly is enough a few times: a refusal, a list, a watch, one that was too old before.
        for _ in 0..4 {
            ask(&server, &mut reflector, &mut told, usize::MAX);
        }
        prop_assert_eq!(told.names(), server.names());
        prop_assert!(reflector.is_in_sync() && reflector.trouble().is_none() && !reflector.is_absent());
    }
}
