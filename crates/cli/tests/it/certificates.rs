//! A server that cannot prove who it is gets no secret: not Marketing Cloud's client secret, not a database's password.

use std::{
    fs,
    io::{Read, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, Stream,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{
    people::{self, people},
    postgres::Server,
    program::Told,
    world::{ACTIVATION, Project, World},
};

/// An authority of its own, and a certificate that it signed; all of it PEM.
struct Certificates {
    authority: String,
    certificate: String,
    key: String,
}

impl Certificates {
    fn of(name: &str) -> Self {
        Self::changed(name, |_| ())
    }

    fn changed(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).expect("plain parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let mut certificate = CertificateParams::new(vec![name.to_owned()]).expect("a host name");
        change(&mut certificate);
        let certificate = certificate.signed_by(&key, &authority).expect("a certificate");
        Self { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn server(&self) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("PEM");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("key and certificate belong together");
        Arc::new(config)
    }
}

/// TLS before the sandbox's tokens, as the service has it: what clients said once TLS stood is passed on, and remembered.
struct Front {
    port: u16,
    said: Arc<Mutex<Vec<u8>>>,
    server: Option<JoinHandle<()>>,
}

impl Front {
    fn before(world: &World, certificates: &Certificates) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let auth = world.program.environment["MC_AUTH_URL"].clone();
        let behind = auth.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (config, said) = (certificates.server(), Arc::new(Mutex::new(Vec::new())));
        let heard = Arc::clone(&said);
        let server = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection that says nothing at all is the end of the test.
                if stream.peek(&mut [0]).is_ok_and(|bytes| bytes == 0) {
                    return;
                }
                // A client that turns away during the handshake is what these tests are about.
                let _ = pass_on(stream, &config, &behind, &heard);
            }
        });
        Self { port, said, server: Some(server) }
    }

    /// What was said under TLS.
    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().expect("nobody panics with it")).into_owned()
    }
}

/// One request under TLS, and its answer.
fn pass_on(mut client: TcpStream, config: &Arc<ServerConfig>, behind: &str, heard: &Mutex<Vec<u8>>) -> std::io::Result<()> {
    let mut tls = ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
    let mut secured = Stream::new(&mut tls, &mut client);
    let request = read_message(&mut secured, |it| heard.lock().expect("nobody panics with it").extend_from_slice(it))?;
    if request.is_empty() {
        return Ok(());
    }
    // Not shut down for writing: a server may take that for a client that has gone, and leave the answer out.
    let mut server = TcpStream::connect(behind)?;
    server.write_all(&request)?;
    secured.write_all(&read_message(&mut server, |_| ())?)?;
    secured.conn.send_close_notify();
    secured.flush()
}

/// Reads one request or answer, or what there is of it; `see` gets each piece at once.
fn read_message(from: &mut impl Read, see: impl Fn(&[u8])) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    let mut bytes = [0; 4096];
    while !is_whole(&message) {
        let read = from.read(&mut bytes)?;
        see(&bytes[..read]);
        message.extend_from_slice(&bytes[..read]);
        if read == 0 {
            break;
        }
    }
    Ok(message)
}

/// Whether head and body are there.
fn is_whole(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(message).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|it| it.strip_prefix("content-length:")).and_then(|it| it.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = TcpStream::connect(("127.0.0.1", self.port)).map(|it| it.shutdown(Shutdown::Both));
        let _ = self.server.take().map(JoinHandle::join);
    }
}

/// A world whose tokens are behind TLS with these certificates; whoever wishes trusts their authority.
fn behind_tls(certificates: &Certificates, is_trusted: bool) -> (World, Front) {
    let mut world = World::of(&people(10));
    let front = Front::before(&world, certificates);
    world.program.environment.insert("MC_AUTH_URL", format!("https://localhost:{}/", front.port));
    if is_trusted {
        let path = world.path("authority.pem");
        fs::write(&path, &certificates.authority).expect("the authority can be written");
        world.program.environment.insert("SSL_CERT_FILE", path.display().to_string());
    }
    (world, front)
}

/// Nothing but a handshake has taken place.
#[track_caller]
fn is_turned_away(world: &World, front: &Front, told: &Told, words: &[&str]) {
    assert_eq!(told.code, Some(1), "{}\n{}", told.out, told.err);
    for word in words {
        assert!(told.err.contains(word), "`{word}` is missing: {}", told.err);
    }
    assert_eq!(front.heard(), "", "something was said to a server that proved nothing");
    assert_eq!(world.journal(), [], "no call has arrived");
    assert!(!told.err.contains(&world.program.environment["MC_CLIENT_SECRET"]));
}

