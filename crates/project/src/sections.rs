//! The entries of all files of a project, section by section, before they are decoded.

use std::collections::BTreeMap;

use outflow_domain::Name;

use crate::{context::Context, entries::Named, problem::Code};

/// All sections.
#[derive(Default)]
pub(crate) struct Sections<'n> {
    pub connections: Section<'n>,
    pub sources: Section<'n>,
    pub models: Section<'n>,
    pub segments: Section<'n>,
    pub destinations: Section<'n>,
    pub activations: Section<'n>,
}

/// The entries of one section, each name once.
#[derive(Default)]
pub(crate) struct Section<'n> {
    entries: Vec<Named<'n>>,
}

impl<'n> Section<'n> {
    /// Adds entries of one file; a name that is here, or in the section it shares its names with, is a problem.
    pub fn add(&mut self, more: Vec<Named<'n>>, what: &str, shared_with: Option<&Self>, cx: &mut Context<'_>) {
        for it in more {
            let other = shared_with.and_then(|other| other.find(&it.name));
            match self.find(&it.name).or(other).map(|first| first.span) {
                Some(first) => {
                    cx.cover(it.value);
                    let what = format!("there are two {what} named `{}`; the first is at {}", it.name, cx.place(first));
                    cx.report(Code::DuplicateName, it.span, what).hint("rename one of them");
                }
                None => self.entries.push(it),
            }
        }
    }

    /// Names become names of files, and some systems do not tell `A` from `a`.
    fn find(&self, name: &Name) -> Option<&Named<'n>> {
        self.entries.iter().find(|it| it.name.as_str().eq_ignore_ascii_case(name.as_str()))
    }

    /// Every name, also of what cannot be decoded: whoever refers to it makes no mistake.
    pub fn names(&self) -> Vec<Name> {
        self.entries.iter().map(|it| it.name.clone()).collect()
    }

    /// What the entries mean, without those that have problems.
    pub fn decode<'c, T>(&self, cx: &mut Context<'c>, decode: impl Fn(&Named<'n>, &mut Context<'c>) -> Option<T>) -> BTreeMap<Name, T> {
        self.entries.iter().filter_map(|it| Some((it.name.clone(), decode(it, cx)?))).collect()
    }
}
