use crate::implied::Implied;
use crate::walk::Walk;
use crate::{Event, Source};
use margay_api::document::{Limits, Span};
use margay_api::{Key, Object, Place, Problem, Severity, Update, read_each};
use smol_str::SmolStr;
use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::BuildHasher;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Resources from files: paths of files and folders, and texts that the caller has (standard input).
///
/// Of a folder, every `.yaml`, `.yml` and `.json` file in it and in the folders below, sorted by name; hidden ones are left out, links are
/// followed, each file is read once. A path to a file is read whatever its name.
///
/// A namespace or service account that is spoken of and has no object is added as a plain one, and a note says so: a laptop's folder of
/// policies and pods means what it looks like. The real object takes its place when it comes.
///
/// # When something is wrong
/// - An object that can't be read: the last valid value of its key stays in force.
/// - A document that can't be parsed: what the file gave before and is not in it now stays in force, since it may be in that document.
/// - A file or folder that can't be read, a path that is not there any more: what came from it stays in force.
/// - The same key twice: the first stays (by the order of the paths, the files and the documents), and the problem names both places.
///
/// A file that is removed from a folder, and a document that is removed from a file, are gone.
#[derive(Debug)]
pub struct Folder {
    paths: Vec<PathBuf>,
    texts: Vec<(Arc<str>, String)>,
    limits: Limits,
    started: bool,
    hashes: RandomState,
    files: HashMap<Arc<str>, Content>,
    /// What is in force.
    objects: HashMap<Key, Arc<Object>>,
    places: HashMap<Key, Place>,
    problems: Vec<Problem>,
    failures: Vec<Problem>,
    order: Vec<Arc<str>>,
}

/// What a file gave when it was last read.
#[derive(Debug)]
struct Content {
    /// Of the bytes, to know whether they have changed.
    hash: u64,
    length: usize,
    resources: Vec<Resource>,
    problems: Vec<Problem>,
    /// Some of it could not be told apart: there may be resources in it that are not among `resources`.
    incomplete: bool,
}

#[derive(Debug)]
struct Resource {
    key: Key,
    object: Option<Arc<Object>>,
    place: Place,
}

