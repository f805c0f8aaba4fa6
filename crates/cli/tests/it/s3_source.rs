//! A model whose files are in a bucket: by a project that says all, and by one that leaves keys and region to the environment.

use std::fs;

use outflow_testkit::servers::{BUCKET, EVERYTHING, Moto, REGION};

use crate::{
    people::people,
    whole_path::walk,
    world::{ACTIVATION, Project, World},
};

fn moto() -> Moto {
    Moto::start(env!("CARGO_TARGET_TMPDIR"), EVERYTHING)
}

/// A world whose table `people` is at this key.
fn world(moto: &Moto, key: &str, access: &str) -> (World, Project) {
    let mut world = World::new();
    world.program.environment.insert("LAKE_ENDPOINT", moto.endpoint());
    world.program.environment.insert("LAKE_KEY", moto.access_key_id.clone());
    world.program.environment.insert("LAKE_SECRET", moto.secret_access_key.clone());
    let source = format!("{{ files: {{ tables: {{ people: {{ path: \"s3://{BUCKET}/{key}\" }} }}, s3: {{ {access} }} }} }}");
    let project = Project { source: Some(source), ..Project::default() };
    world.write(&project);
    (world, project)
}

const ALL: &str =
    "region: eu-central-1, endpoint: \"${LAKE_ENDPOINT}\", access_key_id: \"${LAKE_KEY}\", secret_access_key: \"${LAKE_SECRET}\"";

/// Writes the people as this kind of file and puts it into the bucket.
fn put(moto: &Moto, world: &World, file: &'static str, key: &str, people: &[crate::people::Person]) {
    world.write_people(&Project { file, ..Project::default() }, people);
    moto.put(key, &fs::read(world.path(file)).expect("the file was just written"));
}

#[test]
fn parquet_csv_and_ndjson_by_a_glob_and_by_name() {
    for (file, key, other) in [
        ("people.parquet", "day/*.parquet", Some("day/second.parquet")),
        ("people.csv", "people.csv", None),
        ("people.ndjson", "people.ndjson", None),
    ] {
        let moto = moto();
        let (world, project) = world(&moto, key, ALL);
        let first = key.replace('*', "first");
        walk(&world, &project, |people| match other {
            Some(other) => {
                put(&moto, &world, file, &first, &people[..20]);
                put(&moto, &world, file, other, &people[20..]);
            }
            None => put(&moto, &world, file, &first, people),
        });
    }
}

#[test]
fn what_the_project_leaves_out_comes_from_the_environment() {
    let moto = moto();
    let (mut world, _) = world(&moto, "people.parquet", "endpoint: \"${LAKE_ENDPOINT}\"");
    put(&moto, &world, "people.parquet", "people.parquet", &people(10));
    for (name, value) in
        [("AWS_ACCESS_KEY_ID", &moto.access_key_id), ("AWS_SECRET_ACCESS_KEY", &moto.secret_access_key), ("AWS_REGION", &REGION.to_owned())]
    {
        world.program.environment.insert(name, value.clone());
    }
    world.run(0);
    assert_eq!(world.rows(), crate::people::rows(&people(10)));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let moto = moto();
    let (mut world, project) = world(&moto, "missing.parquet", ALL);
    put(&moto, &world, "people.parquet", "people.parquet", &people(10));
    let mut is_refused = |change: &dyn Fn(&mut World, &mut Project), words: &str| {
        let mut project = project.clone();
        change(&mut world, &mut project);
        world.write(&project);
        let told = world.run(1);
        for word in ["error[SRC-001]", "source `lake`", words] {
            assert!(told.err.contains(word), "`{word}` is missing: {}", told.err);
        }
        assert!(!told.err.contains("Wrong-Secret"), "{}", told.err);
        let checked = world.program.ends(1, &["check", "--connect"]);
        assert!(checked.out.contains("PROBLEM  source `lake` answers") && checked.out.contains(words), "{}", checked.out);
        assert_eq!(world.writing_calls(), []);
        assert_eq!(world.program.call(&["plan", ACTIVATION]).code, Some(1));
    };
    let at = |from: &'static str, to: &'static str| {
        move |_: &mut World, project: &mut Project| project.source = project.source.take().map(|it| it.replace(from, to))
    };
    is_refused(&|_, _| (), "there is no object `s3://loyalty/missing.parquet`");
    is_refused(&at("missing", "missing-*"), "no object matches `s3://loyalty/missing-*.parquet`");
    is_refused(&at("s3://loyalty/missing", "s3://elsewhere/people"), "there is no bucket `elsewhere`");
    let wrong_secret = |world: &mut World, project: &mut Project| {
        world.program.environment.insert("LAKE_SECRET", "Wrong-Secret".into());
        at("missing", "people")(world, project);
    };
    is_refused(&wrong_secret, "is refused: ");
}
