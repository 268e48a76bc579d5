//! Windows without Windows: a compiler and a linker for it, and Wine to run what they make. `cargo xtask windows`.

use crate::run::{cargo, has, root, step};
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What programs are built for.
pub const TARGET: &str = "x86_64-pc-windows-gnu";
/// The packages of Debian and Ubuntu that have the linker and Wine.
const PACKAGES: [&str; 3] = ["gcc-mingw-w64-x86-64", "wine64", "wine"];
const LINKER: &str = "x86_64-w64-mingw32-gcc";
const WINE: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver64";
/// What is built for Windows.
const PROGRAMS: [&str; 4] = ["margay-cli", "margay-agent", "margay-computenetwork", "margay-vfp"];
/// Whose tests are built for Windows too, and which of them.
const TESTS: [(&str, &str); 4] = [
    ("margay-agent", "--all-targets"),
    ("margay-cli", "--lib"),
    ("margay-hcn", "--lib"),
    ("margay-computenetwork", "--tests"),
];
/// What the emulator is HNS and VFP by: what is built, and the name that it has on Windows.
const EMULATED: [(&str, &str); 3] = [
    ("margay_computenetwork.dll", "computenetwork.dll"),
    ("margay_computenetwork.dll", "vmcompute.dll"),
    ("vfpctrl.exe", "vfpctrl.exe"),
];
/// The variable that tells tests that what they need under Wine is there, and is of now.
const READY: &str = "MARGAY_WINE";

/// Builds margay.exe and runs the Windows tests, where that can be done here; says what is missing where it can't.
pub fn run() -> Result<()> {
    if !set_up()? {
        return Ok(());
    }
    make_prefix()?;
    let all = PROGRAMS.iter().flat_map(|package| ["--package", package]).chain(["--target", TARGET, "--quiet"]);
    let all: Vec<&str> = all.collect();
    step("windows: lints", cargo(&["clippy"]).args(&all).args(["--", "-D", "warnings"]))?;
    // Tests of the others are built for this side too, and linted there.
    let dlls = ["--package", "margay-computenetwork", "--tests", "--target", TARGET, "--quiet", "--", "-D", "warnings"];
    step("windows: lints of the DLLs' tests", cargo(&["clippy"]).args(dlls))?;
    step("windows: build", cargo(&["build"]).args(&all))?;
    put_emulated()?;
    for (package, what) in TESTS {
        let mut tests = cargo(&["test", "--target", TARGET, "--quiet", "--package", package, what]);
        step(&format!("windows: tests of {package}"), tests.env(READY, "1"))?;
    }
    let mut tests = cargo(&["test", "--package", "margay-cli", "--test", "windows", "--quiet"]);
    step("windows: margay.exe", tests.env(READY, "1"))
}

/// Gets what is missing where that is possible; whether all is there.
fn set_up() -> Result<bool> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        println!("note: Windows programs are built and run on x86-64 Linux alone: the Windows tests are left out.");
        return Ok(false);
    }
    Ok(add_target()? && add_packages()?)
}

fn add_target() -> Result<bool> {
    let library =
        Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).current_dir(root()).output()?;
    if Path::new(String::from_utf8_lossy(&library.stdout).trim()).is_dir() {
        return Ok(true);
    }
    if !has("rustup", &["--version"]) {
        println!(
            "note: Rust's standard library for {TARGET} is not there, nor rustup to get it: the Windows tests are left out."
        );
        return Ok(false);
    }
    step(
        &format!("rustup target add {TARGET}"),
        Command::new("rustup").args(["target", "add", TARGET]).current_dir(root()),
    )?;
    Ok(true)
}

fn add_packages() -> Result<bool> {
    let there = || has(LINKER, &["--version"]) && Path::new(WINE).exists();
    if there() {
        return Ok(true);
    }
    let install = format!("apt-get install -y --no-install-recommends {}", PACKAGES.join(" "));
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !root || !has("apt-get", &["--version"]) {
        println!(
            "note: the Windows tests are left out: they need a linker for Windows, and Wine. On Debian or Ubuntu:\n      sudo {install}"
        );
        return Ok(false);
    }
    let apt = |arguments: &str| {
        let mut command = Command::new("apt-get");
        command.args(["-qq", "-o", "DPkg::Lock::Timeout=600"]).args(arguments.split(' ').skip(1));
        command.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command
    };
    // Lists of packages may be missing, or older than the packages.
    if step(&install, apt(&install).stderr(Stdio::null())).is_err() {
        step("apt-get update", &mut apt("apt-get update"))?;
        step(&install, &mut apt(&install))?;
    }
    if !there() {
        bail!("{install}: neither {LINKER} nor {WINE} may be missing after it");
    }
    Ok(true)
}

