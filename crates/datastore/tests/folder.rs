//! A folder as it is read, and as it changes.

use margay_api::document::Limits;
use margay_api::{Kind, Severity};
use margay_datastore::{Event, Folder, Source};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A folder with these files; a file without text is removed.
struct Files(TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let created = Self(TempDir::new().unwrap());
        created.write(files);
        created
    }

    fn write(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.0.path().join(name)).unwrap();
    }

    fn folder(&self) -> Folder {
        Folder::new([self.0.path()])
    }

    /// Events on a line each, with the folder's own name cut out.
    fn print(&self, events: &[Event]) -> String {
        let lines = events.iter().map(|event| match event {
            Event::Update(update) => format!("{} {}", if update.value.is_some() { "+" } else { "-" }, update.key),
            Event::InSync => "in sync".into(),
            Event::Problem(problem) => problem.to_string(),
        });
        let root = format!("{}/", self.0.path().display());
        lines.map(|line| line.replace(&root, "") + "\n").collect()
    }

    fn check(&self, events: &[Event], expected: &str) {
        let expected: String =
            expected.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
        assert_eq!(self.print(events), expected);
    }
}

fn namespace(name: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")
}

fn set(name: &str, nets: &str) -> String {
    format!(
        "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {{name: {name}}}\nspec: {{nets: {nets}}}\n"
    )
}

fn pod(name: &str, rest: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: a}}\nspec: {{{rest}}}\n")
}

fn documents(all: &[String]) -> String {
    all.join("---\n")
}

