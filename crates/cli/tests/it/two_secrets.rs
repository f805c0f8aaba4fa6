//! A client secret that is being replaced: the active one, and the one that is staged to follow.

use std::fs;

use crate::{
    people::people,
    program::Told,
    world::{Project, World},
};

/// A world whose connection has `secrets` in place of its client secret.
fn world(secrets: &str) -> World {
    let (mut world, project) = (World::new(), Project::default());
    world.program.environment.insert("WRONG_SECRET", "an-old-client-secret".to_owned());
    world.write(&project);
    world.write_people(&project, &people(20));
    let path = world.path("outflow.yaml");
    let text = fs::read_to_string(&path).expect("the project that was written");
    let usual = r#"client_secret: "${MC_CLIENT_SECRET}""#;
    assert!(text.contains(usual));
    fs::write(path, text.replace(usual, secrets)).expect("room for a small file");
    world
}

/// What was said, on either stream, and no secret among it.
fn said(told: &Told) -> String {
    let said = format!("{}{}", told.out, told.err);
    assert!(!said.contains("an-old-client-secret"), "{said}");
    said
}

#[track_caller]
fn has(text: &str, wanted: &str) {
    assert!(text.contains(wanted), "`{wanted}` is not in:\n{text}");
}

#[test]
fn the_staged_secret_carries_a_run_once_the_active_one_is_refused() {
    let world = world(r#"client_secret: "${WRONG_SECRET}", staged_client_secret: "${MC_CLIENT_SECRET}""#);
    let told = world.run(0);
    has(&said(&told), "refused `client_secret` of connection `cloud`");
    has(&said(&told), "took `staged_client_secret` in its place");
    assert_eq!(world.rows().len(), 20);
}

#[test]
fn a_secret_that_has_expired_is_told_by_its_day_and_with_the_staged_one() {
    let world = world(r#"client_secret: "${WRONG_SECRET}", client_secret_expires: 2026-01-31, staged_client_secret: "${OUTFLOW_SECRET}""#);
    let told = world.run(1);
    has(&said(&told), "MC-001");
    has(&said(&told), "`client_secret` has expired on 2026-01-31, as the project says");
    has(&said(&told), "(`staged_client_secret`)");
}

#[test]
fn a_check_warns_of_a_secret_that_expires() {
    let world = world(r#"client_secret: "${MC_CLIENT_SECRET}", client_secret_expires: 2026-01-31"#);
    let told = world.program.ends(0, &["check", "--connect"]);
    has(&told.out, "WARNING  connection `cloud` logs in: `client_secret` has expired on 2026-01-31; stage the next one in the package");
}
