//! The process that is killed: it goes from state to state, a step for each byte on its input, and says on its output what it does.

use crate::states::Walk;
use margay_dataplane::{Driver, Event};
use margay_linux::{LinuxDriver, Options};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

/// The first argument of such a process.
pub(crate) const ROLE: &str = "agent";

/// What it says.
#[derive(Debug, PartialEq)]
pub(crate) enum Report {
    /// A state is about to be programmed.
    Begun(u32),
    /// It is in force, after so many transactions since the start.
    Done(u32, u64),
}

/// The process itself: in force first is this state.
pub(crate) fn run(state: u32) {
    let mut out = std::io::stdout();
    let mut walk = Walk::from(state);
    let mut driver = LinuxDriver::new(Options::default()).expect("netlink");
    driver.resync(walk.engine.plan(), None);
    let finish = |driver: &mut LinuxDriver, state| {
        for event in driver.events() {
            assert!(matches!(event, Event::Applied { .. }), "state {state}: {event:?}");
        }
        writeln!(std::io::stdout(), "done {state} {}", driver.written().1).expect("somebody listens");
    };
    finish(&mut driver, state);
    for _ in std::io::stdin().lock().bytes() {
        let changes = walk.step();
        writeln!(out, "begun {}", walk.state).expect("somebody listens");
        driver.submit(walk.engine.plan(), &changes);
        finish(&mut driver, walk.state);
    }
}

/// Such a process, as who kills it sees it.
pub(crate) struct Agent {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Agent {
    /// Starts it in the network namespace of the calling thread.
    pub(crate) fn start(state: u32) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args([ROLE, &state.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starting the agent");
        let input = process.stdin.take().expect("a pipe was asked for");
        let output = BufReader::new(process.stdout.take().expect("a pipe was asked for"));
        Self { process, input, output }
    }

    /// Lets it go so many states further.
    pub(crate) fn allow(&mut self, steps: u32) {
        self.input.write_all(&vec![b'.'; steps as usize]).expect("the agent listens");
    }

    /// What it says next; `None` at its end.
    pub(crate) fn report(&mut self) -> Option<Report> {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a pipe can be read");
        // Killed in the middle of a line, it has not said it.
        let line = line.strip_suffix('\n')?;
        let mut words = line.split(' ');
        let (what, mut number) = (words.next(), || words.next().and_then(|word| word.parse().ok()).expect(line));
        Some(match what {
            Some("begun") => Report::Begun(number() as u32),
            _ => Report::Done(number() as u32, number()),
        })
    }

    /// Ends it with `SIGKILL`, and gives what it still said.
    pub(crate) fn kill(mut self) -> Vec<Report> {
        self.process.kill().expect("our own process may be killed");
        let said = std::iter::from_fn(|| self.report()).collect();
        let status: ExitStatus = self.process.wait().expect("our own process ends");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "it ended by itself: {status}");
        said
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
