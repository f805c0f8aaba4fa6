//! The facts, by what they are about.

mod arrows;
mod code;
mod dependencies;
mod documents;

use crate::workspace::Workspace;

/// Something that must be true of the repository.
pub struct Fact {
    /// What is true.
    pub text: &'static str,
    /// Each place where it is not, with what to do.
    pub breaches: fn(&Workspace) -> Vec<String>,
}

/// Every fact.
pub const ALL: &[Fact] = &[
    Fact { text: "crates depend on each other as ARCHITECTURE.md draws it", breaches: arrows::between_our_crates },
    Fact { text: "heavy and worldly crates stay where they belong", breaches: arrows::to_other_crates },
    Fact { text: "Arrow, DataFusion, object_store, reqwest and rustls come in one version", breaches: dependencies::one_version },
    Fact { text: "every dependency has a licence we take", breaches: dependencies::licences },
    Fact { text: "every dependency comes from a registry, and none is banned", breaches: dependencies::sources_and_bans },
    Fact { text: "every crate takes the lints of the workspace", breaches: code::lints },
    Fact { text: "`unsafe` stands in two modules", breaches: code::two_unsafe_modules },
    Fact { text: "only the program looks at its arguments, environment and terminal", breaches: code::only_the_program_looks_around },
    Fact { text: "nothing is left to do, and no test is ignored", breaches: code::nothing_unfinished },
    Fact { text: "tests wait for something, never for a while", breaches: code::no_fixed_sleeps },
    Fact { text: "no file is longer than 700 lines", breaches: code::file_lengths },
    Fact { text: "links between documents lead somewhere", breaches: documents::links },
    Fact { text: "every error code has its page, and every page its code", breaches: documents::error_pages },
];
