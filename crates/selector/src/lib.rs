//! The selector language: parse, print, evaluate, and what a match requires.
//!
//! A selector is a condition on the labels of a thing: an endpoint, a network set, a namespace. This crate owns the
//! language of the `projectcalico.org/v3` API, and the exact conversion of a Kubernetes `LabelSelector` into it. It must
//! never know what the labels belong to, nor where they come from.
//!
//! ```
//! use margay_selector::{LabelSelector, Requirement, Restriction, Selector};
//!
//! let selector: Selector = "role in {'db', 'cache'} && !has(legacy)".parse()?;
//! assert!(selector.matches(&[("role", "db"), ("zone", "a")]));
//! assert!(!selector.matches(&[("role", "db"), ("legacy", "")]));
//!
//! // Whatever way it is written, one condition has one canonical text.
//! assert_eq!(selector.to_string(), r#"role in {"cache", "db"} && !has(legacy)"#);
//! assert_eq!(selector, r#"!(has(legacy) || role not in {"db","cache","db"})"#.parse()?);
//!
//! // What every match requires, for an index by label.
//! assert_eq!(selector.restrictions(), [Restriction::one_of("role", ["cache", "db"])]);
//!
//! // Built without text, as Kubernetes has it.
//! let kubernetes = LabelSelector {
//!     match_labels: vec![("app".into(), "web".into())],
//!     match_expressions: vec![Requirement::does_not_exist("legacy")],
//! };
//! assert_eq!(kubernetes.to_selector()?.to_string(), r#"app == "web" && !has(legacy)"#);
//!
//! let error = "role == db".parse::<Selector>().unwrap_err();
//! assert_eq!(error.to_string(), "expected a quoted string after the operator, found `db` at byte 8");
//! assert_eq!(error.span(), 8..10);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The language
//!
//! | written | true where |
//! |---|---|
//! | `k == "v"` | the label `k` is there and is `v` |
//! | `k != "v"` | it is absent, or something else |
//! | `k in {"v", "w"}` | it is there and is one of these; `{}` is never true |
//! | `k not in {"v", "w"}`, `k notin {…}` | it is absent, or none of these |
//! | `k contains "v"`, `k starts with "v"`, `k ends with "v"`, `startswith`, `endswith` | it is there, and its text does |
//! | `has(k)` | it is there, even if empty |
//! | `all()`, and the empty selector | always |
//! | `global()` | the thing is in no namespace: it has no label [`NAMESPACE_LABEL`] |
//! | `!x`, `x && y`, `x \|\| y`, `( )` | not, and, or; `!` binds tightest, then `&&` |
//!
//! Labels are `[A-Za-z0-9_./-]{1,512}`. Strings stand in single or double quotes and have no escapes. White space is space
//! and tab. `has(`, `all(` and `global(` are written without a space inside. A set may end with a comma.
//!
//! # The canonical form
//!
//! [`Selector`] holds a normal form, so `==`, hashing and the printed text all mean "the same condition, written any way":
//! negations stand at the leaves (De Morgan's laws), sets and the operands of `&&` and `||` are flat, sorted and without
//! repetition, a set of one is `==` or `!=`, and an empty part that every text contains is `has(k)`. `all()` and `global()`
//! are left where they stand, since in a namespace selector they mean something narrower, put in their place by
//! [`Selector::rewrite`]; [`Selector::simplified`] then folds what is always true or never.
//!
//! # Bounds
//!
//! Whatever the text, parsing returns: parentheses nest at most [`MAX_DEPTH`] deep and nothing else recurses. A tree is as
//! deep as its text, so evaluating, printing and dropping are bounded with it. Selectors that are *combined* may grow past
//! that, one level for each [`and`](Selector::and) over an [`or`](Selector::or) or the other way round; combine a
//! bounded number of times.

mod error;
mod expr;
mod kubernetes;
mod labels;
mod parse;
mod print;
mod restriction;
mod selector;
mod simplify;

pub use error::{BuildError, ParseError, ParseErrorKind};
pub use expr::Expr;
pub use kubernetes::{LabelSelector, Operator, Requirement};
pub use labels::Labels;
pub use parse::{MAX_DEPTH, MAX_LABEL};
pub use restriction::{Restriction, RestrictionKind};
pub use selector::Selector;

/// The label of everything that is in a namespace; `global()` means that it is absent.
pub const NAMESPACE_LABEL: &str = "projectcalico.org/namespace";
