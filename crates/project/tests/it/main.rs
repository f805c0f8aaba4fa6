//! What projects must be, and how mistakes in them are told.

mod arbitrary;
mod good;
mod init;
mod mistakes;
mod schema;

/// The environment of every test. Values that must never be printed contain `MARKER`.
fn env(name: &str) -> Option<String> {
    let value = match name {
        "OUTFLOW_SECRET" => "MARKER-0123456789abcdef0123456789abcdef",
        "CLIENT_ID" => "client",
        "CLIENT_SECRET" => "MARKER-client-secret",
        "PASSPHRASE" => "MARKER-passphrase",
        "DATABASE_URL" => "postgres://ada:MARKER%40x@db.example.com:6432/crm?sslmode=verify-full&sslrootcert=ca.pem",
        "SHORT" => "MARKER-short",
        "CONTROL" => "MARKER\u{7}",
        "STAGE" => "test",
        "PORT" => "2222",
        "EMPTY" => "",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Whether expectations are to be rewritten instead of compared.
fn is_blessing() -> bool {
    std::env::var_os("OUTFLOW_BLESS").is_some()
}
