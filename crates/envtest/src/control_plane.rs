//! kube-apiserver and its etcd.

use crate::process::Process;
use crate::writer::Writer;
use crate::{Assets, Error, Result, gateway};
use serde_json::json;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to come up.
const START: Duration = Duration::from_secs(60);
/// How often it is asked whether it has.
const ASK: Duration = Duration::from_millis(50);
/// The token of someone who may do everything.
const TOKEN: &str = "admin-of-a-test";

/// A kube-apiserver with RBAC and ServiceAccounts on, and its etcd, which end when this is dropped.
///
/// It is reached in the network namespace of the thread that started it, and to be restarted and compacted there.
#[derive(Debug)]
pub struct ControlPlane {
    assets: Assets,
    address: SocketAddr,
    etcd_address: SocketAddr,
    // Ended before their folder goes.
    server: Option<Process>,
    etcd: Process,
    home: TempDir,
}

impl ControlPlane {
    /// Starts both, on free ports: the API server at this address of the calling thread's network namespace, etcd on loopback. They are ready when this
    /// returns.
    ///
    /// # Errors
    /// [`Error::System`] and [`Error::Server`], with the end of its log.
    pub fn start(assets: &Assets, address: IpAddr) -> Result<Self> {
        let home = TempDir::with_prefix("margay-envtest-").map_err(Error::system("making a folder in", "/tmp"))?;
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let [etcd_address, peers] = free_ports(loopback)?;
        let [address, _] = free_ports(address)?;
        make_key(&home.path().join("accounts.key"))?;
        for (name, text) in [
            ("tokens.csv", format!("{TOKEN},admin,admin,system:masters\n")),
            ("kubeconfig", kubeconfig(address, &home.path().join("certificates/apiserver.crt"), TOKEN)),
        ] {
            let path = home.path().join(name);
            fs::write(&path, text).map_err(Error::system("writing", &path))?;
        }
        let etcd = start_etcd(assets, home.path(), etcd_address, peers)?;
        let mut started = Self { assets: assets.clone(), address, etcd_address, server: None, etcd, home };
        started.until_etcd_answers()?;
        started.restart()?;
        Ok(started)
    }

    /// A kubeconfig of someone who may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.home.path().join("kubeconfig")
    }

    /// A kubeconfig of someone with another token, as of a ServiceAccount, beside the first.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn kubeconfig_of(&self, name: &str, token: &str) -> Result<PathBuf> {
        let path = self.home.path().join(format!("kubeconfig-{name}"));
        let text = kubeconfig(self.address, &self.home.path().join("certificates/apiserver.crt"), token);
        fs::write(&path, text).map_err(Error::system("writing", &path))?;
        Ok(path)
    }

    /// Ends the API server as a crash does.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Ends the API server as an upgrade does: it says good-bye to those who watch.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn stop(&mut self) -> Result<()> {
        self.server.take().map_or(Ok(()), Process::stop)
    }

    /// Starts the API server again, on the same port; it is ready when this returns.
    ///
    /// # Errors
    /// [`Error::Server`], with the end of its log.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let path = |name: &str| self.home.path().join(name).display().to_string();
        let key = path("accounts.key");
        let flags = [
            ("etcd-servers", format!("http://{}", self.etcd_address)),
            ("bind-address", self.address.ip().to_string()),
            ("advertise-address", self.address.ip().to_string()),
            ("secure-port", self.address.port().to_string()),
            ("cert-dir", path("certificates")),
            ("token-auth-file", path("tokens.csv")),
            ("authorization-mode", "RBAC".into()),
            ("service-account-issuer", "https://kubernetes.default.svc".into()),
            ("service-account-key-file", key.clone()),
            ("service-account-signing-key-file", key),
            ("service-cluster-ip-range", "10.96.0.0/16".into()),
            // No controller makes the default ServiceAccounts that it would ask for.
            ("disable-admission-plugins", "ServiceAccount".into()),
            // It would want an address that is no loopback.
            ("endpoint-reconciler-type", "none".into()),
            ("allow-privileged", "true".into()),
        ];
        let mut command = Command::new(self.assets.api_server());
        command.args(flags.map(|(flag, value)| format!("--{flag}={value}")));
        let server = Process::start("kube-apiserver", &mut command, &self.home.path().join("kube-apiserver.log"))?;
        self.server = Some(server);
        self.until_ready()
    }

    /// Makes etcd forget all but the present: who asks for older versions is told that they are gone. Gives the revision.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn compact(&self) -> Result<u64> {
        let compacted = gateway::revision(self.etcd_address).and_then(|revision| {
            gateway::compact(self.etcd_address, revision)?;
            Ok(revision)
        });
        compacted.map_err(Error::system("compacting", self.assets.etcd()))
    }

    fn until_etcd_answers(&mut self) -> Result<()> {
        until(&mut self.etcd, |_| gateway::revision(self.etcd_address).map_err(|error| error.to_string()))
    }

    fn until_ready(&mut self) -> Result<()> {
        let kubeconfig = self.kubeconfig();
        let Some(server) = &mut self.server else { return Ok(()) };
        until(server, |_| {
            // Not before the server has made its certificate can there be a client.
            let writer = Writer::new(kubeconfig.clone()).map_err(|error| error.to_string())?;
            writer.text("/readyz").map_err(|error| error.to_string())
        })
    }
}

