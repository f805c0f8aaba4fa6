//! No customer value is left outside of a run's private files, and no secret anywhere.

use std::fs;

use outflow_sandbox::model::{ImportFault, When};

use crate::{
    people::{Person, people, truncate},
    program::Told,
    world::{ACTIVATION, Project, World, activation},
};

/// Stands in every value, also in those that are refused.
const MARKER: &str = "zqxjkv";

/// People whose every text bears the marker, whose numbers are one too.
fn marked(count: u32) -> Vec<Person> {
    let mut model = people(count);
    for (at, it) in model.iter_mut().enumerate() {
        it.id = format!("{MARKER}-{at:04}");
        it.email = format!("{MARKER}.{at}@{MARKER}.example.com");
        it.name = format!("{MARKER} {}", it.name);
        it.points = MARKED_POINTS;
        it.tier = MARKER;
    }
    // One that we refuse, one that the service may, one that comes twice.
    model[1].name = MARKER.repeat(20);
    model[2].email = format!("{MARKER}@@{MARKER}");
    let twin = model[3].clone();
    model.push(Person { name: format!("{MARKER} twin"), ..twin });
    model
}

const MARKED_POINTS: i32 = 1_874_920_563;

struct Watched {
    world: World,
    project: Project,
}

impl Watched {
    fn new(line: &str) -> Self {
        let mut world = World::new();
        world.program.environment.insert("OUTFLOW_LOG", "debug".into());
        let project = Project { file: "people.ndjson", activation: activation(line), ..Project::default() };
        world.write(&project);
        world.write_people(&project, &marked(40));
        Self { world, project }
    }

    /// Nothing of what was told bears the marker or a secret.
    #[track_caller]
    fn told(&self, told: &Told) {
        self.is_clean("standard output", told.out.as_bytes());
        self.is_clean("standard error", told.err.as_bytes());
    }

    #[track_caller]
    fn call(&self, arguments: &[&str]) -> Told {
        let told = self.world.program.call(arguments);
        self.told(&told);
        told
    }

    /// Every file of the state folder but private ones of runs.
    #[track_caller]
    fn state(&self) {
        let private = self.world.spool_files();
        let files: Vec<_> = self.world.state_files().into_iter().filter(|it| !private.contains(it)).collect();
        assert!(!files.is_empty());
        for path in files {
            self.is_clean(&path.display().to_string(), &fs::read(&path).expect("a file of the state folder"));
        }
    }

    #[track_caller]
    fn is_clean(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        let environment = &self.world.program.environment;
        let secrets = ["MC_CLIENT_SECRET", "MC_SFTP_PASSWORD", "MC_S3_SECRET", "OUTFLOW_SECRET"].map(|it| environment[it].to_lowercase());
        let points = MARKED_POINTS.to_string();
        let wide: Vec<u8> = MARKER.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let values = [MARKER, points.as_str()].into_iter().chain(secrets.iter().map(String::as_str));
        for value in values {
            let at = text.find(value).map(|at| text[..at].lines().count());
            let line = at.and_then(|at| text.lines().nth(at.saturating_sub(1)));
            assert_eq!(line, None, "`{value}` stands in {place}");
        }
        assert!(!bytes.windows(wide.len()).any(|it| it == wide), "the marker stands in {place}, in UTF-16");
    }

    /// All that tells of past runs.
    #[track_caller]
    fn afterwards(&self) {
        for arguments in [
            &["status"][..],
            &["runs"],
            &["rejects", ACTIVATION],
            &["rejects", ACTIVATION, "--output", "json"],
            &["plan", ACTIVATION],
            &["plan", ACTIVATION, "--output", "json"],
        ] {
            self.call(arguments);
        }
        let runs = self.world.program.json(0, &["runs"]);
        for run in runs["runs"].as_array().expect("runs are listed") {
            let name = run["run"].as_str().expect("a run has a name");
            self.call(&["runs", name]);
            self.call(&["runs", name, "--output", "json"]);
        }
        self.state();
    }
}

