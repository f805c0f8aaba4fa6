//! Makes a broken world small, so that a person can read it.

use super::{Broken, Event, Script, World};
use crate::sabotage::Sabotage;

/// The smallest script found that still breaks the same rule, after at most `lives_max` further worlds.
#[must_use]
pub fn shrink(broken: Box<Broken>, sabotage: Option<Sabotage>, lives_max: u32) -> Box<Broken> {
    let mut smallest = broken;
    let mut lives = 0;
    loop {
        let mut is_smaller = false;
        let mut at = 0;
        while let Some(script) = simpler(&smallest.script, at) {
            if lives == lives_max {
                return smallest;
            }
            lives += 1;
            let world = World::of_script(script);
            let world = match sabotage {
                Some(it) => world.sabotaged(it),
                None => world,
            };
            match world.live() {
                // What was tried stands at the same place now; the next try follows it.
                Err(again) if again.rule == smallest.rule => (smallest, is_smaller) = (again, true),
                _ => at += 1,
            }
        }
        if !is_smaller {
            return smallest;
        }
    }
}

/// The script with its `at`-th simplification, if there are so many.
fn simpler(script: &Script, at: usize) -> Option<Script> {
    let mut tries = Vec::new();
    for number in 0..script.events.len() {
        let mut without = script.clone();
        without.events.remove(number);
        tries.push(without);
    }
    for (number, event) in script.events.iter().enumerate() {
        let mut put = |event: Event| {
            let mut changed = script.clone();
            changed.events[number] = event;
            tries.push(changed);
        };
        match event {
            Event::Model(rows) if !rows.is_empty() => {
                let (one, other) = rows.split_at(rows.len() / 2);
                put(Event::Model(other.to_vec()));
                if !one.is_empty() {
                    put(Event::Model(one.to_vec()));
                }
                if rows.len() > 2 {
                    put(Event::Model(rows[1..].to_vec()));
                }
            }
            Event::Run { options, crash_after: Some(_) } => put(Event::Run { options: options.clone(), crash_after: None }),
            _ => {}
        }
    }
    tries.into_iter().nth(at)
}
