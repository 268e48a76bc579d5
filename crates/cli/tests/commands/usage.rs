use crate::{SHOP, margay, margay_at};
use expect_test::expect;
use margay_cli::Terminal;

#[test]
fn bad_usage_is_exit_code_2() {
    for (command, expected) in [
        ("margay", "Usage: margay <COMMAND>"),
        ("margay eval", "--flows <FILE>"),
        ("margay frobnicate", "unrecognized subcommand 'frobnicate'"),
        ("margay eval -f - --flows -", "standard input can't be both"),
        ("margay eval -f /nowhere --flows -", "/nowhere"),
        ("margay eval -f - --flows /nowhere", "/nowhere can't be opened"),
        ("margay matrix -f - -p http", "\"http\" is no port: write 80, udp/53, tcp/8000-8010 or icmp"),
    ] {
        let run = margay(command, "");
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{command}");
        assert!(run.err.contains(expected), "{command}: {}", run.err);
    }
}

#[test]
fn help_has_examples_and_speaks_of_kubectl_where_it_runs_it() {
    for (command, expected) in [
        ("margay eval --help", "\n  margay eval -f cluster/ --flows flows.jsonl\n"),
        ("kubectl-margay eval --help", "\n  kubectl margay eval -f cluster/ --flows flows.jsonl\n"),
        ("/usr/local/bin/kubectl-margay eval --help", "Usage: kubectl margay eval"),
        ("margay explain --help", "Examples:"),
        ("margay matrix --help", "Examples:"),
        ("margay policies --help", "Examples:"),
        ("margay selects --help", "Examples:"),
        ("margay validate --help", "Examples:"),
        ("kubectl-margay snapshot --help", "  kubectl margay snapshot > cluster.yaml"),
        ("kubectl-margay status --help", "  kubectl margay status shop/web"),
        ("kubectl-margay status --help", "&& kubectl margay status --wait"),
        ("kubectl-margay flows --help", "  kubectl margay flows -f --verdict deny"),
        ("kubectl-margay diags --help", "  kubectl margay diags -o incident.tar.gz"),
        ("margay snapshot --help", "| margay matrix"),
        #[cfg(target_os = "linux")]
        ("margay agent --help", "Examples:"),
        ("margay completions --help", "Examples:"),
        ("margay man --help", "Examples:"),
    ] {
        let run = margay(command, "");
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{command}");
        assert!(run.out.contains(expected), "{command}: {}", run.out);
    }
}

#[test]
fn completions_and_pages_are_made_for_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = margay(&format!("margay completions {shell}"), "");
        assert!(run.code == 0 && run.out.contains("selects"), "{shell}");
    }
    let page = margay("margay man", "");
    assert!(page.code == 0 && page.out.starts_with(".ie"), "{}", page.out);
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(margay(&format!("margay man --dir {}", folder.path().display()), "").code, 0);
    assert!(folder.path().join("margay-explain.1").exists());
}

#[test]
fn people_get_colours_and_hints_and_programs_do_not() {
    let person = Terminal { stdout: true, stderr: true, color: true };
    let command = "margay explain front/web shop/db-0:5432 -f -";
    let run = margay_at(command, SHOP, person);
    assert!(run.out.contains("\x1b[31m✗ DENIED\x1b[0m"), "{}", run.out);
    assert!(run.err.contains("With the staged policies it would be: allow"), "{}", run.err);
    let plain = margay_at(command, SHOP, Terminal { color: false, ..person });
    assert!(!plain.out.contains('\x1b') && !plain.err.contains('\x1b') && !plain.err.is_empty());
    assert_eq!(margay(command, SHOP).err, "");
    expect!["margay 0.1.0\n"].assert_eq(&margay("margay --version", "").out);
}
