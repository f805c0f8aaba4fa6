//! A PostgreSQL database.

use std::path::PathBuf;

use outflow_domain::Secret;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::{
    address::{host, is_loopback_host},
    context::Context,
    entries::Entries,
    nearest::nearest,
    problem::Code,
    reference::{Lines, Text, expand, is_whole_reference},
    shape::{Key, Kind, Shape},
};

pub(crate) static POSTGRES: Shape = Shape {
    id: "postgres",
    what: "a PostgreSQL source",
    about: "A PostgreSQL database, by its parts or by `url`.",
    keys: &[
        Key::optional("host", Kind::Text, "db.example.com", "The server's name or address, or the folder of its socket."),
        Key::with_default("port", Kind::Integer { min: 1, max: 65_535 }, "5432", "5432", "The server's port."),
        Key::optional("database", Kind::Text, "crm", "The database. Needed beside `host`."),
        Key::optional("user", Kind::Text, "outflow", "The role; one that can only read is best. Needed beside `host`."),
        Key::optional("password", Kind::Secret, "${PG_PASSWORD}", "The role's password, where the server asks for one."),
        Key::optional(
            "sslmode",
            Kind::Choice(&["disable", "prefer", "require", "verify-full"]),
            "verify-full",
            "How the connection is encrypted: `prefer` does it where the server can, `require` insists, `verify-full` also checks the server's certificate and name. Without it: `verify-full` where `root_cert` is given, `prefer` for this machine, `require` for any other.",
        ),
        Key::optional(
            "root_cert",
            Kind::Text,
            "certs/db-ca.pem",
            "A file with the certificate authority to trust instead of the system's, in PEM; used by `verify-full`.",
        ),
        Key::optional(
            "url",
            Kind::Text,
            "${DATABASE_URL}",
            "All of it as `postgres://user:password@host:port/database?sslmode=…`. A password in it must come from `${…}`.",
        ),
    ],
    exactly_one: &[&["host", "url"]],
};

/// How to reach a PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// The server's name or address, or the folder of its socket (begins with `/`).
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// The role's password.
    pub password: Option<Secret>,
    /// How the connection is encrypted.
    pub tls: TlsMode,
    /// A file with the certificate authority to trust instead of the system's.
    pub root_cert: Option<PathBuf>,
}

/// How a connection to PostgreSQL is encrypted, by the names of libpq (<https://www.postgresql.org/docs/current/libpq-ssl.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsMode {
    /// Not at all.
    Disable,
    /// Where the server can.
    Prefer,
    /// Always, whatever certificate the server has.
    Require,
    /// Always, with the server's certificate and name checked.
    VerifyFull,
}

