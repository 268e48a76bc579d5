//! Set-up, tests, faults, benches and tidiness of the workspace: what `cargo xtask` runs; and [`windows::Wine`], by which tests of other crates run
//! Windows programs.

pub mod bench;
pub mod chart;
pub mod faults;
pub mod fuzz;
pub mod run;
pub mod setup;
pub mod test;
pub mod tidy;
pub mod windows;
