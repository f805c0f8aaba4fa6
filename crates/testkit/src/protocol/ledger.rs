//! The real fold of the real events, asked once for each different question.

use std::collections::HashMap;

use outflow_domain::{
    Activation, ActivationState, BaselineRef, DataExtension, Evidence, Field, FieldType, FieldWish, Identity, ImportCounts, ImportId,
    ImportOrder, ImportRoute, ImportStatus, InsertMode, Manifest, Mapping, ModelColumn, ModelType, Name, ObjectId, OutcomeCounts, PartPlan,
    PartStage, PlanId, Purpose, Route, RunEvent, RunId, RunRecord, RunResult, SegmentRef, TableWish,
};

use super::state::{End, KEYS, Rows, Settings, Value, letters};

/// An event, as small as a step of the model needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    Started,
    Planned { rows: Rows },
    TransferStarting,
    Transferred,
    ImportStarting { rows: Rows },
    ImportStarted { import: u8 },
    ImportNotStarted { closed: bool },
    ImportEnded { end: End },
    Settled { confirmed: Updates, doubt: Rows },
    Dropped,
    Advanced { base: Rows, merged: bool },
    Abandoned,
    Ended { result: Ended },
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ended {
    Well,
    Blocked,
    Failed,
}

/// What a confirmed segment says of each key.
pub(super) type Updates = [Said; KEYS];

/// What a confirmed segment says of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Said {
    #[default]
    Nothing,
    Put(Value),
    Drop,
}

/// What the engine reads from a ledger.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub base: Rows,
    pub confirmed: Vec<Updates>,
    pub parts: Vec<Part>,
}

/// An open part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub run: u8,
    pub rows: Rows,
    pub doubt: Option<Rows>,
    pub stage: Stage,
    pub is_abandoned: bool,
    pub is_not_started: bool,
    pub may_be_running: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Planned,
    Moving,
    Starting,
    Started { import: u8 },
    Ended { end: End },
    Unresolved,
}

impl View {
    pub fn part(&self, run: u8) -> Option<&Part> {
        self.parts.iter().find(|it| it.run == run)
    }

    pub fn in_doubt(&self, key: usize) -> bool {
        self.parts.iter().any(|it| it.doubt.is_some_and(|rows| rows[key].is_some()))
    }

    /// The baseline once all that is confirmed has been merged in.
    pub fn merged(&self) -> Rows {
        let mut base = self.base;
        for (key, said) in self.confirmed.iter().flat_map(|it| it.iter().enumerate()) {
            match said {
                Said::Nothing => {}
                Said::Put(value) => base[key] = Some(*value),
                Said::Drop => base[key] = None,
            }
        }
        base
    }
}

/// Every ledger met so far, by number; 0 is the empty one.
#[derive(Debug)]
pub(super) struct Ledgers {
    states: Vec<ActivationState>,
    views: Vec<View>,
    numbers: HashMap<String, u32>,
    folded: HashMap<(u32, u8, Fact), Result<u32, &'static str>>,
    mapping: Box<Mapping>,
    identity: Identity,
    settings: Settings,
}

impl Ledgers {
    pub fn new(settings: &Settings) -> Self {
        let mut ledgers = Self {
            states: Vec::new(),
            views: Vec::new(),
            numbers: HashMap::new(),
            folded: HashMap::new(),
            mapping: Box::new(mapping()),
            identity: Identity { tenant: "tenant".into(), data_extension: Some(ObjectId("members".into())), key: None, fields: [].into() },
            settings: settings.clone(),
        };
        ledgers.number(ActivationState::default());
        ledgers
    }

    pub fn view(&self, ledger: u32) -> &View {
        &self.views[ledger as usize]
    }

    /// Different ledgers and different events folded so far.
    pub fn len(&self) -> (usize, usize) {
        (self.states.len(), self.folded.len())
    }

