//! A full disk below the state folder, at any page of a run: an error that names the place and the remedy, nothing lost or half-done.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::{
    people::{self, Person, people},
    program::Told,
    small_disk::SmallDisk,
    world::{ACTIVATION, Project, World, activation},
};

/// Room for everything these tests do.
const ROOMY: u64 = 64 << 20;
/// What the room grows by from attempt to attempt.
const STEP: u64 = 12 << 10;

/// A world whose state folder is a disk of its own.
struct Tight {
    world: World,
    project: Project,
    disk: SmallDisk,
}

impl Tight {
    fn new(line: &str) -> Self {
        let mut world = World::new();
        let project = Project { file: "people.ndjson", activation: activation(line), ..Project::default() };
        world.write(&project);
        fs::create_dir(world.state()).expect("the state folder can be made");
        let disk = SmallDisk::mounted_at(&world.state(), ROOMY);
        world.program.starter = disk.starter();
        Self { world, project, disk }
    }

    /// A run with so much room beside what lies there already.
    fn run_with_room(&self, bytes: u64) -> Told {
        self.disk.leave_free(bytes);
        let told = self.world.program.call(&["run", ACTIVATION]);
        self.disk.leave_free(ROOMY);
        told
    }

    /// Files of runs that hold values.
    fn private_files(&self) -> Vec<PathBuf> {
        let spool = self.disk.seen().join("activations").join(ACTIVATION).join("spool");
        let runs = fs::read_dir(spool).into_iter().flatten().flatten();
        runs.flat_map(|it| fs::read_dir(it.path()).into_iter().flatten().flatten().map(|it| it.path())).collect()
    }

    /// Runs over these people with ever more room, until one goes through; what the others ended with, by code.
    #[track_caller]
    fn runs_until_there_is_room(&self, model: impl Fn(i32) -> Vec<Person>) -> BTreeMap<String, u32> {
        let mut seen = BTreeMap::new();
        for attempt in 0.. {
            let people = model(attempt);
            self.world.write_people(&self.project, &people);
            let told = self.run_with_room(attempt as u64 * STEP);
            if told.code == Some(0) {
                self.is_whole(&people);
                break;
            }
            *seen.entry(told_of_the_disk(&told)).or_default() += 1;
            assert!(attempt < 200, "there is never enough room: {}", told.err);
            let told = self.world.program.call(&["run", ACTIVATION]);
            assert_eq!(told.code, Some(0), "after room was made: {}\n{}", told.out, told.err);
            self.is_whole(&people);
        }
        seen
    }

    /// Everyone has arrived, and nothing is left half-done anywhere.
    #[track_caller]
    fn is_whole(&self, people: &[Person]) {
        let world = &self.world;
        assert_eq!(world.rows(), people::rows(people));
        assert_eq!(world.files(), Vec::<String>::new(), "no file stays at the route");
        assert_eq!(self.private_files(), Vec::<PathBuf>::new(), "no private file stays");
        assert_eq!(world.status()["open"], serde_json::Value::Array(Vec::new()));
        let plan = world.program.json(0, &["plan", ACTIVATION, "--detailed-exitcode"]);
        assert_eq!(plan["has_changes"], false, "{plan}");
    }
}

/// The code of an error that names the state folder and what to do.
#[track_caller]
fn told_of_the_disk(told: &Told) -> String {
    assert_eq!(told.code, Some(1), "{}\n{}", told.out, told.err);
    let code = told.err.split("error[").nth(1).and_then(|it| it.split(']').next()).unwrap_or_default().to_owned();
    let of_the_disk = ["DISK-001", "BASE-002", "BASE-003", "LED-003"];
    assert!(of_the_disk.contains(&code.as_str()), "{}", told.err);
    assert!(told.err.contains("the disk is full") && told.err.contains("/.outflow/"), "{}", told.err);
    assert!(!told.err.contains("could not be recorded"), "a full disk is told once: {}", told.err);
    code
}