/// Asks until there is an answer.
fn until<T>(process: &mut Process, ask: impl Fn(&Process) -> std::result::Result<T, String>) -> Result<()> {
    let deadline = Instant::now() + START;
    loop {
        let answer = ask(process);
        process.check()?;
        match answer {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(process.error(format!("is not ready after {START:?}: {error}")));
            }
            Err(_) => std::thread::sleep(ASK),
        }
    }
}

fn start_etcd(assets: &Assets, home: &Path, clients: SocketAddr, peers: SocketAddr) -> Result<Process> {
    let [clients, peers] = [clients, peers].map(|address| format!("http://{address}"));
    let mut command = Command::new(assets.etcd());
    command.arg("--data-dir").arg(home.join("etcd")).args([
        // What a test wrote may be lost with the machine.
        "--unsafe-no-fsync",
        "--listen-client-urls",
        &clients,
        "--advertise-client-urls",
        &clients,
        "--listen-peer-urls",
        &peers,
        "--initial-advertise-peer-urls",
        &peers,
        "--initial-cluster",
        &format!("default={peers}"),
    ]);
    Process::start("etcd", &mut command, &home.join("etcd.log"))
}

/// Two ports that nobody has now: both are held while they are looked for, so that they differ.
fn free_ports(address: IpAddr) -> Result<[SocketAddr; 2]> {
    let bind = || TcpListener::bind((address, 0));
    let found = || -> io::Result<[SocketAddr; 2]> {
        let (first, second) = (bind()?, bind()?);
        Ok([first.local_addr()?, second.local_addr()?])
    };
    found().map_err(Error::system("looking for free ports at", address.to_string()))
}

/// A key for the tokens of ServiceAccounts.
fn make_key(path: &Path) -> Result<()> {
    let mut command = Command::new("openssl");
    command.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"]).arg(path);
    let output = command.output().map_err(Error::system("starting", "openssl"))?;
    let failed = || io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned());
    if output.status.success() { Ok(()) } else { Err(Error::system("making a key by openssl in", path)(failed())) }
}

/// A kubeconfig as JSON, which is YAML.
fn kubeconfig(address: SocketAddr, authority: &Path, token: &str) -> String {
    let cluster = json!({ "server": format!("https://{address}"), "certificate-authority": authority });
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "envtest",
        "contexts": [{ "name": "envtest", "context": { "cluster": "envtest", "user": "envtest" } }],
        "clusters": [{ "name": "envtest", "cluster": cluster }],
        "users": [{ "name": "envtest", "user": { "token": token } }],
    })
    .to_string()
}
