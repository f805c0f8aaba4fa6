//! `outflow-guard`: guards the speed of the hot loops by counting their instructions, never by time.
//!
//! Each loop runs in a process of its own below valgrind's callgrind, which counts only what happens inside of [`counted`]. What comes out
//! per row is compared with `instructions.txt`. A count is the same on every run, as data and hash keys come from fixed numbers and there is
//! one thread; what could make it differ between machines is told in [`callgrind`].
//!
//! A count says nothing about waiting for memory: `./x bench` measures time. It catches what a timed test in a busy CI cannot, a loop that
//! has got a few per cent more to do.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program talks to people")]

mod callgrind;
mod data;
mod loops;
mod table;

use std::{collections::BTreeMap, env, error::Error, fs, path::PathBuf, process::ExitCode};

use loops::LOOPS;
use table::Table;

const USAGE: &str = "usage: outflow-guard [--record]";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => compare(),
        ["--record"] => record().map(|()| true),
        ["--loop", name] => run(name).map(|()| true),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line for each loop, and says whether each is as recorded.
fn compare() -> Result<bool, Box<dyn Error>> {
    let path = table_path();
    let recorded = fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}; {}", path.display(), table::RECORD))?;
    let recorded = Table::parse(&recorded).map_err(|error| format!("{}: {error}; {}", path.display(), table::RECORD))?;
    let compiler = callgrind::compiler()?;
    if !callgrind::counts_are_comparable() {
        println!("note: counts are recorded for x86-64 with AVX2, which this machine is not; nothing was compared");
        return Ok(true);
    }
    let verdicts = recorded.compare(&count_all()?);
    verdicts.iter().for_each(|it| println!("{it}"));
    let is_well = verdicts.iter().all(|it| it.is_well());
    if !is_well && recorded.compiler != compiler {
        println!("note: recorded with {}, and this is {compiler}; another compiler may count otherwise", recorded.compiler);
    }
    Ok(is_well)
}

/// Counts every loop, and writes down what came out.
fn record() -> Result<(), Box<dyn Error>> {
    if !callgrind::counts_are_comparable() {
        return Err("counts are recorded on x86-64 with AVX2, which this machine is not".into());
    }
    let counted = Table { compiler: callgrind::compiler()?, per_row: count_all()? };
    fs::write(table_path(), counted.to_text())?;
    print!("{}", counted.to_text());
    Ok(())
}

fn count_all() -> Result<BTreeMap<String, f64>, Box<dyn Error>> {
    LOOPS.iter().map(|(name, _)| Ok(((*name).to_owned(), callgrind::count(name)?))).collect()
}

/// One loop, once; prints its rows for the process that counts.
fn run(name: &str) -> Result<(), Box<dyn Error>> {
    let (_, prepare) = LOOPS.iter().find(|it| it.0 == name).ok_or_else(|| format!("there is no loop `{name}`"))?;
    let mut prepared = prepare()?;
    counted(&mut *prepared.work);
    println!("{}", prepared.rows);
    Ok(())
}

/// What happens in here is counted. Never inlined, so that callgrind finds it by its name.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
    // Not a jump to `work`, which would leave this function before its work is done.
    std::hint::black_box(());
}

fn table_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.txt")
}