    /// Appends an event of a run.
    pub fn append(&mut self, ledger: u32, run: u8, fact: Fact) -> Result<u32, &'static str> {
        if let Some(known) = self.folded.get(&(ledger, run, fact)) {
            return *known;
        }
        let mut state = self.states[ledger as usize].clone();
        let record = RunRecord { activation: name(), run: run_id(run), at_ms: 0, event: self.event(&state, run, fact) };
        let folded = match state.apply(&record) {
            Ok(()) => Ok(self.number(state)),
            Err(impossible) => Err(impossible.why),
        };
        self.folded.insert((ledger, run, fact), folded);
        folded
    }

    fn number(&mut self, mut state: ActivationState) -> u32 {
        // Counters and the past have no part in what may follow: without them the ledgers are finitely many.
        state.events = 0;
        state.baseline.version = 0;
        state.generation = 0;
        state.last_ended = None;
        state.last_success_ms = None;
        let text = serde_json::to_string(&state).unwrap_or_else(|error| unreachable!("a ledger's state is JSON: {error}"));
        let next = self.states.len() as u32;
        let number = *self.numbers.entry(text).or_insert(next);
        if number == next {
            self.views.push(view(&state));
            self.states.push(state);
        }
        number
    }

    fn event(&self, state: &ActivationState, run: u8, fact: Fact) -> RunEvent {
        let part = 1;
        let import_of = |import: u8| ImportId { route: self.settings.route, id: import.to_string() };
        match fact {
            Fact::Started => RunEvent::Started { full: false, purpose: Purpose::Run },
            Fact::Planned { rows } => RunEvent::Planned {
                manifest: Box::new(self.manifest(run, &rows)),
                mapping: self.mapping.clone(),
                identity: self.identity.clone(),
            },
            Fact::TransferStarting => RunEvent::TransferStarting { part },
            Fact::Transferred => RunEvent::Transferred { part },
            Fact::ImportStarting { rows } => RunEvent::ImportStarting { part, newest: None, doubt: segment(letters(&rows)), keys: None },
            Fact::ImportStarted { import } => RunEvent::ImportStarted { part, import: import_of(import) },
            Fact::ImportNotStarted { closed } => {
                RunEvent::ImportNotStarted { part, code: "no".into(), closed: closed.then_some(self.settings.route) }
            }
            Fact::ImportEnded { end } => RunEvent::ImportEnded { part, status: status(end) },
            Fact::Settled { confirmed, doubt } => RunEvent::PartSettled {
                part,
                // The fold does not ask what told.
                evidence: Evidence::ReadBack,
                outcomes: OutcomeCounts::default(),
                confirmed: (confirmed != Updates::default()).then(|| segment(updates_letters(&confirmed))),
                doubt: (doubt != Rows::default()).then(|| segment(letters(&doubt))),
            },
            Fact::Dropped => RunEvent::PartDropped { part },
            Fact::Advanced { base, merged } => RunEvent::BaselineAdvanced {
                baseline: BaselineRef {
                    version: state.baseline.version + 1,
                    base: Some(segment(letters(&base))),
                    delta: None,
                    present: 0,
                    keys: Vec::new(),
                },
                merged: if merged { state.confirmed.iter().map(|it| it.segment.name.clone()).collect() } else { Vec::new() },
                mapping: self.mapping.clone(),
                identity: self.identity.clone(),
            },
            Fact::Abandoned => RunEvent::Abandoned { part },
            Fact::Ended { result } => RunEvent::Ended {
                result: match result {
                    Ended::Well => RunResult::Succeeded,
                    Ended::Blocked => RunResult::Blocked { import: "it".into() },
                    Ended::Failed => RunResult::Failed { code: "no".into(), message: "no".into() },
                },
                outcomes: OutcomeCounts::default(),
            },
        }
    }

    fn manifest(&self, run: u8, rows: &Rows) -> Manifest {
        let count = rows.iter().flatten().count() as u64;
        let order = ImportOrder {
            activation: name(),
            route: self.settings.route,
            data_extension: data_extension().key,
            insert: self.settings.insert,
            file_location: "sftp".into(),
            file: parsed(&format!("run{run}_{}.csv", letters(rows))),
            fields: Vec::new(),
        };
        Manifest {
            plan: PlanId("plan".into()),
            route: self.settings.route,
            create: None,
            columns: Vec::new(),
            wider: Vec::new(),
            parts: if count == 0 {
                Vec::new()
            } else {
                vec![PartPlan { part: 1, rows: count, bytes: count, order, kept: Vec::new(), is_of_exits: false, is_of_deletes: false }]
            },
            source_rows: 0,
            leaving_rows: 0,
            newly_left: 0,
            decided: OutcomeCounts::default(),
        }
    }
}

