//! `kill -9` at every event of a run and between them: the next run settles what was started, and nothing is lost or doubled.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    people::{self, Person, people, person},
    program::Program,
    world::{ACTIVATION, Project, World, activation},
};

/// So small that 200 people make several parts.
pub const PARTS: &str = "import: rest\n    part_size: 5kB";

/// The people of the second day: everyone has changed, twenty have joined.
fn second_day() -> Vec<Person> {
    let mut model = people(220);
    for person in &mut model {
        person.points += 7;
    }
    model
}

/// The program with a log of all that it records.
pub fn loud(world: &World) -> Program {
    let mut program = world.program.clone();
    program.environment.insert("OUTFLOW_LOG", "debug".into());
    program
}

/// Where a run is killed: at the nth line of its log that contains the text.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    pub text: &'static str,
    pub n: usize,
}

/// A world in which runs are ended before their time.
pub struct Days {
    pub world: World,
    pub project: Project,
}

impl Days {
    pub fn new(line: &str) -> Self {
        let world = World::new();
        let project = Project { file: "people.ndjson", activation: activation(line), ..Project::default() };
        world.write(&project);
        Self { world, project }
    }

    /// A run over these people that is killed at the point, and one that goes on from there; whether the first was still alive.
    #[track_caller]
    fn survives(&self, point: Point, people: &[Person], expected: &[Person]) -> bool {
        let Self { world, project } = self;
        world.write_people(project, people);
        let mut running = loud(world).start(&["run", ACTIVATION]);
        let was_alive = running.says(point.text, point.n);
        running.kill();
        self.goes_on(point, expected);
        was_alive
    }

    /// A run that goes on from where another one ended, to the end that all runs should have.
    #[track_caller]
    pub fn goes_on(&self, point: Point, expected: &[Person]) {
        let world = &self.world;
        let told = world.program.call(&["run", ACTIVATION]);
        assert_eq!(told.code, Some(0), "{point:?}\n{}\n{}", told.out, told.err);
        assert_eq!(world.rows(), people::rows(expected), "{point:?}");
        assert_eq!(world.files(), Vec::<String>::new(), "{point:?}: no file stays at the route");
        assert_eq!(world.spool_files(), Vec::<std::path::PathBuf>::new(), "{point:?}: no private file stays");
        self.every_part_came_to_one_end(point);
        world.history_is_named(&format!("{point:?}"));
    }

    /// Each part that was ever planned was settled once, or dropped once before it was started.
    #[track_caller]
    fn every_part_came_to_one_end(&self, point: Point) {
        let world = &self.world;
        let status = world.status();
        assert_eq!(status["open"], Value::Array(Vec::new()), "{point:?}: {status}");
        assert_eq!(world.program.ends(0, &["plan", ACTIVATION, "--detailed-exitcode"]).code, Some(0), "{point:?}: nothing is left to do");
        let runs = world.program.json(0, &["runs"]);
        for run in runs["runs"].as_array().expect("runs are listed") {
            let events = world.program.json(0, &["runs", run["run"].as_str().expect("a run has a name")]);
            let mut ends: BTreeMap<u64, u32> = BTreeMap::new();
            for event in events["events"].as_array().expect("events are listed") {
                let name = event["event"].as_str().expect("an event has a name");
                if name == "planned" {
                    let parts = event["manifest"]["parts"].as_array().expect("a manifest has parts");
                    ends.extend(parts.iter().filter_map(|it| it["part"].as_u64()).map(|it| (it, 0)));
                }
                if matches!(name, "part_settled" | "part_dropped") {
                    *ends.entry(event["part"].as_u64().expect("a part has a number")).or_default() += 1;
                }
            }
            assert!(ends.values().all(|&it| it == 1), "{point:?}: {run}: {ends:?}");
        }
    }
}

/// Log lines of a run that nobody disturbs.
pub fn lines(days: &Days, people: &[Person]) -> Vec<String> {
    days.world.write_people(&days.project, people);
    let told = loud(&days.world).ends(0, &["run", ACTIVATION]);
    told.err.lines().map(str::to_owned).collect()
}

/// Events each, and `more` lines that lie evenly between them.
fn points(lines: &[String], more: usize) -> Vec<Point> {
    let events = lines.iter().filter(|it| it.contains(RECORDING)).count();
    let at_events = (1..=events).map(|n| Point { text: RECORDING, n });
    let between = (0..more).map(|it| Point { text: "", n: 1 + it * lines.len() / more });
    at_events.chain(between).collect()
}

/// What the log says of every event.
pub const RECORDING: &str = "recording";

/// Kills first runs at every `stride`th point from `first` on, and second runs too.
fn kill_at(first: usize, stride: usize) {
    let quiet = Days::new(PARTS);
    let (of_first_day, of_second_day) = (lines(&quiet, &people(200)), lines(&quiet, &second_day()));
    let points: Vec<(Point, Point)> = points(&of_first_day, 10).into_iter().zip(points(&of_second_day, 10)).collect();
    assert!(points.len() * 2 >= 50, "a run has too few points: {}", points.len());
    let mut alive = 0;
    for &(one, other) in points.iter().skip(first).step_by(stride) {
        let days = Days::new(PARTS);
        alive += u32::from(days.survives(one, &people(200), &people(200)));
        alive += u32::from(days.survives(other, &second_day(), &second_day()));
    }
    assert!(alive > 0, "no run was killed in its course");
}

#[test]
fn kill_9_at_even_points() {
    kill_at(0, 2);
}

#[test]
fn kill_9_at_odd_points() {
    kill_at(1, 2);
}

#[test]
fn kill_9_of_an_import_definition_under_way() {
    for event in ["import_started", "import_ended", "part_settled"] {
        let days = Days::new("import: soap\n    part_size: 5kB");
        assert!(days.survives(Point { text: event, n: 2 }, &people(200), &people(200)));
    }
}

#[test]
fn a_model_that_moves_on_while_a_run_lies_dead_is_what_counts() {
    let days = Days::new(PARTS);
    let world = &days.world;
    world.write_people(&days.project, &people(200));
    let mut running = loud(world).start(&["run", ACTIVATION]);
    assert!(running.says("import_started", 2));
    running.kill();
    let mut model = people(200);
    model[0].points = 1;
    model[199].points = 2;
    model.push(person(200));
    world.write_people(&days.project, &model);
    world.run(0);
    assert_eq!(world.rows(), people::rows(&model));
}