#[test]
fn marketing_cloud_of_an_unknown_authority() {
    let (world, front) = behind_tls(&Certificates::of("localhost"), false);
    let told = world.program.call(&["run", ACTIVATION]);
    is_turned_away(
        &world,
        &front,
        &told,
        &["error[MC-004]", "the certificate of `localhost` does not verify", "nothing was sent", "SSL_CERT_FILE"],
    );
    assert_eq!(world.spool_files(), Vec::<std::path::PathBuf>::new());
    let checked = world.program.ends(1, &["check", "--connect"]);
    assert!(checked.out.contains("PROBLEM  connection `cloud` logs in: ") && checked.out.contains("does not verify"), "{}", checked.out);
}

#[test]
fn marketing_cloud_under_another_name() {
    let (world, front) = behind_tls(&Certificates::of("elsewhere.example"), true);
    let told = world.program.call(&["run", ACTIVATION]);
    is_turned_away(&world, &front, &told, &["error[MC-004]", "the certificate of `localhost` does not verify", "elsewhere.example"]);
}

#[test]
fn marketing_cloud_with_a_certificate_that_has_run_out() {
    let expired = Certificates::changed("localhost", |it| {
        it.not_before = rcgen::date_time_ymd(2020, 1, 1);
        it.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let (world, front) = behind_tls(&expired, true);
    let told = world.program.call(&["run", ACTIVATION]);
    is_turned_away(&world, &front, &told, &["error[MC-004]", "the certificate of `localhost` does not verify", "expired"]);
}

/// What the three before lack is trust alone.
#[test]
fn marketing_cloud_that_is_trusted_is_served() {
    let (world, front) = behind_tls(&Certificates::of("localhost"), true);
    world.run(0);
    assert_eq!(world.rows(), people::rows(&people(10)));
    assert!(front.heard().contains(&world.program.environment["MC_CLIENT_SECRET"]), "the login went through TLS");
}

mod postgresql {
    use super::*;

    const PASSWORD: &str = "correct-horse-battery-staple";

    /// A server that asks for a password in the clear, and a project that trusts `authority`.
    fn world(certificates: &Certificates, authority: &str) -> (Server, World) {
        let options = "-c ssl=on -c ssl_cert_file=FOLDERserver.crt -c ssl_key_file=FOLDERserver.key -c log_connections=on";
        let logins = "hostssl all all 127.0.0.1/32 password\nhost all all 127.0.0.1/32 trust\n";
        let key = ("server.key", certificates.key.as_str());
        let server = Server::start_with(options, &[("server.crt", &certificates.certificate), key, ("data/pg_hba.conf", logins)]);
        server.hold(&people(10));
        server.sql(&format!("ALTER ROLE app PASSWORD '{PASSWORD}'"));
        let mut world = World::new();
        fs::write(world.path("db-ca.pem"), authority).expect("the authority can be written");
        world.program.environment.insert("PG_PASSWORD", PASSWORD.to_owned());
        let source = format!(
            "{{ postgres: {{ host: localhost, port: {}, database: postgres, user: app, password: \"${{PG_PASSWORD}}\", sslmode: verify-full, root_cert: db-ca.pem }} }}",
            server.port
        );
        world.write(&Project { source: Some(source), ..Project::default() });
        (server, world)
    }

    /// Logins that the server has seen come to their end.
    fn logins(server: &Server) -> usize {
        let log = fs::read_to_string(server.path("log")).expect("the server's log");
        log.lines().filter(|it| it.contains("connection authorized") && it.contains("application_name=outflow")).count()
    }

    #[test]
    fn of_an_unknown_authority_or_under_another_name() {
        let stranger = Certificates::of("localhost").authority;
        let elsewhere = Certificates::of("elsewhere.example");
        let own = Certificates::of("localhost");
        for (certificates, authority) in [(&own, &stranger), (&elsewhere, &elsewhere.authority)] {
            let (server, world) = world(certificates, authority);
            let told = world.program.call(&["run", ACTIVATION]);
            assert_eq!(told.code, Some(1), "{}", told.err);
            for word in ["error[SRC-001]", "`lake`", "certificate", "root_cert"] {
                assert!(told.err.contains(word), "`{word}` is missing: {}", told.err);
            }
            assert!(!told.err.contains(PASSWORD));
            assert_eq!((logins(&server), world.writing_calls()), (0, Vec::new()));
        }
    }

    #[test]
    fn that_is_trusted_is_read() {
        let own = Certificates::of("localhost");
        let (server, world) = world(&own, &own.authority);
        world.run(0);
        assert_eq!(world.rows(), people::rows(&people(10)));
        assert!(logins(&server) > 0);
    }
}