fn view(state: &ActivationState) -> View {
    let part = |it: &outflow_domain::OpenPart| Part {
        run: it.run.0.as_bytes()[3] - b'0',
        rows: rows_of(&it.plan.order.file.as_str().as_bytes()[5..]),
        doubt: it.doubt.as_ref().map(|it| rows_of(it.name.as_bytes())),
        stage: match &it.stage {
            PartStage::Planned => Stage::Planned,
            PartStage::Transferring | PartStage::Transferred => Stage::Moving,
            PartStage::Starting => Stage::Starting,
            PartStage::Started { import } => Stage::Started { import: import.id.parse().unwrap_or_default() },
            PartStage::Ended { status, .. } => Stage::Ended { end: end_of(status) },
            PartStage::Unresolved => Stage::Unresolved,
            PartStage::Deleting => unreachable!("the protocol deletes nothing"),
        },
        is_abandoned: it.is_abandoned,
        is_not_started: it.is_not_started(),
        may_be_running: it.may_be_running(),
    };
    View {
        base: state.baseline.base.as_ref().map_or_else(Rows::default, |it| rows_of(it.name.as_bytes())),
        confirmed: state.confirmed.iter().map(|it| updates_of(it.segment.name.as_bytes())).collect(),
        parts: state.open_parts.iter().map(part).collect(),
    }
}

fn rows_of(letters: &[u8]) -> Rows {
    std::array::from_fn(|key| Value::of(letters[key]))
}

fn updates_of(letters: &[u8]) -> Updates {
    std::array::from_fn(|key| match letters[key] {
        b'x' => Said::Drop,
        other => Value::of(other).map_or(Said::Nothing, Said::Put),
    })
}

fn updates_letters(updates: &Updates) -> String {
    let letter = |it: &Said| match it {
        Said::Nothing => '-',
        Said::Put(value) => value.letter(),
        Said::Drop => 'x',
    };
    updates.iter().map(letter).collect()
}

fn status(end: End) -> ImportStatus {
    match end {
        End::Completed { errors } => {
            ImportStatus::Completed { counts: ImportCounts { errors: u64::from(errors), ..ImportCounts::default() } }
        }
        End::Failed => ImportStatus::Failed { counts: ImportCounts::default(), code: "Error".into() },
    }
}

fn end_of(status: &ImportStatus) -> End {
    match status {
        ImportStatus::Completed { counts } => End::Completed { errors: counts.errors as u8 },
        _ => End::Failed,
    }
}

fn run_id(run: u8) -> RunId {
    RunId(format!("run{run}"))
}

fn name() -> Name {
    parsed("members")
}

fn segment(name: String) -> SegmentRef {
    SegmentRef { name, bytes: 0, entries: 0, checksum: 0 }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| unreachable!("`{text}` is a name: {error}"))
}

fn data_extension() -> DataExtension {
    let field = |name: &str, is_key: bool| Field {
        id: ObjectId(name.to_owned()),
        name: parsed(name),
        field_type: FieldType::Text { units_max: Some(50) },
        is_required: is_key,
        is_primary_key: is_key,
        ordinal: 0,
        default: None,
    };
    DataExtension {
        id: ObjectId("members".into()),
        key: parsed("Members"),
        name: "Members".into(),
        is_sendable: false,
        retention: None,
        fields: vec![field("Key", true), field("Name", false)],
    }
}

fn mapping() -> Mapping {
    let wish = |field: &str, column: &str| FieldWish::new(parsed(field), column);
    let activation = Activation {
        name: name(),
        data_extension: data_extension().key,
        table: TableWish::default(),
        insert: InsertMode::InsertAndUpdate,
        primary_key: vec![wish("Key", "key")],
        fields: vec![wish("Name", "name")],
        custom_attributes: Vec::new(),
        on_exit: outflow_domain::OnExit::Keep,
        when_null: outflow_domain::WhenNull::Clear,
        time_zone: None,
        import: ImportRoute::Auto,
        part_bytes_max: 1,
        import_deadline_s: 1,
        guards: outflow_domain::Guards::default(),
    };
    let column = |name: &str| ModelColumn { name: name.into(), model_type: ModelType::Text };
    let checked = Mapping::check(&activation, &[column("key"), column("name")], &data_extension());
    checked.unwrap_or_else(|problems| unreachable!("a key and a name are a mapping: {problems:?}"))
}

/// The road's name, for a story.
pub(super) const fn road(route: Route) -> &'static str {
    match route {
        Route::Rest => "REST",
        Route::Soap => "SOAP",
    }
}