impl Folder {
    /// The resources of some files and folders. Nothing is read yet.
    pub fn new<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            texts: Vec::new(),
            limits: Limits::default(),
            started: false,
            hashes: RandomState::new(),
            files: HashMap::new(),
            objects: HashMap::new(),
            places: HashMap::new(),
            problems: Vec::new(),
            failures: Vec::new(),
            order: Vec::new(),
        }
    }

    /// The resources of one text; `name` is what its problems and places name (`-` for standard input).
    pub fn of_text(name: &str, text: impl Into<String>) -> Self {
        Self::new(Vec::<PathBuf>::new()).with_text(name, text)
    }

    /// Adds a text, which comes before the files. A text of a name that is there already takes its place.
    pub fn with_text(mut self, name: &str, text: impl Into<String>) -> Self {
        self.texts.retain(|(known, _)| **known != *name);
        self.texts.push((name.into(), text.into()));
        self
    }

    /// Other bounds on what is read than the default ones.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Everything that is wrong now, in the order of the files.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The objects that are in force, in no order.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values()
    }

    /// The files that were read, by the names that problems and places have them, in order.
    pub fn files(&self) -> impl Iterator<Item = &Arc<str>> {
        self.order.iter()
    }

    /// The text that a problem's or a place's file stands for, to print it with its lines; `None` if it can't be read any more.
    pub fn text_of(&self, file: &str) -> Option<String> {
        match self.texts.iter().find(|(name, _)| **name == *file) {
            Some((_, text)) => Some(text.clone()),
            None => bounded_text(Path::new(file), self.limits.bytes).ok(),
        }
    }

    /// Reads what has changed since the last time (the first time: everything), and gives the differences, sorted by key: first the
    /// problems that are new, then the updates. The first time ends with [`Event::InSync`].
    pub fn rescan(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        if self.read_files() || !self.started {
            self.merge(&mut events);
        }
        if !self.started {
            self.started = true;
            events.push(Event::InSync);
        }
        events
    }

    /// Reads the files; whether anything is different from the last time.
    fn read_files(&mut self) -> bool {
        let mut walk = Walk::default();
        for path in &self.paths {
            walk.add(path);
        }
        let mut order: Vec<Arc<str>> = self.texts.iter().map(|(name, _)| name.clone()).collect();
        let mut failures = Vec::new();
        let mut changed = false;
        for (name, text) in &self.texts {
            changed |= take(&mut self.files, &self.hashes, &self.limits, name, text);
        }
        for path in walk.files {
            let name: Arc<str> = path.to_string_lossy().into();
            match bounded_text(&path, self.limits.bytes) {
                Ok(text) => changed |= take(&mut self.files, &self.hashes, &self.limits, &name, &text),
                Err(reason) => failures.push(failure(&name, &reason, self.files.contains_key(&name))),
            }
            order.push(name);
        }
        // What can't be looked into may hold every file that was found in it before.
        for one in walk.failures {
            let mut inside: Vec<Arc<str>> = self
                .order
                .iter()
                .filter(|name| Path::new(&***name).starts_with(&one.path) && !order.contains(name))
                .cloned()
                .collect();
            failures.push(failure(&one.path.to_string_lossy(), &one.reason, !inside.is_empty()));
            order.append(&mut inside);
        }
        changed |= order != self.order || failures != self.failures;
        if changed {
            let present: HashSet<&Arc<str>> = order.iter().collect();
            self.files.retain(|name, _| present.contains(name));
        }
        self.order = order;
        self.failures = failures;
        changed
    }

    /// Puts together what the files hold, and tells the differences from what was in force.
    fn merge(&mut self, events: &mut Vec<Event>) {
        let mut objects: HashMap<Key, Arc<Object>> = HashMap::with_capacity(self.objects.len());
        let mut places: HashMap<Key, Place> = HashMap::with_capacity(self.places.len());
        let mut problems = self.failures.clone();
        // Where each key is written first, whether or not it could be read there.
        let mut written: HashMap<&Key, &Place> = HashMap::new();
        for content in self.order.iter().filter_map(|name| self.files.get(name)) {
            problems.extend(content.problems.iter().cloned());
            for Resource { key, object, place } in &content.resources {
                match written.entry(key) {
                    Entry::Occupied(first) => problems.push(written_twice(key, place, first.get())),
                    Entry::Vacant(entry) => {
                        entry.insert(place);
                        let last_valid = || Some((self.objects.get(key)?.clone(), self.places.get(key)?.clone()));
                        let value = object.clone().map(|object| (object, place.clone()));
                        if let Some((object, place)) = value.or_else(last_valid) {
                            objects.insert(key.clone(), object);
                            places.insert(key.clone(), place);
                        }
                    }
                }
            }
        }
        self.keep_what_may_be_there(&mut objects, &mut places, &mut problems);

        let mut implied = Implied::default();
        objects.values().for_each(|object| implied.mention(object));
        let (stand_ins, notes) = implied.objects(|key| objects.contains_key(key));
        objects.extend(stand_ins.into_iter().map(|object| (object.key().clone(), object)));
        problems.extend(notes);

        let known: HashSet<&Problem> = self.problems.iter().collect();
        events.extend(problems.iter().filter(|problem| !known.contains(problem)).cloned().map(Event::Problem));
        events.extend(differences(&self.objects, &objects).into_iter().map(Event::Update));
        self.objects = objects;
        self.places = places;
        self.problems = problems;
    }

    /// Keeps the resources that came from a file part of which can't be told apart now.
    fn keep_what_may_be_there(
        &self,
        objects: &mut HashMap<Key, Arc<Object>>,
        places: &mut HashMap<Key, Place>,
        problems: &mut Vec<Problem>,
    ) {
        let incomplete: HashSet<&str> =
            self.files.iter().filter(|(_, content)| content.incomplete).map(|(name, _)| &**name).collect();
        if incomplete.is_empty() {
            return;
        }
        let mut kept: Vec<(&Key, &Place)> = self
            .places
            .iter()
            .filter(|(key, place)| incomplete.contains(&*place.file) && !objects.contains_key(*key))
            .collect();
        kept.sort_by_key(|(key, _)| *key);
        for (key, place) in kept {
            let Some(object) = self.objects.get(key) else { continue };
            let message = "is not in the file as far as that can be read, and stays in force as it was last read";
            problems.push(problem(Severity::Warning, key, place, message.into(), "mend the file".into()));
            objects.insert(key.clone(), object.clone());
            places.insert(key.clone(), place.clone());
        }
    }
}

