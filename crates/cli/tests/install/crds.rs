//! What the chart takes from `margay crds`: `UPDATE_EXPECT=1` writes it anew, and `cargo xtask chart --write` then the manifests.

use expect_test::expect_file;
use margay_cli::{Streams, Terminal, run};

fn crds(flags: &str) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams =
        Streams { stdin: &mut std::io::empty(), stdout: &mut out, stderr: &mut err, terminal: Terminal::default() };
    assert_eq!(run(format!("margay crds {flags}").split(' '), &mut streams), 0);
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn the_chart_has_what_margay_prints() {
    expect_file!["../../../../deploy/helm/margay/files/crds/margay.yaml"].assert_eq(&crds("--group margay"));
    expect_file!["../../../../deploy/helm/margay/files/crds/calico.yaml"].assert_eq(&crds("--group calico"));
    expect_file!["../../../../deploy/helm/margay/files/admission-policies.yaml"].assert_eq(&crds("--admission-policy"));
}
