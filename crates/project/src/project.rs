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
    entries::Entries,
    files::{self, MAIN_FILE},
    model::{self, Model, Segment},
    nearest::nearest,
    overlap,
    problem::{Code, Problem},
    reference::{Lines, Text},
    sections::Sections,
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

/// What a project is without the values that stand elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The folder for what is remembered between runs.
    pub state: PathBuf,
    /// The names of all activations, in order.
    pub activations: Vec<Name>,
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

    /// What can be told of the project in `folder` where values stand elsewhere and are not there: variables of the environment, files of secrets. A
    /// person who looks after runs need not have every secret of them.
    ///
    /// # Errors
    /// Every other problem of the project at once; where the name of the state folder stands elsewhere, all that are of this kind.
    pub fn outline(folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Outline, Vec<Problem>> {
        let problems = match Self::load(folder, env) {
            Ok(Self { state, activations, .. }) => return Ok(Outline { state, activations: activations.into_keys().collect() }),
            Err(problems) => problems,
        };
        let (elsewhere, others): (Vec<_>, Vec<_>) =
            problems.into_iter().partition(|it| matches!(it.code, Code::MissingVariable | Code::SecretFile));
        if !others.is_empty() {
            return Err(others);
        }
        let read = |path: &Path| std::fs::read(path);
        let mut cx = Context::new(folder, env, &read);
        let documents = files::documents(&mut cx);
        let (sections, _) = gather(&documents, &mut cx);
        let state = documents.iter().find_map(|it| state_of(it, &mut cx)).ok_or(elsewhere)?;
        let mut activations = sections.activations.names();
        activations.sort();
        Ok(Outline { state, activations })
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

/// Decodes in the order in which the sections need one another, so that each reference is checked where it stands.
fn decode(documents: &[Node], cx: &mut Context<'_>) -> Option<Project> {
    let (sections, settings) = gather(documents, cx);

    let connections = sections.connections.decode(cx, connection::connection);
    let sources = sections.sources.decode(cx, source::source);

    let names = sections.sources.names();
    let source_of = |text: &Text, cx: &mut Context<'_>| refer(text, &["source"], &names, cx).map(|it| (it.clone(), sources.get(&it)));
    let models = sections.models.decode(cx, |it, cx| model::model(it, source_of, cx));

    let model_names = sections.models.names();
    let dialect_of = |model: &Name| models.get(model).and_then(|it| sources.get(&it.source)).map(Source::dialect);
    let model_of = |text: &Text, cx: &mut Context<'_>| {
        let name = refer(text, &["model"], &model_names, cx)?;
        let dialect = dialect_of(&name).unwrap_or(Dialect::Postgres);
        Some((name, dialect))
    };
    let segments = sections.segments.decode(cx, |it, cx| model::segment(it, model_of, cx));

    let names = sections.connections.names();
    let connection_of = |text: &Text, cx: &mut Context<'_>| refer(text, &["connection"], &names, cx);
    let destinations = sections.destinations.decode(cx, |it, cx| destination::destination(it, connection_of, cx));

    let names: Vec<Name> = model_names.iter().cloned().chain(sections.segments.names()).collect();
    let from = |text: &Text, cx: &mut Context<'_>| refer(text, &["model", "segment"], &names, cx);
    let names = sections.destinations.names();
    let to = |text: &Text, cx: &mut Context<'_>| refer(text, &["destination"], &names, cx).map(|it| destinations.get(&it));
    let activations = sections.activations.decode(cx, |it, cx| activation::activation(it, from, to, cx));
    overlap::check(&activations, &destinations, &connections, cx);

    let settings = settings?;
    let activations = activations.into_iter().map(|(name, it)| (name, it.activation)).collect();
    let (folder, Settings { state, secret }) = (cx.folder.to_owned(), settings);
    Some(Project { folder, state, secret, connections, sources, models, segments, destinations, activations })
}

/// The entries of all files, and the settings of the whole project.
fn gather<'n>(documents: &'n [Node], cx: &mut Context<'_>) -> (Sections<'n>, Option<Settings>) {
    let (mut all, mut settings) = (Sections::default(), None);
    for document in documents {
        let start = Span::at(document.span.file, 1, 1);
        let Some(entries) = Entries::open(document, &PROJECT, start, cx) else { continue };
        let is_main = cx.place(start).file == MAIN_FILE;
        let found = self::settings(&entries, is_main, cx);
        settings = settings.or(found);
        all.connections.add(entries.named("connections", cx), "connections", None, cx);
        all.sources.add(entries.named("sources", cx), "sources", None, cx);
        all.models.add(entries.named("models", cx), "models or segments", Some(&all.segments), cx);
        all.segments.add(entries.named("segments", cx), "models or segments", Some(&all.models), cx);
        all.destinations.add(entries.named("destinations", cx), "destinations", None, cx);
        all.activations.add(entries.named("activations", cx), "activations", None, cx);
        entries.finish();
    }
    (all, settings)
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

/// The settings of the whole project.
struct Settings {
    state: PathBuf,
    secret: Secret,
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

/// The state folder, as the main file says; `None` of other files, and where a variable in its name is not set.
fn state_of(document: &Node, cx: &mut Context<'_>) -> Option<PathBuf> {
    let start = Span::at(document.span.file, 1, 1);
    let entries = Entries::open(document, &PROJECT, start, cx).filter(|_| cx.place(start).file == MAIN_FILE)?;
    let state = if entries.has("state") { entries.text("state", cx)?.value } else { STATE.to_owned() };
    Some(cx.folder.join(state))
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
        let is_there = !matches!((cx.read)(state), Err(error) if error.kind() == io::ErrorKind::NotFound);
        let place = if is_there { "no file `secret` in its state folder" } else { "no state folder, whose file `secret` would have it" };
        let what = format!("the project has no secret: there is {place}, and no key `secret`");
        cx.report(Code::ProjectSecret, span, what).hint(
            "if the state folder is on a disk of its own, see that it is mounted; if the project has run elsewhere, bring its secret from there; otherwise write one with `openssl rand -hex 32`, and add `secret: ${OUTFLOW_SECRET}` where files are not kept",
        );
    }
    secret.map(Secret::new)
}
