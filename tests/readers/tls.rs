//! TLS clients that prove who they are with the key on the card, through OpenSSL's PKCS#11 engine.

use std::path::PathBuf;

use anyhow::ensure;
use tsm_tests::readers::said;

use crate::desk::Desk;
use crate::provisioned::{Provisioned, provisioned};

#[test]
fn tls_clients_log_in_with_the_key_on_the_card() -> anyhow::Result<()> {
    let Provisioned {
        card,
        pin,
        authority,
        ..
    } = provisioned()?;
    let desk = Desk::with(card)?;
    desk.write_authority(&authority)?;
    desk.read_certificate("1", "auth")?;
    desk.run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "srv.key",
            "-out",
            "srv.pem",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ],
    )?;
    let server = Server::start(&desk)?;
    let uri = format!(
        "pkcs11:token=JPKI%20%28User%20Authentication%20PIN%29;id=%01;type=private?pin-value={pin}"
    );

    let address = format!("localhost:{}", server.port);
    let engine = ["-engine", "pkcs11", "-keyform", "engine", "-key", &uri];
    let mut client = desk.readers.command("openssl");
    client
        .args(["s_client", "-connect", &address, "-tls1_2"])
        .args(["-client_sigalgs", "RSA+SHA256", "-CAfile", "srv.pem"])
        .args(engine)
        .args(["-cert", "auth.pem", "-verify_return_error"])
        .env("PKCS11_MODULE_PATH", &desk.module);
    let output = client.output()?;
    let client_said = said(&output);
    ensure!(output.status.success(), "{client_said}\n{}", server.log()?);
    ensure!(
        client_said.contains("Verify return code: 0"),
        "{client_said}"
    );

    desk.write("tls12.cnf", TLS12)?;
    let page = format!("https://{address}/");
    let mut curl = desk.readers.command("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--cacert",
        "srv.pem",
        "--engine",
        "pkcs11",
    ])
    .args(["--key-type", "ENG", "--key", &uri, "--cert", "auth.pem"])
    .args(["--tls-max", "1.2", &page])
    .env("OPENSSL_CONF", desk.file("tls12.cnf"))
    .env("PKCS11_MODULE_PATH", &desk.module);
    let output = curl.output()?;
    let page = said(&output);
    ensure!(output.status.success(), "{page}\n{}", server.log()?);
    ensure!(page.contains("Client certificate"), "{page}");
    ensure!(!page.contains("no client certificate"), "{page}");

    // Without the card's key nobody gets in.
    let mut stranger = desk.readers.command("curl");
    stranger.args(["--silent", "--show-error", "--cacert", "srv.pem"]);
    stranger.args(["--tls-max", "1.2", &format!("https://{address}/")]);
    let output = stranger.output()?;
    ensure!(!output.status.success(), "{}", said(&output));
    Ok(())
}

/// TLS 1.2 clients that sign with PKCS#1 v1.5 only: the driver has no PSS.
const TLS12: &str = "\
openssl_conf = a
[a]
ssl_conf = b
[b]
system_default = c
[c]
ClientSignatureAlgorithms = RSA+SHA256
SignatureAlgorithms = RSA+SHA256
";

/// A server that demands a certificate of the authority. Ends when dropped.
struct Server {
    process: std::process::Child,
    port: u16,
    log: PathBuf,
}

impl Server {
    fn start(desk: &Desk) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let log = desk.file("server.log");
        let output = std::fs::File::create(&log)?;
        let mut command = std::process::Command::new("openssl");
        command
            .current_dir(desk.readers.folder())
            .args(["s_server", "-accept", &port.to_string()])
            .args(["-cert", "srv.pem", "-key", "srv.key", "-CAfile", "ca.pem"])
            .args(["-Verify", "2", "-verify_return_error", "-www", "-tls1_2"])
            .stdin(std::process::Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let process = command.spawn()?;
        let server = Self { process, port, log };
        for _ in 0..500 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        anyhow::bail!("the server does not start: {}", server.log()?)
    }

    fn log(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
