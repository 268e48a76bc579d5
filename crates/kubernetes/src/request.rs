//! What is asked.

use smol_str::SmolStr;

/// Objects of a page: what other clients ask for, too.
pub(crate) const PAGE: u32 = 500;
/// Seconds that a watch may last: the server ends it then, which tells a connection that is dead from a quiet one.
const WATCH_SECONDS: u32 = 300;

/// What is asked of the API server: always a GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    path: String,
    query: Vec<(&'static str, SmolStr)>,
    is_watch: bool,
}

impl Request {
    /// A page of a list: the first, no older than a version, or the one that a token names.
    pub(crate) fn page(path: String, token: Option<&str>, not_older: Option<&SmolStr>) -> Self {
        let mut query = vec![("limit", SmolStr::from(PAGE.to_string()))];
        match (token, not_older) {
            (Some(token), _) => query.push(("continue", token.into())),
            (None, Some(version)) => query.extend(no_older_than(version)),
            (None, None) => {}
        }
        Self { path, query, is_watch: false }
    }

    /// A watch that begins with everything.
    pub(crate) fn from_the_start(path: String, not_older: Option<&SmolStr>) -> Self {
        let mut query = vec![("watch", "true".into()), ("sendInitialEvents", "true".into())];
        // Both are needed, or there is no mark at the end of the initial events.
        query.extend([("resourceVersionMatch", "NotOlderThan".into()), ("allowWatchBookmarks", "true".into())]);
        query.extend(not_older.map(|version| ("resourceVersion", version.clone())));
        query.push(("timeoutSeconds", WATCH_SECONDS.to_string().into()));
        Self { path, query, is_watch: true }
    }

    /// A watch of what comes after a version.
    pub(crate) fn after(path: String, version: &SmolStr) -> Self {
        let mut query = vec![("watch", "true".into()), ("resourceVersion", version.clone())];
        query.push(("allowWatchBookmarks", "true".into()));
        query.push(("timeoutSeconds", WATCH_SECONDS.to_string().into()));
        Self { path, query, is_watch: true }
    }

    /// Whether the answer is a stream of lines, each for [`Reflector::line`](crate::Reflector::line); else it is one for
    /// [`Reflector::page`](crate::Reflector::page).
    pub fn is_watch(&self) -> bool {
        self.is_watch
    }

    /// Path and query, as in the first line of an HTTP request.
    pub fn path(&self) -> String {
        let pairs: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        format!("{}?{}", self.path, pairs.join("&"))
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

fn no_older_than(version: &SmolStr) -> [(&'static str, SmolStr); 2] {
    [("resourceVersion", version.clone()), ("resourceVersionMatch", "NotOlderThan".into())]
}

/// What stands for a value in a query or a path (RFC 3986: of all but the unreserved characters).
pub fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match plain(byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_server_is_asked() {
        let path = || "/api/v1/pods".to_owned();
        let version = SmolStr::from("42");
        for (request, expected) in [
            (Request::page(path(), None, None), "/api/v1/pods?limit=500"),
            (Request::page(path(), Some("a+b/c=="), Some(&version)), "/api/v1/pods?limit=500&continue=a%2Bb%2Fc%3D%3D"),
            (
                Request::page(path(), None, Some(&version)),
                "/api/v1/pods?limit=500&resourceVersion=42&resourceVersionMatch=NotOlderThan",
            ),
            (
                Request::from_the_start(path(), None),
                "/api/v1/pods?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=300",
            ),
            (
                Request::after(path(), &version),
                "/api/v1/pods?watch=true&resourceVersion=42&allowWatchBookmarks=true&timeoutSeconds=300",
            ),
        ] {
            assert_eq!(request.path(), expected);
        }
    }
}