/// Makes the folder that is a Windows to Wine, unless it is there already.
fn make_prefix() -> Result<()> {
    let prefix = prefix();
    fs::create_dir_all(prefix.parent().context("a prefix is in a folder")?)?;
    let lock = File::create(prefix.with_extension("lock"))?;
    lock.lock().context("cannot wait for another xtask that makes the Wine prefix")?;
    let wanted = contents()?;
    if fs::read_to_string(prefix.join("ready")).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    if prefix.exists() {
        // What still runs in it would write into it.
        end_all(&prefix)?;
        fs::remove_dir_all(&prefix).with_context(|| format!("cannot remove {}", prefix.display()))?;
    }
    step("wineboot", wine().args(["wineboot", "-i"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
    // The Windows that was set up was booted on the way: a clean start is better than two service managers.
    end_all(&prefix)?;
    let shim = system32(&prefix).join("bcryptprimitives.dll");
    let mut compile = Command::new(LINKER);
    compile.args(["-O2", "-shared", "-s", "-o"]).arg(shim).arg(shim_source()).arg("-ladvapi32");
    step("bcryptprimitives.dll", &mut compile)?;
    fs::write(prefix.join("ready"), wanted)?;
    Ok(())
}

/// Puts the DLLs and the program through which the emulator is reached where Windows has those of HNS and VFP. They change, and programs of another run may
/// have them open: so each is put there whole, in the place of the one before.
fn put_emulated() -> Result<()> {
    let system32 = system32(&prefix());
    for (built, name) in EMULATED {
        let built = target().join(TARGET).join("debug").join(built);
        let (new, place) = (system32.join(format!("{name}.new")), system32.join(name));
        let put = fs::copy(&built, &new).and_then(|_| fs::rename(&new, &place));
        put.with_context(|| format!("cannot copy {} to {}", built.display(), place.display()))?;
    }
    Ok(())
}

/// Ends what runs in a prefix.
fn end_all(prefix: &Path) -> Result<()> {
    for what in ["-k", "-w"] {
        let mut server = Command::new(SERVER);
        server.arg(what).env("WINEPREFIX", prefix).output().with_context(|| format!("cannot run {SERVER}"))?;
    }
    Ok(())
}

/// What a prefix is made of: when it changes, the prefix is made anew.
fn contents() -> Result<String> {
    let version = Command::new(WINE).arg("--version").output()?;
    Ok(format!("{}{}", String::from_utf8_lossy(&version.stdout), fs::read_to_string(shim_source())?))
}

fn shim_source() -> PathBuf {
    root().join("xtask/wine/bcryptprimitives.c")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn prefix() -> PathBuf {
    target().join("wine")
}

fn system32(prefix: &Path) -> PathBuf {
    prefix.join("drive_c/windows/system32")
}

fn wine() -> Command {
    Command::new(root().join("xtask/wine/run"))
}

/// Wine, for tests on this side that run Windows programs.
///
/// ```no_run
/// use xtask::windows::Wine;
/// let Some(wine) = Wine::ready() else { return };
/// let version = wine.margay().arg("--version").output().expect("margay.exe starts");
/// ```
#[derive(Clone, Debug)]
pub struct Wine {
    prefix: PathBuf,
}

impl Wine {
    /// Where `cargo xtask windows` has made everything, margay.exe of the present sources included; elsewhere says that the test is left out.
    pub fn ready() -> Option<Self> {
        if std::env::var_os(READY).is_none() {
            println!("left out: what this needs of Wine is made by `cargo xtask windows`");
            return None;
        }
        Some(Self { prefix: prefix() })
    }

    /// A Windows program: one of Wine's own by its name, another by its path. A signal SIGINT arrives as Ctrl-C.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = wine();
        command.arg(program);
        command
    }

    /// margay.exe.
    pub fn margay(&self) -> Command {
        self.command(target().join(TARGET).join("debug/margay.exe"))
    }

    /// Where Windows looks for DLLs: one that a test puts there is found by every program of the prefix.
    pub fn system32(&self) -> PathBuf {
        system32(&self.prefix)
    }

    /// A path of this side as Windows programs know it.
    pub fn path(&self, path: &Path) -> String {
        format!("Z:{}", path.display().to_string().replace('/', "\\"))
    }
}
