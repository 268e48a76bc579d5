//! Where the agent's lines go.

use crate::streams::Failure;
use margay_agent::settings::{LogFormat, LogLevel, Settings};
use serde_json::{Map, Value};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{self, FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload::{self, Handle};

/// Bytes of a file of lines, from which on it is begun anew.
const MOST: u64 = 10 << 20;

/// How what is logged can be changed while it is.
pub(super) struct Log(Handle<Targets, Registry>);

impl Log {
    /// From now on lines of this level, and weightier ones.
    pub(super) fn set_level(&self, level: LogLevel) {
        // It fails only where nothing logs any more.
        let _ = self.0.reload(lines_of(level));
    }
}

/// Does something whose lines, those of this thread, go to a file, or to standard error.
pub(super) fn with<R>(settings: &Settings, act: impl FnOnce(&Log) -> R) -> Result<R, Failure> {
    let Some(path) = &settings.log_file else { return Ok(with_lines(settings, io::stderr, act)) };
    let log = LogFile::open(path, MOST)
        .map_err(|error| Failure::usage(format!("{} can't be written: {error}", path.display())))?;
    Ok(with_lines(settings, Mutex::new(log), act))
}

fn with_lines<R>(
    settings: &Settings,
    to: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
    act: impl FnOnce(&Log) -> R,
) -> R {
    let (filter, handle) = reload::Layer::new(lines_of(settings.log_level));
    let registry = Registry::default().with(filter);
    let log = Log(handle);
    let lines = fmt::layer().with_writer(to);
    match settings.log_format {
        LogFormat::Text => {
            // Messages are whole sentences: fields are for programs.
            let message = fmt::format::debug_fn(|line, field, value| match field.name() {
                "message" => write!(line, "{value:?}"),
                _ => Ok(()),
            });
            let lines = lines.with_target(false).with_ansi(false).fmt_fields(message);
            tracing::subscriber::with_default(registry.with(lines), || act(&log))
        }
        LogFormat::Json => {
            let lines = lines.fmt_fields(fmt::format::DefaultFields::new()).event_format(Json);
            tracing::subscriber::with_default(registry.with(lines), || act(&log))
        }
    }
}

/// Lines of a level and weightier ones; of others' libraries none that are lighter than info.
fn lines_of(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_default(level.min(LevelFilter::INFO)).with_target("margay", level)
}

/// A line as a JSON object.
struct Json;

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N> for Json {
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> std::fmt::Result {
        let meta = event.metadata();
        let mut object = Map::new();
        object.insert("time".into(), humantime::format_rfc3339_micros(SystemTime::now()).to_string().into());
        object.insert("level".into(), meta.level().as_str().to_lowercase().into());
        object.insert("target".into(), meta.target().into());
        event.record(&mut Fields(&mut object));
        writeln!(line, "{}", Value::from(object))
    }
}

/// Takes the fields of a line.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
}

/// A file of lines that is bounded: when it is full it becomes `FILE.old`, in the place of the one before, and a new one is begun.
pub(super) struct LogFile {
    path: PathBuf,
    most: u64,
    /// `None` where it could not be begun anew: then it is tried again with the next line.
    file: Option<File>,
    written: u64,
}

impl LogFile {
    /// The file at this path, begun anew at 10 MiB.
    #[cfg(target_os = "linux")]
    pub(super) fn open_bounded(path: &Path) -> io::Result<Self> {
        Self::open(path, MOST)
    }

    fn open(path: &Path, most: u64) -> io::Result<Self> {
        let mut log = Self { path: path.to_owned(), most, file: None, written: 0 };
        log.begin()?;
        Ok(log)
    }

    fn begin(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.written = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }

    fn old(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".old");
        name.into()
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.written >= self.most {
            // Closed first: Windows does not rename what is open.
            self.file = None;
            fs::rename(&self.path, self.old())?;
        }
        if self.file.is_none() {
            self.begin()?;
        }
        let written = self.file.as_mut().map_or(Ok(0), |file| file.write(line))?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::LogFile;
    use std::io::Write;

    #[test]
    fn a_full_file_becomes_the_old_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("margay.log");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let mut log = LogFile::open(&path, 8).expect("a log");
        for (line, now, old) in
            [("one\n", "one\n", ""), ("two\n", "one\ntwo\n", ""), ("three\n", "three\n", "one\ntwo\n")]
        {
            log.write_all(line.as_bytes()).expect("a line");
            assert_eq!((read("margay.log").as_str(), read("margay.log.old").as_str()), (now, old));
        }
        drop(log);
        let mut again = LogFile::open(&path, 8).expect("a log");
        again.write_all(b"four\n").expect("a line");
        again.write_all(b"five\n").expect("a line");
        assert_eq!(read("margay.log"), "five\n");
        assert_eq!(read("margay.log.old"), "three\nfour\n");
    }
}
