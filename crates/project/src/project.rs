//! A whole project: all its files decoded, and everything that joins two things checked.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use outflow_domain::{Name, Secret};

use crate::{
    activation::{self, Activation},
    connection::{self, Connection},
    context::{Context, Env, Read},
    destination::{self, Destination},
    entries::{Entries, Named},
    files::{self, MAIN_FILE},
    model::{self, Model, Segment},
    nearest::nearest,
    overlap,
    problem::{Code, Problem},
    reference::{Lines, Text},
    shape::{Key, Kind, Shape},
    source::{self, Source},
    sql::Dialect,
    yaml::{Node, Span, parse},
};

/// The least characters of the project's secret: 128 bits as hexadecimal digits.
const SECRET_CHARS_MIN: usize = 32;
const STATE: &str = ".outflow";

pub(crate) static PROJECT: Shape = Shape {
    id: "project",
    what: "a project file",
    about: "A project, or a part of one: every file of a project has these keys.",
    keys: &[
        Key::optional("version", Kind::Integer { min: 1, max: 1 }, "1", "The version of this format. Needed in `outflow.yaml`."),
        Key::with_default(
            "state",
            Kind::Text,
            ".outflow",
            ".outflow",
            "The folder for what is remembered between runs. Only in `outflow.yaml`.",
        ),
        Key::with_default(
            "secret",
            Kind::Secret,
            "file:.outflow/secret",
            "${OUTFLOW_SECRET}",
            "The project's own secret, at least 32 characters, from which the keys of fingerprints are derived. Without it, the file `secret` in the state folder, as `outflow init` writes it. Only in `outflow.yaml`.",
        ),
        Key::optional(
            "connections",
            Kind::Named(&connection::CONNECTION),
            "{marketing-cloud: …}",
            "Business units of Marketing Cloud and their file routes, by name.",
        ),
        Key::optional("sources", Kind::Named(&source::SOURCE), "{crm: …}", "Where rows come from, by name."),
        Key::optional("models", Kind::Named(&model::MODEL), "{customers: …}", "Questions to sources, by name."),
        Key::optional(
            "segments",
            Kind::Named(&model::SEGMENT),
            "{german_customers: …}",
            "Parts of models, by name. A segment cannot have the name of a model.",
        ),
        Key::optional("destinations", Kind::Named(&destination::DESTINATION), "{loyalty: …}", "Data extensions, by name."),
        Key::optional("activations", Kind::Named(&activation::ACTIVATION), "{loyalty: …}", "What is kept in step, by name."),
    ],
    exactly_one: &[],
};

/// A project whose every value is checked. Only [`Project::load`] and [`parse_text`] make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The folder of `outflow.yaml`, where relative paths begin.
    pub folder: PathBuf,
    /// The folder for what is remembered between runs.
    pub state: PathBuf,
    /// The project's own secret, from which keys of fingerprints are derived.
    pub secret: Secret,
    /// Business units and their file routes.
    pub connections: BTreeMap<Name, Connection>,
    /// Where rows come from.
    pub sources: BTreeMap<Name, Source>,
    /// Questions to sources.
    pub models: BTreeMap<Name, Model>,
    /// Parts of models.
    pub segments: BTreeMap<Name, Segment>,
    /// Data extensions.
    pub destinations: BTreeMap<Name, Destination>,
    /// What is kept in step.
    pub activations: BTreeMap<Name, Activation>,
}

/// What an activation asks, of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question<'p> {
    /// The name of the source.
    pub source_name: &'p Name,
    /// The source.
    pub source: &'p Source,
    /// One statement that only reads, without `;` at its end.
    pub sql: String,
    /// The columns that tell the model's rows apart.
    pub primary_key: &'p [String],
}

impl Project {
    /// Reads the project in `folder`: `outflow.yaml` and every `.yaml` or `.yml` below the folders of its sections.
    ///
    /// Nothing is contacted and nothing is written. `env` gives the variables of the environment.
    ///
    /// # Errors
    /// Every problem of the project at once, by file, line and column.
    pub fn load(folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<Problem>> {
        let read = |path: &Path| std::fs::read(path);
        let mut cx = Context::new(folder, env, &read);
        let documents = files::documents(&mut cx);
        finished(decode(&documents, &mut cx), cx)
    }

    /// What an activation asks, of whom.
    ///
    /// # Panics
    /// Never for an activation of this project: its model and source were found when it was loaded.
    #[must_use]
    pub fn question(&self, activation: &Activation) -> Question<'_> {
        let segment = self.segments.get(&activation.from);
        let model = &self.models[segment.map_or(&activation.from, |it| &it.model)];
        let sql = segment.map_or_else(|| model.sql.clone(), |it| it.query(model));
        Question { source_name: &model.source, source: &self.sources[&model.source], sql, primary_key: &model.primary_key }
    }

