//! Counting with valgrind's callgrind.
//!
//! Some code picks its instructions by the processor when it runs: `memchr`, `crc32c`, and the C library's copying. valgrind shows a program
//! a processor of its own making, which is the same on every host that has AVX2, so their choice is the same there too; other hosts are not
//! compared. The C library's version can still matter: the loops call it to copy texts into CSV and blocks into files, a few instructions
//! in a hundred. Memory comes from the system's allocator, since the loops hardly ask for any.

use std::{
    env,
    error::Error,
    process::{Command, Output},
};

/// Whether this machine counts as the one did that the counts were recorded on.
pub fn counts_are_comparable() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// The compiler that built this, by its version.
pub fn compiler() -> Result<String, Box<dyn Error>> {
    let output = Command::new("rustc").arg("--version").current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    let version = String::from_utf8(output.stdout)?;
    // Without commit and day, which say no more.
    Ok(version.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// Instructions per row of a loop, counted in a process of its own.
pub fn count(name: &str) -> Result<f64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=outflow_guard::counted*"])
        .arg(env::current_exe()?)
        .args(["--loop", name])
        .output()
        .map_err(|error| format!("valgrind cannot be started: {error}; install it with `apt-get install valgrind`"))?;
    let (rows, instructions) = read(&output).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("callgrind did not count the loop `{name}` ({}):\n{said}", output.status)
    })?;
    Ok(instructions as f64 / rows as f64)
}

/// Rows, from what the loop printed, and instructions, from what callgrind says at its end. No instruction at all means that callgrind has
/// not found the function to count.
fn read(output: &Output) -> Option<(u64, u64)> {
    let rows = std::str::from_utf8(&output.stdout).ok()?.trim().parse().ok()?;
    let told = String::from_utf8_lossy(&output.stderr);
    let collected = told.lines().find_map(|it| it.split_once("Collected :")).map(|it| it.1.trim().parse().ok())??;
    (output.status.success() && rows > 0 && collected > 0).then_some((rows, collected))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

    use super::*;

    fn check(status: i32, stdout: &str, stderr: &str, wanted: Option<(u64, u64)>) {
        let output = Output { status: ExitStatus::from_raw(status), stdout: stdout.into(), stderr: stderr.into() };
        assert_eq!(read(&output), wanted);
    }

    #[test]
    fn the_count_stands_in_callgrinds_last_words() {
        let said = "==7== Events    : Ir\n==7== Collected : 81920\n==7==\n==7== I   refs:      81,920\n";
        check(0, "8192\n", said, Some((8192, 81920)));
    }

    #[test]
    fn a_loop_that_was_not_counted_is_no_loop_without_instructions() {
        check(0, "8192\n", "==7== Collected : 0\n", None);
        check(0, "8192\n", "", None);
        check(0, "", "==7== Collected : 81920\n", None);
        check(256, "8192\n", "==7== Collected : 81920\n", None);
    }
}
