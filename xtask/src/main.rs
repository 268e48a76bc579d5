//! Set-up, tests, benches and tidiness of the workspace.
fn main() {}