    /// The destination of an activation, and the connection that leads there.
    ///
    /// # Panics
    /// Never for an activation of this project: both were found when it was loaded.
    #[must_use]
    pub fn route(&self, activation: &Activation) -> (&Destination, &Connection) {
        let destination = &self.destinations[&activation.to];
        (destination, &self.connections[&destination.connection])
    }
}

/// The project that consists of this text as `outflow.yaml`, with no other file anywhere. It touches nothing outside: the place to begin for
/// tests with arbitrary text.
///
/// # Errors
/// Every problem of the text at once.
pub fn parse_text(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Project, Vec<Problem>> {
    let read: Read<'_> = &|_| Err(io::ErrorKind::NotFound.into());
    let mut cx = Context::new(Path::new(""), env as Env<'_>, read);
    let file = cx.add_file(MAIN_FILE.to_owned(), text);
    let documents: Vec<_> = parse(text, file, &mut cx).into_iter().collect();
    finished(decode(&documents, &mut cx), cx)
}

fn finished(project: Option<Project>, cx: Context<'_>) -> Result<Project, Vec<Problem>> {
    let problems = cx.into_problems();
    match project {
        Some(project) if problems.is_empty() => Ok(project),
        _ => Err(problems),
    }
}

/// The entries of one section in all files, each name once.
#[derive(Default)]
struct Section<'n> {
    all: Vec<Named<'n>>,
}

impl<'n> Section<'n> {
    fn add(&mut self, more: Vec<Named<'n>>, what: &str, others: &[&Named<'n>], cx: &mut Context<'_>) {
        for it in more {
            // Names become names of files, and some systems do not tell `A` from `a`.
            let is_same = |other: &&&Named<'_>| other.name.as_str().eq_ignore_ascii_case(it.name.as_str());
            let mut earlier = self.all.iter().chain(others.iter().copied()).filter(|other| is_same(&other));
            match earlier.next().map(|other| other.span) {
                Some(first) => {
                    cx.cover(it.value);
                    let what = format!("there are two {what} named `{}`; the first is at {}", it.name, cx.place(first));
                    cx.report(Code::DuplicateName, it.span, what).hint("rename one of them");
                }
                None => self.all.push(it),
            }
        }
    }

    fn names(&self) -> Vec<Name> {
        self.all.iter().map(|it| it.name.clone()).collect()
    }
}

/// The settings of the whole project.
struct Settings {
    state: PathBuf,
    secret: Secret,
}

#[allow(clippy::too_many_lines)] // One paragraph per section, in the order in which they need one another.
fn decode(documents: &[Node], cx: &mut Context<'_>) -> Option<Project> {
    let mut settings = None;
    let mut connections = Section::default();
    let mut sources = Section::default();
    let mut models = Section::default();
    let mut segments = Section::default();
    let mut destinations = Section::default();
    let mut activations = Section::default();
    for document in documents {
        let start = Span::at(document.span.file, 1, 1);
        let Some(entries) = Entries::open(document, &PROJECT, start, cx) else { continue };
        let is_main = cx.place(start).file == MAIN_FILE;
        let found = self::settings(&entries, is_main, cx);
        settings = settings.or(found);
        connections.add(entries.named("connections", cx), "connections", &[], cx);
        sources.add(entries.named("sources", cx), "sources", &[], cx);
        let others: Vec<_> = segments.all.iter().collect();
        models.add(entries.named("models", cx), "models or segments", &others, cx);
        let others: Vec<_> = models.all.iter().collect();
        segments.add(entries.named("segments", cx), "models or segments", &others, cx);
        destinations.add(entries.named("destinations", cx), "destinations", &[], cx);
        activations.add(entries.named("activations", cx), "activations", &[], cx);
        entries.finish();
    }

    let mut project_connections = BTreeMap::new();
    for named in &connections.all {
        project_connections.extend(connection::connection(named, cx).map(|it| (named.name.clone(), it)));
    }
    let mut project_sources = BTreeMap::new();
    for named in &sources.all {
        project_sources.extend(source::source(named, cx).map(|it| (named.name.clone(), it)));
    }
    let source_names = sources.names();
    let mut project_models: BTreeMap<Name, Model> = BTreeMap::new();
    for named in &models.all {
        let find = |text: &Text, cx: &mut Context<'_>| {
            let name = refer(text, &["source"], &source_names, cx)?;
            let source = project_sources.get(&name);
            Some((name, source))
        };
        project_models.extend(model::model(named, find, cx).map(|it| (named.name.clone(), it)));
    }
    let model_names = models.names();
    let dialect_of = |model: &Name| project_models.get(model).and_then(|it| project_sources.get(&it.source)).map(Source::dialect);
    let mut project_segments = BTreeMap::new();
    for named in &segments.all {
        let find = |text: &Text, cx: &mut Context<'_>| {
            let name = refer(text, &["model"], &model_names, cx)?;
            let dialect = dialect_of(&name).unwrap_or(Dialect::Postgres);
            Some((name, dialect))
        };
        project_segments.extend(model::segment(named, find, cx).map(|it| (named.name.clone(), it)));
    }
    let connection_names = connections.names();
    let mut project_destinations = BTreeMap::new();
    for named in &destinations.all {
        let find = |text: &Text, cx: &mut Context<'_>| refer(text, &["connection"], &connection_names, cx);
        project_destinations.extend(destination::destination(named, find, cx).map(|it| (named.name.clone(), it)));
    }
    let froms: Vec<Name> = model_names.into_iter().chain(segments.names()).collect();
    let destination_names = destinations.names();
    let mut decoded = Vec::new();
    for named in &activations.all {
        let from = |text: &Text, cx: &mut Context<'_>| refer(text, &["model", "segment"], &froms, cx);
        let to = |text: &Text, cx: &mut Context<'_>| {
            let name = refer(text, &["destination"], &destination_names, cx)?;
            Some(project_destinations.get(&name))
        };
        decoded.extend(activation::activation(named, from, to, cx));
    }
    overlap::check(&decoded, &project_destinations, &project_connections, cx);

    let settings = settings?;
    Some(Project {
        folder: cx.folder.to_owned(),
        state: settings.state,
        secret: settings.secret,
        connections: project_connections,
        sources: project_sources,
        models: project_models,
        segments: project_segments,
        destinations: project_destinations,
        activations: decoded.into_iter().map(|it| (it.activation.name().clone(), it.activation)).collect(),
    })
}

