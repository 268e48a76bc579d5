use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders in folders that are followed.
const MOST_NESTED: usize = 64;

/// The files of some paths, in order, and what could not be looked into.
#[derive(Default)]
pub(crate) struct Walk {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) failures: Vec<Failure>,
    seen: HashSet<PathBuf>,
}

/// A path of which it can't be said what is in it, and why.
pub(crate) struct Failure {
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
}

impl Walk {
    /// Adds a path that the user named: a file whatever its name, or a folder with everything in it.
    pub(crate) fn add(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path, 0),
            Ok(_) => self.file(path),
            Err(error) => self.fail(path, error.to_string()),
        }
    }

    /// Adds the YAML and JSON files of a folder and of those in it, sorted by name. Hidden ones (`.name`) are left out.
    ///
    /// Links are followed, but each folder and file is taken once, under the first name that leads to it: so circles end, and what a link
    /// and its target both name does not seem to be there twice.
    fn folder(&mut self, path: &Path, depth: usize) {
        if depth > MOST_NESTED {
            return self.fail(path, format!("folders nest at most {MOST_NESTED} deep"));
        }
        if !self.is_new(path) {
            return;
        }
        let entries = fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.fail(path, error.to_string()),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => self.folder(&path, depth + 1),
                // Pipes and devices would block whoever reads them.
                Ok(metadata) if metadata.is_file() && is_resource_file(&path) => self.file(&path),
                Ok(_) => {}
                Err(error) if is_resource_file(&path) => self.fail(&path, error.to_string()),
                Err(_) => {}
            }
        }
    }

    fn file(&mut self, path: &Path) {
        if self.is_new(path) {
            self.files.push(path.to_path_buf());
        }
    }

    fn is_new(&mut self, path: &Path) -> bool {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        self.seen.insert(real)
    }

    fn fail(&mut self, path: &Path, reason: String) {
        self.failures.push(Failure { path: path.to_path_buf(), reason });
    }
}

fn is_resource_file(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}
