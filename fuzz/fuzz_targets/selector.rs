//! No text makes the selector parser panic or recurse without bound; what it takes prints to what parses back to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use margay_selector::Selector;

fuzz_target!(|text: &str| {
    if let Ok(selector) = Selector::parse(text) {
        let printed = selector.to_string();
        assert_eq!(Selector::parse(&printed).as_ref(), Ok(&selector), "{printed}");
        let _ = selector.matches(&[("a", "b")][..]);
    }
});
