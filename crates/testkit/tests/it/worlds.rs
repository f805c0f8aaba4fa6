//! Many worlds. `OUTFLOW_WORLDS` sets how many, `OUTFLOW_FIRST_SEED` where they begin, `OUTFLOW_SEED` lives a single one and tells its story.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use outflow_testkit::world::{World, shrink};

/// How many worlds the test run lives through.
const WORLDS: u64 = 20_000;

#[allow(clippy::disallowed_methods, reason = "a test reads how it is wanted")]
fn wanted(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|it| it.parse().ok())
}

/// Broken worlds that are told in full.
const STORIES: usize = 3;

/// Worlds that are lived to make a broken one small.
const SHRINKS: u32 = 300;

fn live(seed: u64) -> Result<(), Box<dyn FnOnce() -> String + Send>> {
    match catch_unwind(AssertUnwindSafe(|| World::of_seed(seed).live())) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(broken)) => Err(Box::new(move || shrink(broken, None, SHRINKS).to_string())),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            Err(Box::new(move || format!("world {seed} panicked: {}", said.unwrap_or_default())))
        }
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "a replay tells how it ended")]
fn every_world_comes_out_right() {
    if let Some(seed) = wanted("OUTFLOW_SEED") {
        live(seed).unwrap_or_else(|story| panic!("{}", story()));
        eprintln!("world {seed} came out right");
        return;
    }
    let worlds = wanted("OUTFLOW_WORLDS").unwrap_or(WORLDS);
    let first = wanted("OUTFLOW_FIRST_SEED").unwrap_or(0);
    let next = AtomicU64::new(first);
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let mut broken = thread::scope(|scope| {
        let live_some = || {
            let mut broken = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed - first >= worlds || broken.len() > 20 {
                    return broken;
                }
                if let Err(story) = live(seed) {
                    broken.push((seed, story));
                }
            }
        };
        let living: Vec<_> = (0..threads).map(|_| scope.spawn(live_some)).collect();
        living.into_iter().flat_map(|it| it.join().unwrap_or_default()).collect::<Vec<_>>()
    });
    broken.sort_by_key(|(seed, _)| *seed);
    let seeds: Vec<u64> = broken.iter().map(|(seed, _)| *seed).collect();
    let stories: Vec<String> = broken.into_iter().take(STORIES).map(|(_, story)| story()).collect();
    assert!(
        seeds.is_empty(),
        "{} worlds went wrong, such as {seeds:?}; some, made small:\n{}\nreplay one with `./x replay {}`",
        seeds.len(),
        stories.join("\n"),
        seeds[0]
    );
}