#[test]
fn after_runs_that_go_well_or_are_refused_in_part() {
    for line in ["import: rest", "import: soap"] {
        let watched = Watched::new(line);
        let fault = ImportFault::RejectRows { rows: vec![7, 9], keys: vec![], code: "InvalidEmailAddress".into() };
        watched.world.fault(When { times: Some(1), ..When::default() }, fault);
        assert_eq!(watched.call(&["run", ACTIVATION]).code, Some(3));
        assert_eq!(watched.call(&["run", ACTIVATION, "--output", "json"]).code, Some(3));
        assert_eq!(watched.world.spool_files(), Vec::<std::path::PathBuf>::new());
        watched.afterwards();
    }
}

#[test]
fn after_runs_that_stay_in_doubt() {
    let watched = Watched::new("import: rest");
    watched.world.fault(When { times: Some(1), ..When::default() }, ImportFault::StopAfterRows { rows: 3 });
    assert_eq!(watched.call(&["run", ACTIVATION]).code, Some(4));
    watched.afterwards();
}

#[test]
fn after_a_crash_and_the_run_that_goes_on_from_it() {
    for event in ["transferred", "import_started", "part_settled"] {
        let watched = Watched::new("import: rest\n    part_size: 1kB");
        let mut running = watched.world.program.start(&["run", ACTIVATION]);
        assert!(running.says(&format!("event=\"{event}\""), 2));
        let lines = running.kill();
        watched.is_clean("standard error", lines.join("\n").as_bytes());
        watched.state();
        assert_eq!(watched.call(&["run", ACTIVATION]).code, Some(3));
        assert_eq!(watched.world.spool_files(), Vec::<std::path::PathBuf>::new());
        watched.afterwards();
    }
}

#[test]
fn private_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let watched = Watched::new("import: rest\n    part_size: 1kB");
    let mut running = watched.world.program.start(&["run", ACTIVATION]);
    assert!(running.says("event=\"import_started\"", 1));
    running.kill();
    let private = watched.world.spool_files();
    assert!(!private.is_empty(), "a killed run leaves private files for the next one");
    for path in private {
        let mode = |path: &std::path::Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), path.parent().map(mode)), (0o600, Some(0o700)), "{}", path.display());
    }
}

#[test]
fn in_no_error() {
    let watched = Watched::new("import: rest");
    let path = watched.world.path(watched.project.file);
    let whole = fs::metadata(&path).expect("the model").len();
    truncate(&path, whole - 20);
    assert_eq!(watched.call(&["run", ACTIVATION]).code, Some(1));

    // A text where SQL casts to a number; errors of query engines like to quote it.
    watched.world.write_people(&watched.project, &marked(10));
    let sql = "SELECT id, email, CAST(name AS INT) AS points, name, CAST(born AS DATE) AS born, tier FROM people".to_owned();
    watched.world.write(&Project { sql, ..watched.project.clone() });
    assert_eq!(watched.call(&["run", ACTIVATION]).code, Some(1));
    watched.state();
}

#[test]
fn in_no_error_about_csv() {
    let watched = Watched::new("import: rest");
    let project = Project { file: "people.csv", ..watched.project.clone() };
    watched.world.write(&project);
    watched.world.write_people(&project, &marked(40));
    let path = watched.world.path(project.file);
    let text = fs::read_to_string(&path).expect("the model");
    for broken in
        [text.replace(&format!("{MARKER}-0020,"), &format!("{MARKER},{MARKER},")), text[..text.len() - 60].to_owned() + "\"" + MARKER]
    {
        fs::write(&path, broken).expect("the model can be spoilt");
        assert_eq!(watched.call(&["run", ACTIVATION]).code, Some(1));
    }
}

/// Where rows that leave are flagged, their keys are stored: encrypted.
#[test]
fn beside_keys_that_are_stored() {
    let mut watched = Watched::new("on_exit: { flag: { field: IsMember, value: false, present: true } }");
    watched.project.destination = ", fields: { IsMember: Boolean }";
    watched.world.write(&watched.project);
    assert_eq!(watched.call(&["run", ACTIVATION]).code, Some(3));
    let stored =
        || watched.world.state_files().into_iter().filter(|it| it.file_name().is_some_and(|it| it.to_string_lossy().starts_with("keys")));
    assert_eq!(stored().count(), 1);
    watched.afterwards();
    watched.world.write_people(&watched.project, &marked(30));
    assert_eq!(watched.call(&["run", ACTIVATION]).code, Some(3));
    let flagged = watched.world.rows().into_values().filter(|it| it["IsMember"].as_deref() == Some("False")).count();
    assert_eq!(flagged, 10);
    watched.afterwards();
}