/// The name that `text` refers to, if anything has it.
fn refer(text: &Text, kinds: &[&str], names: &[Name], cx: &mut Context<'_>) -> Option<Name> {
    if let Some(found) = names.iter().find(|it| it.as_str() == text.value.trim()) {
        return Some(found.clone());
    }
    if cx.is_incomplete {
        return None; // It may be in a file that could not be decoded, and that has been told.
    }
    let kind = kinds.join(" or ");
    let hint = match nearest(&text.raw, names.iter().map(Name::as_str)) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if names.is_empty() => format!("there is none yet; add it under `{}s`", kinds[0]),
        None => format!("there is {}", names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")),
    };
    cx.report(Code::UnknownReference, text.span, format!("there is no {kind} `{}`", text.raw)).hint(hint);
    None
}

fn settings(entries: &Entries<'_>, is_main: bool, cx: &mut Context<'_>) -> Option<Settings> {
    let span = entries.span;
    if is_main && !entries.has("version") {
        cx.report(Code::Version, span, "the version of the format is missing").hint("begin the file with `version: 1`");
    }
    version(entries, cx);
    let state = entries.text("state", cx).map_or_else(|| STATE.to_owned(), |it| it.value);
    let secret = entries.secret("secret", Lines::One, cx);
    if !is_main {
        for name in ["state", "secret"].into_iter().filter(|it| entries.has(it)) {
            cx.report(Code::Misplaced, entries.span_of(name), format!("`{name}` is a setting of the whole project"))
                .hint(format!("move it to `{MAIN_FILE}`"));
        }
        return None;
    }
    let state = cx.folder.join(state);
    let secret = if entries.has("secret") { secret? } else { default_secret(&state, span, cx)? };
    if secret.expose().chars().count() < SECRET_CHARS_MIN {
        cx.report(
            Code::ProjectSecret,
            entries.span_of("secret"),
            format!("the project's secret has fewer than {SECRET_CHARS_MIN} characters"),
        )
        .hint("make one with `openssl rand -hex 32`");
        return None;
    }
    Some(Settings { state, secret })
}

fn version(entries: &Entries<'_>, cx: &mut Context<'_>) {
    let span = entries.span_of("version");
    match entries.digits("version", cx).as_deref() {
        Some("1") | None => {}
        Some(other) => {
            cx.report(Code::Version, span, format!("version {other} of the format is not known")).hint("this program reads `version: 1`");
        }
    }
}

/// The file that `outflow init` writes.
fn default_secret(state: &Path, span: Span, cx: &mut Context<'_>) -> Option<Secret> {
    let bytes = (cx.read)(&state.join("secret")).ok().and_then(|it| String::from_utf8(it).ok());
    let secret = bytes.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
    if secret.is_none() {
        let what = "the project has no secret: there is no file `secret` in its state folder, and no key `secret`";
        cx.report(Code::ProjectSecret, span, what).hint(
            "if the project has run elsewhere, bring its secret from there; otherwise write one with `openssl rand -hex 32`, and add `secret: ${OUTFLOW_SECRET}` where files are not kept",
        );
    }
    secret.map(Secret::new)
}
