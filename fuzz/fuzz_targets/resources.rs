//! No text makes decoding or conversion panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for decoded in margay_api::read(text, "fuzz") {
        for problem in &decoded.problems {
            let _ = problem.render(text, false);
        }
        if let Some(object) = &decoded.object {
            let _ = margay_policy::convert::policy(object);
        }
    }
});