impl Source for Folder {
    /// Reads everything the first time. Later changes come with [`Folder::rescan`].
    fn poll(&mut self) -> Vec<Event> {
        if self.started { Vec::new() } else { self.rescan() }
    }

    fn places(&self) -> &HashMap<Key, Place> {
        &self.places
    }
}

/// Takes the text of a file; whether it is different from what is known of the file.
fn take(
    files: &mut HashMap<Arc<str>, Content>,
    hashes: &RandomState,
    limits: &Limits,
    name: &Arc<str>,
    text: &str,
) -> bool {
    let (hash, length) = (hashes.hash_one(text), text.len());
    if files.get(name).is_some_and(|content| content.hash == hash && content.length == length) {
        return false;
    }
    let mut content = Content { hash, length, resources: Vec::new(), problems: Vec::new(), incomplete: false };
    read_each(text, name, limits, |decoded| {
        content.incomplete |= decoded.key.is_none() && decoded.has_errors();
        content.problems.extend(decoded.problems);
        if let Some(key) = decoded.key {
            content.resources.push(Resource { key, object: decoded.object.map(Arc::new), place: decoded.place });
        }
    });
    files.insert(name.clone(), content);
    true
}

/// The text of a file, if it is text of at most so many bytes.
fn bounded_text(path: &Path, most: usize) -> Result<String, String> {
    let mut bytes = Vec::new();
    let limit = most as u64 + 1;
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(|error| error.to_string())?;
    if bytes.len() > most {
        return Err(format!("it has more than {most} bytes; split it"));
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("it is no text in UTF-8: byte {} is none", error.utf8_error().valid_up_to()))
}

/// The updates that make one set of objects of another, sorted by key.
fn differences(before: &HashMap<Key, Arc<Object>>, after: &HashMap<Key, Arc<Object>>) -> Vec<Update> {
    let changed = after
        .iter()
        .filter(|(key, object)| before.get(key).is_none_or(|known| !Arc::ptr_eq(known, object) && known != *object))
        .map(|(key, object)| Update { key: key.clone(), value: Some(object.clone()) });
    let gone = before.keys().filter(|key| !after.contains_key(key)).map(|key| Update { key: key.clone(), value: None });
    let mut updates: Vec<Update> = changed.chain(gone).collect();
    updates.sort_by(|a, b| a.key.cmp(&b.key));
    updates
}

fn problem(severity: Severity, key: &Key, place: &Place, message: String, help: String) -> Problem {
    let mut span = Span::default();
    span.start.line = place.line;
    span.start.column = 1;
    span.end = span.start;
    let object = SmolStr::from(key.to_string());
    Problem {
        severity,
        file: place.file.clone(),
        span,
        key: Some(key.clone()),
        object,
        path: String::new(),
        message,
        help,
    }
}

fn written_twice(key: &Key, place: &Place, first: &Place) -> Problem {
    let message =
        format!("is written at {}:{} already, which stays in force; this one has no effect", first.file, first.line);
    problem(Severity::Error, key, place, message, "remove one of the two, or rename it".into())
}

fn failure(path: &str, reason: &str, known: bool) -> Problem {
    let stays = if known { "; what was read from it before stays in force" } else { "" };
    Problem {
        severity: Severity::Error,
        file: path.into(),
        span: Span::default(),
        key: None,
        object: SmolStr::default(),
        path: String::new(),
        message: format!("can't be read: {reason}{stays}"),
        help: String::new(),
    }
}
