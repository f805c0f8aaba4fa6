//! A network whose only way out is a proxy.

use outflow_sandbox::{Options, doors::ProxyOptions};

use crate::{
    people::{self, people},
    world::{ACTIVATION, Project, World},
};

/// A sandbox that also has the service's own host names, behind a proxy; the project uses those.
fn world() -> World {
    let behind = |folder: &std::path::Path| Options { proxy: Some(ProxyOptions::beside(&folder.join("ready.json"))), ..Options::default() };
    let mut world = World::beside(behind);
    let project = Project::default();
    world.write(&project);
    world.write_people(&project, &people(10));
    world.program.environment.insert("MC_AUTH_URL", "https://mc0.auth.marketingcloudapis.com/".to_owned());
    world
}

#[test]
fn the_service_is_reached_through_it() {
    let world = world();
    world.run(0);
    assert_eq!(world.rows(), people::rows(&people(10)));
}

#[test]
fn that_does_not_answer_or_is_no_address_is_told() {
    let mut world = world();
    // A port that was just free.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port");
    world.program.environment.insert("HTTPS_PROXY", nobody.to_string());
    let told = world.program.ends(1, &["run", ACTIVATION]);
    assert!(told.err.contains("error[MC-004]") && told.err.contains(&format!("there is a proxy, {nobody}")), "{}", told.err);
    world.program.environment.insert("HTTPS_PROXY", "http://proxy.example.com:port".to_owned());
    let told = world.program.call(&["run", ACTIVATION]);
    assert!(told.code != Some(0) && told.err.contains("HTTPS_PROXY"), "{}", told.err);
}