/// Every page of a first run, of a second, and of those after refused attempts, is once the one for which there is no room.
#[test]
fn wherever_the_room_ends() {
    for import in ["import: rest", "import: soap"] {
        let tight = Tight::new(&format!("{import}\n    part_size: 8kB"));
        let of_day = |attempt: i32| {
            let mut model = people(200);
            model.iter_mut().for_each(|it| it.points += attempt);
            model
        };
        let seen = tight.runs_until_there_is_room(of_day);
        assert!(seen.contains_key("LED-003") && seen.contains_key("DISK-001"), "too few places were short of room: {seen:?}");
    }
}

/// The rows as CSV do not fit: nothing has been sent when that shows.
#[test]
fn while_parts_are_written() {
    let tight = Tight::new("import: rest");
    let model = people(20_000);
    tight.world.write_people(&tight.project, &model);
    let told = tight.run_with_room(512 << 10);
    assert_eq!(told_of_the_disk(&told), "DISK-001", "{}", told.err);
    assert!(told.err.contains("the private file `part-0001.csv` in `") && told.err.contains("No space left on device"), "{}", told.err);
    assert_eq!(tight.world.writing_calls(), []);
    assert_eq!(tight.private_files(), Vec::<PathBuf>::new());
    tight.world.run(0);
    tight.is_whole(&model);
}

/// The rows have arrived, and the next baseline does not fit beside the old one: the old one counts, until the next run advances it.
#[test]
fn while_the_next_baseline_is_written() {
    let tight = Tight::new("import: rest");
    let mut model = people(20_000);
    tight.world.write_people(&tight.project, &model);
    tight.world.run(0);
    // So many changes that the whole baseline is written anew, 24 bytes a row, and so few that their files take less.
    model[..1_500].iter_mut().for_each(|it| it.points += 1);
    tight.world.write_people(&tight.project, &model);
    let mut room = 128 << 10;
    let told = loop {
        let told = tight.run_with_room(room);
        told_of_the_disk(&told);
        // Before there is room for the next base, there is none for a part or for its rows in doubt.
        if told.err.contains("the segment `base-") {
            break told;
        }
        room += 64 << 10;
    };
    assert!(told.err.contains("No space left on device"), "{}", told.err);
    assert_eq!(tight.world.rows(), people::rows(&model));
    tight.world.forget_calls();
    tight.world.run(0);
    assert_eq!(tight.world.writing_calls(), [], "what has arrived is not sent again");
    tight.is_whole(&model);
}

/// Not a single page is left: commands that only look do so, or say why they cannot.
#[test]
fn for_commands_that_only_look() {
    let tight = Tight::new("import: rest");
    tight.world.write_people(&tight.project, &people(10));
    tight.world.run(0);
    tight.disk.leave_free(0);
    for arguments in [&["plan", ACTIVATION][..], &["status"], &["runs"]] {
        let told = tight.world.program.call(arguments);
        if told.code != Some(0) {
            told_of_the_disk(&told);
        }
    }
    for arguments in [&["run", ACTIVATION][..], &["baseline", "rebuild", ACTIVATION, "--from", "destination"]] {
        told_of_the_disk(&tight.world.program.call(arguments));
    }
    tight.disk.leave_free(ROOMY);
    tight.world.run(0);
    tight.is_whole(&people(10));
}

/// The signal of a limit (`ulimit -f`) would end the program without a word.
#[test]
fn a_file_that_may_not_grow_is_an_error_with_its_remedy() {
    let people = people(5_000);
    let mut world = World::of(&people);
    world.program.starter = ["bash", "-c", "ulimit -f 200; exec \"$0\" \"$@\""].map(Into::into).into();
    let told = world.program.call(&["run", ACTIVATION]);
    assert_eq!(told.code, Some(1), "{}\n{}", told.out, told.err);
    assert!(told.err.contains("error[DISK-001]") && told.err.contains("raise the limit (`ulimit -f`)"), "{}", told.err);
    assert_eq!(told.err.matches("error[").count(), 1, "one error is one error: {}", told.err);
    world.program.starter.clear();
    world.run(0);
    assert_eq!(world.rows(), people::rows(&people));
}