#[test]
fn the_first_read_gives_everything_once() {
    let files = Files::new(&[
        ("b/pods.yml", &documents(&[pod("p", ""), pod("q", "serviceAccountName: sa")])),
        ("a.yaml", &documents(&[set("s", "[]"), namespace("a")])),
        ("c.JSON", r#"{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}"#),
        (".hidden.yaml", &namespace("hidden")),
        (".git/x.yaml", &namespace("hidden")),
        ("notes.txt", "not: yaml: at all"),
        ("deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"),
    ]);
    let mut folder = files.folder();
    let events = folder.poll();
    files.check(
        &events,
        "
        : note: ServiceAccount: not there, and taken as plain ones without labels: a/sa; add the objects if they have labels that policies select by
        + Namespace a
        + ServiceAccount a/default
        + ServiceAccount a/sa
        + Node n1
        + Pod a/p
        + Pod a/q
        + GlobalNetworkSet s
        in sync
        ",
    );
    files.check(&folder.poll(), "");
    files.check(&folder.rescan(), "");
    let lines: Vec<_> =
        folder.places().iter().filter(|(key, _)| key.kind == Kind::Pod).map(|(_, place)| place.line).collect();
    assert_eq!(lines.iter().sum::<u32>(), 1 + 6);
    assert_eq!(folder.objects().count(), 7);
    assert_eq!(folder.places().len(), 5, "what is filled in has no place");
}

#[test]
fn a_rescan_gives_the_differences() {
    let files = Files::new(&[
        ("a.yaml", &documents(&[set("s", "[]"), set("t", "[]"), set("u", "[]")])),
        ("b.yaml", &namespace("b")),
    ]);
    let mut folder = files.folder();
    folder.poll();

    files.write(&[("a.yaml", &documents(&[set("s", "[]"), set("t", "[10.0.0.0/8]"), set("v", "[]")]))]);
    files.check(&folder.rescan(), "+ GlobalNetworkSet t\n- GlobalNetworkSet u\n+ GlobalNetworkSet v");
    files.check(&folder.rescan(), "");

    // A comment changes nothing but lines.
    files.write(&[(
        "a.yaml",
        &format!("# comment\n{}", documents(&[set("s", "[]"), set("t", "[10.0.0.0/8]"), set("v", "[]")])),
    )]);
    files.check(&folder.rescan(), "");
    assert!(folder.places().iter().any(|(key, place)| key.name == "s" && place.line == 2));

    files.remove("b.yaml");
    files.check(&folder.rescan(), "- Namespace b");

    // Moved to another file, all is as it was.
    files.write(&[("z.yaml", &documents(&[set("s", "[]"), set("t", "[10.0.0.0/8]"), set("v", "[]")]))]);
    files.remove("a.yaml");
    files.check(&folder.rescan(), "");
    assert!(folder.places().values().all(|place| place.file.ends_with("z.yaml")));
}

#[test]
fn the_last_valid_value_stays_in_force() {
    let files = Files::new(&[("a.yaml", &documents(&[set("s", "[10.0.0.0/8]"), set("t", "[]")]))]);
    let mut folder = files.folder();
    folder.poll();

    let message = "is no CIDR block: \"x\" is not an IP prefix: write an address, or an address and a length like 10.0.0.0/8 or 2001:db8::/32";
    files.write(&[("a.yaml", &documents(&[set("s", "[x]"), set("t", "[192.0.2.1]")]))]);
    files.check(
        &folder.rescan(),
        &format!("a.yaml:4:15: error: GlobalNetworkSet s: spec.nets[0]: {message}\n+ GlobalNetworkSet t"),
    );
    files.write(&[("a.yaml", &documents(&[set("s", "[x]"), set("t", "[]")]))]);
    files.check(&folder.rescan(), "+ GlobalNetworkSet t");
    assert_eq!(folder.objects().count(), 2);
    assert_eq!(folder.problems().len(), 1);

    files.write(&[("a.yaml", &documents(&[set("s", "[10.0.0.0/16]"), set("t", "[]")]))]);
    files.check(&folder.rescan(), "+ GlobalNetworkSet s");
    assert_eq!(folder.problems(), []);

    // Where there was no valid value, there is none.
    files.write(&[("b.yaml", &set("new", "[x]"))]);
    files.check(&folder.rescan(), &format!("b.yaml:4:15: error: GlobalNetworkSet new: spec.nets[0]: {message}"));
    // And what is removed is gone.
    files.write(&[("a.yaml", &set("t", "[]"))]);
    files.check(&folder.rescan(), "- GlobalNetworkSet s");
}

#[test]
fn what_may_be_in_a_broken_document_stays_in_force() {
    let files = Files::new(&[("a.yaml", &documents(&[set("s", "[]"), set("t", "[]")])), ("b.yaml", &set("u", "[]"))]);
    let mut folder = files.folder();
    folder.poll();
    let kept = "a.yaml:1:1: warning: GlobalNetworkSet s: is not in the file as far as that can be read, and stays in force as it was last read; mend the file";

    files.write(&[("a.yaml", &format!("{}---\nkind: [", set("t", "[10.0.0.0/8]")))]);
    files.check(
        &folder.rescan(),
        &format!("a.yaml:6:8: error: this is no YAML: while parsing a node, did not find expected node content\n{kept}\n+ GlobalNetworkSet t"),
    );
    files.check(&folder.rescan(), "");

    // An object without a name could be any of them.
    files.write(&[("a.yaml", &set("t", "[10.0.0.0/8]").replace("name: t", "nam: t"))]);
    let events = folder.rescan();
    assert!(events.iter().all(|event| matches!(event, Event::Problem(_))), "{events:?}");
    assert_eq!(folder.objects().count(), 3);

    // Moved elsewhere, it is found there.
    files.write(&[("c.yaml", &set("t", "[192.0.2.1]"))]);
    files.check(&folder.rescan(), "+ GlobalNetworkSet t");

    files.write(&[("a.yaml", "")]);
    files.check(&folder.rescan(), "- GlobalNetworkSet s");
}

#[test]
fn what_was_in_an_unreadable_file_stays_in_force() {
    let files = Files::new(&[("a.yaml", &set("s", "[]")), ("b/c.yaml", &set("t", "[]"))]);
    let mut folder = files.folder().with_limits(Limits { bytes: 200, ..Limits::default() });
    folder.poll();

    fs::write(files.0.path().join("a.yaml"), b"kind: \xff").unwrap();
    files.check(&folder.rescan(), "a.yaml: error: can't be read: it is no text in UTF-8: byte 6 is none; what was read from it before stays in force");
    files.write(&[("a.yaml", &"#".repeat(201))]);
    files.check(&folder.rescan(), "a.yaml: error: can't be read: it has more than 200 bytes; split it; what was read from it before stays in force");
    assert_eq!(folder.objects().count(), 2);
    files.write(&[("a.yaml", &set("s", "[10.0.0.0/8]"))]);
    files.check(&folder.rescan(), "+ GlobalNetworkSet s");
    assert_eq!(folder.problems(), []);

    // The folder itself is gone: nobody can say what is in it.
    let moved = files.0.path().with_extension("moved");
    fs::rename(files.0.path(), &moved).unwrap();
    let events = folder.rescan();
    assert!(
        matches!(&events[..], [Event::Problem(problem)] if problem.message.ends_with("stays in force")),
        "{events:?}"
    );
    assert_eq!(folder.objects().count(), 2);
    fs::rename(&moved, files.0.path()).unwrap();
    files.check(&folder.rescan(), "");
    assert_eq!(folder.problems(), []);

    // A folder within it is gone: that is a removal.
    fs::remove_dir_all(files.0.path().join("b")).unwrap();
    files.check(&folder.rescan(), "- GlobalNetworkSet t");
}

#[test]
fn the_first_of_two_stays() {
    let files = Files::new(&[
        ("a.yaml", &set("s", "[10.0.0.0/8]")),
        ("b.yaml", &documents(&[set("t", "[]"), set("s", "[]"), set("t", "[]")])),
    ]);
    let mut folder = files.folder();
    let root = files.0.path().display();
    files.check(
        &folder.poll(),
        "
        b.yaml:6:1: error: GlobalNetworkSet s: is written at a.yaml:1 already, which stays in force; this one has no effect; remove one of the two, or rename it
        b.yaml:11:1: error: GlobalNetworkSet t: is written at b.yaml:1 already, which stays in force; this one has no effect; remove one of the two, or rename it
        + GlobalNetworkSet s
        + GlobalNetworkSet t
        in sync
        ",
    );
    assert_eq!(
        &*folder.places().values().find(|place| place.line == 1 && place.file.ends_with("a.yaml")).unwrap().file,
        format!("{root}/a.yaml")
    );

    files.remove("a.yaml");
    files.check(&folder.rescan(), "+ GlobalNetworkSet s");
}

#[test]
fn namespaces_that_are_spoken_of_are_filled_in() {
    let files = Files::new(&[("a.yaml", &pod("p", ""))]);
    let mut folder = files.folder();
    files.check(
        &folder.poll(),
        "
        : note: Namespace: not there, and taken as plain ones with the label kubernetes.io/metadata.name alone: a; add the objects if they have labels that policies select by
        + Namespace a
        + ServiceAccount a/default
        + Pod a/p
        in sync
        ",
    );
    let severities: Vec<_> = folder.problems().iter().map(|problem| problem.severity).collect();
    assert_eq!(severities, [Severity::Note]);

    files.write(&[("b.yaml", &namespace("a").replace("name: a", "name: a, labels: {team: x}"))]);
    files.check(&folder.rescan(), "+ Namespace a");
    assert_eq!(folder.problems(), []);
    files.remove("b.yaml");
    let events = folder.rescan();
    assert!(matches!(&events[..], [Event::Problem(_), Event::Update(update)] if update.key.name == "a"), "{events:?}");
    files.remove("a.yaml");
    files.check(&folder.rescan(), "- Namespace a\n- ServiceAccount a/default\n- Pod a/p");
}

#[test]
fn paths_texts_and_links() {
    let files =
        Files::new(&[("a.yaml", &set("s", "[]")), ("sub/b.yaml", &set("t", "[]")), ("plain.txt", &set("u", "[]"))]);
    let root = files.0.path();
    // A circle, a second name of a file, and a link to nowhere.
    std::os::unix::fs::symlink(root, root.join("sub/circle")).unwrap();
    std::os::unix::fs::symlink(root.join("a.yaml"), root.join("z.yaml")).unwrap();
    std::os::unix::fs::symlink(root.join("nowhere"), root.join("sub/dangling.yaml")).unwrap();
    let mut folder =
        Folder::new([root.join("plain.txt"), root.to_path_buf(), root.join("missing")]).with_text("-", set("x", "[]"));
    files.check(
        &folder.poll(),
        "
        sub/dangling.yaml: error: can't be read: No such file or directory (os error 2)
        missing: error: can't be read: No such file or directory (os error 2)
        + GlobalNetworkSet s
        + GlobalNetworkSet t
        + GlobalNetworkSet u
        + GlobalNetworkSet x
        in sync
        ",
    );
    assert_eq!(folder.text_of("-"), Some(set("x", "[]")));
    let place = folder.places().iter().find(|(key, _)| key.name == "t").unwrap().1;
    assert_eq!(Path::new(&*place.file), root.join("sub/b.yaml"));
    assert_eq!(folder.text_of(&place.file), Some(set("t", "[]")));
    assert_eq!(folder.text_of("missing"), None);
}

#[test]
fn an_empty_folder_is_in_sync() {
    let files = Files::new(&[]);
    files.check(&files.folder().poll(), "in sync");
}