impl TlsMode {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// The parts that may come from keys or from the address.
#[derive(Default)]
struct Parts {
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    user: Option<String>,
    password: Option<Secret>,
    tls: Option<TlsMode>,
    root_cert: Option<PathBuf>,
}

pub(crate) fn postgres(entries: Entries<'_>, cx: &mut Context<'_>) -> Option<Postgres> {
    let keys = Parts {
        host: entries.text("host", cx).and_then(|it| if it.value.starts_with('/') { Some(it.value) } else { host(&it, cx) }),
        port: entries.integer("port", cx).and_then(|it| u16::try_from(it).ok()),
        database: entries.text("database", cx).map(|it| it.value),
        user: entries.text("user", cx).map(|it| it.value),
        password: entries.secret("password", Lines::One, cx),
        tls: entries.choice("sslmode", cx).and_then(TlsMode::of),
        root_cert: entries.text("root_cert", cx).map(|it| cx.folder.join(it.value)),
    };
    let has_url = entries.has("url");
    let address = entries.text("url", cx).and_then(|it| parts_of_url(&it, cx));
    if address.is_none() {
        entries.cover("url", cx); // Whatever is wrong with it, there may be a password in it.
    }
    let span = entries.span;
    for name in ["port", "database", "user"] {
        if has_url && entries.has(name) {
            cx.report(Code::Conflict, entries.span_of(name), format!("`{name}` is part of `url`"))
                .hint("write it there, or all parts without `url`");
        }
    }
    if !has_url {
        for name in ["database", "user"].into_iter().filter(|it| !entries.has(it)) {
            let example = POSTGRES.key(name).map_or("", |it| it.example);
            cx.report(Code::MissingKey, span, format!("a PostgreSQL source needs `{name}` beside `host`"))
                .hint(format!("add `{name}: {example}`"));
        }
    }
    let parts = if has_url { joined(keys, address?, &entries, cx) } else { keys };
    if let (Some(_), Some(tls)) = (&parts.root_cert, parts.tls)
        && tls != TlsMode::VerifyFull
    {
        cx.report(Code::Conflict, entries.span_of("root_cert"), "`root_cert` is only used by `sslmode: verify-full`")
            .hint("choose `verify-full`, or remove `root_cert`");
    }
    entries.finish();
    let host = parts.host?;
    let is_here = host.starts_with('/') || is_loopback_host(&host);
    let tls = match (parts.tls, &parts.root_cert) {
        (Some(tls), _) => tls,
        (None, Some(_)) => TlsMode::VerifyFull,
        (None, None) if is_here => TlsMode::Prefer,
        (None, None) => TlsMode::Require,
    };
    let port = parts.port.unwrap_or(5432);
    Some(Postgres { host, port, database: parts.database?, user: parts.user?, password: parts.password, tls, root_cert: parts.root_cert })
}

/// What the address tells, and beside it the keys that may stand there.
fn joined(keys: Parts, address: Parts, entries: &Entries<'_>, cx: &mut Context<'_>) -> Parts {
    let twice = [
        ("password", keys.password.is_some() && address.password.is_some()),
        ("sslmode", keys.tls.is_some() && address.tls.is_some()),
        ("root_cert", keys.root_cert.is_some() && address.root_cert.is_some()),
    ];
    for (name, _) in twice.into_iter().filter(|(_, is_twice)| *is_twice) {
        cx.report(Code::Conflict, entries.span_of(name), format!("`{name}` is given here and in `url`")).hint("keep one of them");
    }
    Parts {
        password: address.password.or(keys.password),
        tls: address.tls.or(keys.tls),
        root_cert: address.root_cert.or(keys.root_cert),
        ..address
    }
}

fn parts_of_url(text: &Text, cx: &mut Context<'_>) -> Option<Parts> {
    let is_secret = is_whole_reference(text.raw.trim());
    // An address that is written out is taken apart first and its variables are replaced afterwards: a password may hold `@` and `/`.
    let source = if is_secret { &text.value } else { &text.raw };
    let shown = if is_secret { text.raw.trim() } else { "this" };
    let url = Url::parse(source.trim()).ok().filter(|it| matches!(it.scheme(), "postgres" | "postgresql"));
    let Some(url) = url.filter(|it| it.fragment().is_none()) else {
        cx.report(Code::Address, text.span, format!("{shown} is not an address of a PostgreSQL database"))
            .hint("write `postgres://user:${PASSWORD}@host:5432/database`");
        return None;
    };
    let mut part = |encoded: &str| {
        let decoded = percent_decode_str(encoded).decode_utf8_lossy().into_owned();
        if is_secret { Some(decoded) } else { expand(&decoded, text.span, false, cx) }
    };
    let host = url.host_str().map(|it| it.trim_matches(['[', ']']).to_owned()).and_then(|it| part(&it)).filter(|it| !it.is_empty());
    let user = part(url.username()).filter(|it| !it.is_empty());
    let database = part(url.path().trim_start_matches('/')).filter(|it| !it.is_empty());
    let password = url.password().and_then(&mut part).filter(|it| !it.is_empty()).map(Secret::new);
    let has_literal_password = url.password().is_some_and(|it| !is_whole_reference(&percent_decode_str(it).decode_utf8_lossy()));
    if !is_secret && has_literal_password {
        cx.report(Code::LiteralSecret, text.span, "the password stands in the address itself")
            .hint("write `postgres://user:${PASSWORD}@host/database`; change it where it was valid, since files are copied and kept");
        return None;
    }
    for (name, _) in [("host", host.is_some()), ("user", user.is_some()), ("database", database.is_some())].iter().filter(|(_, it)| !it) {
        cx.report(Code::MissingKey, text.span, format!("the address has no {name}"))
            .hint("write `postgres://user:${PASSWORD}@host:5432/database`");
    }
    if host.is_none() || user.is_none() || database.is_none() {
        return None;
    }
    let mut parts = Parts { host, port: url.port(), database, user, password, ..Parts::default() };
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "sslmode" if TlsMode::of(&value).is_some() => parts.tls = TlsMode::of(&value),
            "sslrootcert" => parts.root_cert = Some(cx.folder.join(value.as_ref())),
            "sslmode" => {
                cx.report(Code::InvalidValue, text.span, "the address has an unknown `sslmode`")
                    .hint("it takes `disable`, `prefer`, `require` or `verify-full`");
            }
            other => {
                let known = ["sslmode", "sslrootcert"];
                let hint = nearest(other, known.into_iter())
                    .map_or("it takes `sslmode` and `sslrootcert`".into(), |it| format!("did you mean `{it}`?"));
                let what = if is_secret {
                    "the address has a parameter that is not known".into()
                } else {
                    format!("the address has a parameter `{other}`, which is not known")
                };
                cx.report(Code::UnknownKey, text.span, what).hint(hint);
            }
        }
    }
    Some(parts)
}
