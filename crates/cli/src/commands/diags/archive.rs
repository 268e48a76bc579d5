//! One compressed archive, with a manifest of what is in it and of what could not be had.

use super::secrets::{text_without, value_without};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Write};

/// The longest name of a file in it (POSIX ustar).
const LONGEST_NAME: usize = 100;
/// Bytes of a file; of a longer one, the end.
const MOST: usize = 16 << 20;
/// Of a block.
const BLOCK: usize = 512;

/// Files, and what is said of them.
#[derive(Debug, Default)]
pub(super) struct Archive {
    files: Vec<(String, Vec<u8>)>,
    missing: Vec<Missing>,
}

#[derive(Debug, Serialize)]
struct Missing {
    name: String,
    why: String,
}

#[derive(Debug, Serialize)]
struct Manifest<'a> {
    version: &'static str,
    at: &'a str,
    of: &'a str,
    files: Vec<File<'a>>,
    missing: &'a [Missing],
    removed: &'static str,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    name: &'a str,
    bytes: usize,
}

impl Archive {
    /// Adds a JSON document, without secrets, or why there is none.
    pub(super) fn json(&mut self, name: &str, value: Result<Value, impl ToString>) {
        let text = value.map(|mut value| {
            value_without(&mut value);
            format!("{value:#}\n")
        });
        self.put(name, text);
    }

    /// Adds a text, without secrets, or why there is none.
    pub(super) fn text(&mut self, name: &str, text: Result<String, impl ToString>) {
        // What is JSON says by its names what is secret.
        let text = text.map(|text| match serde_json::from_str::<Value>(&text) {
            Ok(mut value) if value.is_object() || value.is_array() => {
                value_without(&mut value);
                format!("{value:#}\n")
            }
            _ => text_without(&text),
        });
        self.put(name, text);
    }

    fn put(&mut self, name: &str, text: Result<String, impl ToString>) {
        let name: String = name.chars().take(LONGEST_NAME - "margay-diags/".len()).collect();
        match text {
            Ok(text) => {
                let bytes = text.into_bytes();
                let from = bytes.len().saturating_sub(MOST);
                self.files.push((name, bytes[from..].to_vec()));
            }
            Err(why) => self.missing.push(Missing { name, why: text_without(&why.to_string()) }),
        }
    }

    /// Files, and those that are missing.
    pub(super) fn counts(&self) -> [usize; 2] {
        [self.files.len(), self.missing.len()]
    }

    /// What is missing, and why.
    pub(super) fn missing(&self) -> impl Iterator<Item = (&str, &str)> {
        self.missing.iter().map(|missing| (missing.name.as_str(), missing.why.as_str()))
    }

    /// Writes it as a tar.gz; `of` is what it is of, `at` when, in UTC, and the seconds since 1970.
    pub(super) fn write(&self, of: &str, at: (&str, u64), out: impl Write) -> io::Result<()> {
        let files = self.files.iter().map(|(name, bytes)| File { name, bytes: bytes.len() }).collect();
        let removed = "tokens, certificates and keys, values whose name says that they are secret, annotations";
        let manifest =
            Manifest { version: env!("CARGO_PKG_VERSION"), at: at.0, of, files, missing: &self.missing, removed };
        let manifest = serde_json::to_vec_pretty(&manifest)?;
        let mut out = GzEncoder::new(out, Compression::default());
        entry("manifest.json", &manifest, at.1, &mut out)?;
        for (name, bytes) in &self.files {
            entry(name, bytes, at.1, &mut out)?;
        }
        // Two empty blocks end it.
        out.write_all(&[0; 2 * BLOCK])?;
        out.finish()?.flush()
    }
}

/// A file of an archive, as POSIX ustar has it: a header of a block, and the bytes in whole blocks.
fn entry(name: &str, bytes: &[u8], seconds: u64, out: &mut impl Write) -> io::Result<()> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    let name = format!("margay-diags/{name}");
    let cut = name.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= LONGEST_NAME).last();
    put(0, &name[..cut.unwrap_or_default()]);
    put(100, "0000600");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{:011o}", bytes.len()));
    put(136, &format!("{seconds:011o}"));
    // The checksum is of a header whose checksum is blank.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.write_all(&header)?;
    out.write_all(bytes)?;
    out.write_all(&vec![0; bytes.len().next_multiple_of(BLOCK) - bytes.len()])
}
