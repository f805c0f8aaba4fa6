//! What happens in a world, drawn from its seed.

use outflow_domain::{EmptySource, Guards, Limit};
use outflow_engine::RunOptions;
use outflow_sandbox::model::{
    BlankCells, CountChange, DuplicateRows, Effect, Fault, FileFault, FinishedStatus, IgnoredRows, ImportFault, OtherWrite, RestImport,
    RowNumbering, Switches, When,
};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

use super::{
    Fields, Keys, MEMBERS, Names,
    fields::{ALIAS, FIELDS},
    guards::NO_GUARDS,
    keys::{self, KEYS},
    model_row,
    others::{FOREIGN, starts_our_definition},
};
use crate::simulated::{Cell, ModelRow};

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// The model has these rows from now on.
    Model(Vec<ModelRow>),
    /// Other fields are mapped from now on.
    Map(Fields),
    /// Another writer acts.
    Other(Box<OtherWrite>),
    /// Something will go wrong.
    Fault(Box<Fault>),
    /// Nothing that was set goes wrong any more.
    Heal,
    /// Whatever was late happens, and a person gives up on every import that is still not known to have ended.
    GiveUp,
    /// The source breaks off after so many batches, or works again.
    Break(Option<usize>),
    /// Time passes.
    Wait(u32),
    /// Another activation fills its column in rows of these keys, perhaps until the machine crashes after so many effects.
    Neighbours {
        /// The keys of its model.
        keys: Vec<String>,
        /// Effects until the crash.
        crash_after: Option<u32>,
    },
    /// Other guards hold from now on.
    Guard(Guards),
    /// A person approves what was held last, or so many plans before, perhaps until the machine crashes after so many effects.
    Approve {
        /// Plans that were held since.
        earlier: usize,
        /// Effects until the crash.
        crash_after: Option<u32>,
    },
    /// The activation runs, perhaps until the machine crashes after so many effects.
    Run {
        /// How.
        options: RunOptions,
        /// Effects until the crash.
        crash_after: Option<u32>,
    },
}

/// A world before it begins.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its seed.
    pub seed: u64,
    /// How the service's uncertain things are set.
    pub switches: Switches,
    /// The data extension is not there in the beginning: a run makes it.
    pub table_is_missing: bool,
    /// Only rows that are there are updated.
    pub update_only: bool,
    /// The road is SOAP.
    pub soap: bool,
    /// What is mapped at first.
    pub fields: Fields,
    /// What names are.
    pub names: Names,
    /// What the primary key is.
    pub keys: Keys,
    /// Bytes of a part.
    pub part_bytes_max: Option<u64>,
    /// What is held back at first.
    pub guards: Guards,
    /// Rows that leave the model are flagged.
    pub flags: bool,
    /// Rows that leave the model are deleted; those that were there before, too, where it says so.
    pub deletes: Option<bool>,
    /// What happens.
    pub events: Vec<Event>,
}

impl Script {
    /// The script of a seed.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut script = Self::unguarded(seed);
        if seed % 4 == 2 {
            Draw { chance: SmallRng::seed_from_u64(seed.rotate_left(32)) }.guarded(&mut script);
        }
        if seed.is_multiple_of(3) {
            script.draw_blanks();
        }
        script
    }

    /// The script of a seed in which blanks may leave their fields as they are, and without guards.
    #[must_use]
    pub fn with_blanks(seed: u64) -> Self {
        let mut script = Self::unguarded(seed);
        script.draw_blanks();
        script
    }

    fn draw_blanks(&mut self) {
        Draw { chance: SmallRng::seed_from_u64(self.seed.rotate_left(16)) }.blanks(self);
    }

    /// The script of a seed without guards, which hold back much of what could go wrong, and in which all blanks clear their fields.
    #[must_use]
    pub fn unguarded(seed: u64) -> Self {
        let mut script = Draw { chance: SmallRng::seed_from_u64(seed) }.script(seed);
        if seed % 6 == 1 {
            Draw { chance: SmallRng::seed_from_u64(!seed) }.foreign_starts(&mut script);
        }
        script.name_anew();
        script.key_anew();
        script.with_neighbours();
        // By the seed, so that all else of older stories stays as it was. A flag that may not be read back is never confirmed.
        script.flags = seed % 5 == 3 && !script.switches.row_reading_refused;
        // Nor is a deletion.
        let may_delete = (seed % 5 == 1 || seed % 20 == 19) && !script.switches.row_reading_refused;
        script.deletes = may_delete.then_some(seed.is_multiple_of(3) || script.update_only);
        script.switches.absent_deletes_succeed = seed.is_multiple_of(2);
        script.delete_late();
        script
    }

    /// Deletions that are heard only later, around the runs of an activation that deletes. Drawn apart, so that all else of the story stays as it
    /// was.
    fn delete_late(&mut self) {
        if self.deletes.is_none() {
            return;
        }
        let mut chance = SmallRng::seed_from_u64(self.seed.rotate_left(48));
        for at in (0..self.events.len()).rev() {
            if matches!(self.events[at], Event::Run { .. }) && chance.random_bool(0.25) {
                let when = When {
                    door: Some("soap".into()),
                    method: Some("Delete".into()),
                    times: Some(chance.random_range(1..4)),
                    ..When::default()
                };
                let effect = Effect::ActLate { millis: chance.random_range(1..3_000_000) };
                self.events.insert(at, Event::Fault(Box::new(Fault { when, effect })));
                self.events.insert(at + 2, Event::Wait(chance.random_range(1..7_000)));
            }
        }
    }

    /// Whether something is set up in a way that no run can ever call itself done: blanks that never arrive, or rows that an update-only run
    /// would have to read and may not.
    #[must_use]
    pub fn may_never_rest(&self) -> bool {
        self.keys_are_unreadable() || !super::blanks_arrive(&self.switches) || self.switches.multi_line_cells_refused
    }
}

impl Script {
    /// Whether an update-only run cannot even begin.
    pub(super) fn keys_are_unreadable(&self) -> bool {
        self.update_only && self.switches.row_reading_refused
    }

    /// How the world is set up, for a person: of the switches those that are not as usual.
    #[must_use]
    pub fn setting(&self) -> String {
        let members = |it: &Switches| serde_json::to_value(it).ok().and_then(|it| it.as_object().cloned()).unwrap_or_default();
        let usual = members(&Switches::default());
        let unusual: Vec<String> = members(&self.switches)
            .iter()
            .filter(|(name, it)| usual.get(*name) != Some(*it))
            .map(|(name, it)| format!("{name} {it}"))
            .collect();
        let Self { table_is_missing, update_only, soap, fields, names, keys, part_bytes_max, guards, flags, deletes, .. } = self;
        let parts = format!(
            "table_is_missing {table_is_missing}, update_only {update_only}, soap {soap}, {fields:?}, {names:?}, keys {keys:?}, part_bytes_max {part_bytes_max:?}, flags {flags}, deletes {deletes:?}, {guards:?}"
        );
        format!("{parts}, {}", unusual.join(", "))
    }
}

struct Draw {
    chance: SmallRng,
}

impl Draw {
    fn script(&mut self, seed: u64) -> Script {
        let update_only = self.chance.random_bool(0.3);
        let fields = Fields { mapped: self.chance.random_range(1..64), custom: self.chance.random_bool(0.3), ..Fields::default() };
        let mut mapped = fields;
        let maps_change = self.chance.random_bool(0.3);
        let mut events = Vec::new();
        if update_only || self.chance.random_bool(0.3) {
            for _ in 0..self.chance.random_range(0..6) {
                events.push(Event::Other(Box::new(self.upsert())));
            }
        }
        let mut rows = self.rows();
        let mut before = rows.clone();
        events.push(Event::Model(rows.clone()));
        for _ in 0..self.chance.random_range(1..=5) {
            if self.chance.random_bool(0.35) {
                events.push(Event::Fault(Box::new(self.fault())));
            }
            if self.chance.random_bool(0.1) {
                events.push(Event::Other(Box::new(self.other())));
            }
            if self.chance.random_bool(0.05) {
                events.push(Event::Break(Some(self.chance.random_range(0..3))));
            }
            let crash_after = self.chance.random_bool(0.35).then(|| self.chance.random_range(1..120));
            let options = RunOptions { full: self.chance.random_bool(0.05), retry_refused: self.chance.random_bool(0.1), approve: None };
            events.push(Event::Run { options, crash_after });
            if self.chance.random_bool(0.3) {
                events.push(Event::Heal);
            }
            if self.chance.random_bool(0.1) {
                events.push(Event::GiveUp);
            }
            events.push(Event::Break(None));
            if self.chance.random_bool(0.2) {
                events.push(Event::Wait(self.chance.random_range(1..20_000)));
            }
            if maps_change && self.chance.random_bool(0.5) {
                mapped = if self.chance.random_bool(0.25) { fields } else { self.mapped_otherwise(mapped) };
                events.push(Event::Map(mapped));
            }
            // Back to what it was: A, B, A.
            let next = if self.chance.random_bool(0.25) { before.clone() } else { self.mutated(&rows) };
            before = std::mem::replace(&mut rows, next);
            events.push(Event::Model(rows.clone()));
        }
        Script {
            seed,
            // By the seed, without a draw, so that older seeds keep their stories.
            switches: Switches {
                custom_object_key_retrievable: !seed.is_multiple_of(5),
                remade_rows_keep_number: seed % 7 < 2,
                ..self.switches()
            },
            table_is_missing: !update_only && seed % 6 == 1,
            update_only,
            soap: self.chance.random_bool(0.4),
            fields,
            names: Names::default(),
            keys: Keys::default(),
            part_bytes_max: self.chance.random_bool(0.5).then(|| self.chance.random_range(80..400)),
            guards: NO_GUARDS,
            flags: false,
            deletes: None,
            events,
        }
    }

    /// Somebody else starts our import definition: between two runs, and at some call of them. Drawn apart, so that all else of the story stays
    /// as it was.
    fn foreign_starts(&mut self, script: &mut Script) {
        script.soap = true;
        // What the service does not list yet nobody can know of.
        script.switches.empty_polls = 0;
        for at in (0..script.events.len()).rev() {
            if !matches!(script.events[at], Event::Run { .. }) {
                continue;
            }
            if self.chance.random_bool(0.3) {
                script.events.insert(at, Event::Other(Box::new(starts_our_definition())));
            }
            if self.chance.random_bool(0.7) {
                let when = When {
                    skip: self.chance.random_range(0..40),
                    times: Some(self.chance.random_range(1..3)),
                    door: self.chance.random_bool(0.7).then(|| "soap".into()),
                    ..When::default()
                };
                let write = starts_our_definition();
                let effect = if self.chance.random_bool(0.5) { Effect::Before { write } } else { Effect::After { write } };
                script.events.insert(at, Event::Fault(Box::new(Fault { when, effect })));
            }
        }
    }

    /// Guards, and a person who approves what they hold, sometimes late, and sometimes changes them. Drawn apart, so that all else of the story
    /// stays as it was.
    fn guarded(&mut self, script: &mut Script) {
        script.guards = self.guards();
        if script.flags && self.chance.random_bool(0.5) {
            script.guards.max_deletes = Some(Limit::Rows(self.chance.random_range(0..3)));
        }
        for at in (0..script.events.len()).rev() {
            if !matches!(script.events[at], Event::Run { .. }) {
                continue;
            }
            if self.chance.random_bool(0.6) {
                let crash_after = self.chance.random_bool(0.2).then(|| self.chance.random_range(1..120));
                let earlier = usize::from(self.chance.random_bool(0.2));
                script.events.insert(at + 1, Event::Approve { earlier, crash_after });
                // The model may be another one by then, and a day may have passed.
                if self.chance.random_bool(0.3) {
                    script.events.insert(at + 1, Event::Wait(self.chance.random_range(1..100_000)));
                }
                if let Some(Event::Model(rows)) =
                    script.events.get(at + 2..).and_then(|it| it.iter().find(|it| matches!(it, Event::Model(_))))
                    && self.chance.random_bool(0.3)
                {
                    let rows = rows.clone();
                    script.events.insert(at + 1, Event::Model(rows));
                }
            }
            if self.chance.random_bool(0.1) {
                script.events.insert(at + 1, Event::Guard(self.guards()));
            }
        }
    }

    /// What blanks do to their fields, which a person sometimes changes. Drawn apart, so that all else of the story stays as it was.
    fn blanks(&mut self, script: &mut Script) {
        let mut blanks = self.when_null();
        (script.fields.keep, script.fields.skip) = blanks;
        let mut mapped = script.fields;
        let mut at = 0;
        while at < script.events.len() {
            if let Event::Map(fields) = &mut script.events[at] {
                if self.chance.random_bool(0.3) {
                    blanks = self.when_null();
                }
                (fields.keep, fields.skip) = blanks;
                mapped = *fields;
            } else if matches!(script.events[at], Event::Run { .. }) && self.chance.random_bool(0.15) {
                blanks = self.when_null();
                (mapped.keep, mapped.skip) = blanks;
                script.events.insert(at, Event::Map(mapped));
                at += 1;
            }
            at += 1;
        }
    }

    /// Fields that blanks leave as they are, and such in which they keep a row from being sent. At most two of the first kind: with more, and a field
    /// that is added, there could be more column sets than a run takes.
    fn when_null(&mut self) -> (u8, u8) {
        let mut field = |share: f64| if self.chance.random_bool(share) { 1 << self.chance.random_range(0..=FIELDS.len()) } else { 0_u8 };
        (field(0.8) | field(0.5), field(0.3))
    }

    fn guards(&mut self) -> Guards {
        let mut share = |of: std::ops::Range<u32>| format!("{} %", self.chance.random_range(of)).parse::<Limit>().ok();
        let shares = [share(0..60), share(0..60), share(5..70)];
        let mut of_changes = |share: Option<Limit>| match self.chance.random_range(0..5) {
            0 => None,
            1 => share,
            _ => Some(Limit::Rows(self.chance.random_range(0..4))),
        };
        let (max_inserts, max_updates) = (of_changes(shares[0]), of_changes(shares[1]));
        Guards {
            max_inserts,
            max_updates,
            max_deletes: None,
            max_source_shrink: shares[2].filter(|_| self.chance.random_bool(0.5)),
            max_null_keys: self.chance.random_bool(0.3).then(|| Limit::Rows(self.chance.random_range(0..2))),
            empty_source: if self.chance.random_bool(0.2) { EmptySource::Allow } else { EmptySource::Hold },
        }
    }

    /// One field more, one less, another in its place, or another column behind it.
    fn mapped_otherwise(&mut self, fields: Fields) -> Fields {
        let mut changed = fields;
        for _ in 0..self.chance.random_range(1..=2) {
            match self.chance.random_range(0..10) {
                0..=3 => {
                    let other = changed.mapped ^ (1 << self.chance.random_range(0..FIELDS.len()));
                    changed.mapped = if other == 0 { changed.mapped } else { other };
                }
                4..=5 => changed.custom ^= true,
                6..=7 => changed.alias ^= true,
                _ => changed.from_note ^= true,
            }
        }
        changed
    }

    fn rows(&mut self) -> Vec<ModelRow> {
        (0..self.chance.random_range(0..10)).map(|_| self.row()).collect()
    }

    fn row(&mut self) -> ModelRow {
        let key = KEYS.choose(&mut self.chance).copied().unwrap_or("a1");
        let key = if self.chance.random_bool(0.03) { Cell::Null } else { Cell::Text(key.to_owned()) };
        let values: [Cell; 7] = std::array::from_fn(|at| self.cell(at + 1));
        let [name, age, amount, active, born, seen, note] = values;
        model_row([key, name, age, amount, active, born, seen, note])
    }

    fn cell(&mut self, column: usize) -> Cell {
        if self.chance.random_bool(0.1) {
            return Cell::Null;
        }
        match column {
            1 | 7 => {
                let texts = ["Zq7", "Zq7 Ada", "Zq7, \"x\"", "Zq7\u{1f600}", "", " Zq7 ", "007 Zq7", "Zq7 is much too long"];
                Cell::Text(texts.choose(&mut self.chance).copied().unwrap_or_default().to_owned())
            }
            2 => Cell::Integer(if self.chance.random_bool(0.03) { 3_000_000_000 } else { self.chance.random_range(-2..4) }),
            3 => Cell::Decimal(if self.chance.random_bool(0.03) { 123_456_789 } else { self.chance.random_range(-150..150) }),
            4 => Cell::Boolean(self.chance.random_bool(0.5)),
            5 => Cell::Date(self.chance.random_range(-3..3) * 9000),
            _ => Cell::Instant(self.chance.random_range(0..3) * 40_000_000 + 3_599),
        }
    }

    fn mutated(&mut self, rows: &[ModelRow]) -> Vec<ModelRow> {
        let mut next = Vec::new();
        for row in rows {
            match self.chance.random_range(0..10) {
                0 => {}
                1..=3 => {
                    let column = self.chance.random_range(1..8);
                    let mut changed = row.clone();
                    changed.0[column] = self.cell(column);
                    next.push(changed);
                }
                _ => next.push(row.clone()),
            }
        }
        for _ in 0..self.chance.random_range(0..3) {
            next.push(self.row());
        }
        next
    }

    fn upsert(&mut self) -> OtherWrite {
        let key = KEYS.choose(&mut self.chance).copied().unwrap_or("a1");
        keys::upsert(key, &[("Name", "Zq7 other"), ("Foreign", FOREIGN)])
    }

    fn other(&mut self) -> OtherWrite {
        let de = || MEMBERS.to_owned();
        match self.chance.random_range(0..11) {
            0..=3 => self.upsert(),
            4..=6 => {
                let key = KEYS.choose(&mut self.chance).copied().unwrap_or("a1");
                keys::delete(key)
            }
            7 => OtherWrite::ClearRows { de: de() },
            8 => OtherWrite::ExpireRows { de: de(), count: self.chance.random_range(1..4) },
            9 => OtherWrite::RecreateDataExtension { de: de() },
            _ => {
                let field = FIELDS.choose(&mut self.chance).copied().unwrap_or(ALIAS);
                OtherWrite::RecreateField { de: de(), field: field.into() }
            }
        }
    }

    fn fault(&mut self) -> Fault {
        let skip = self.chance.random_range(0..20);
        let times = Some(self.chance.random_range(1..4));
        let door = |door: &str, method: Option<&str>| When {
            door: Some(door.into()),
            method: method.map(str::to_owned),
            skip,
            times,
            ..When::default()
        };
        let any = || When { skip, times, ..When::default() };
        let import = |fault| Fault {
            when: When { door: Some("import".into()), times: Some(1), ..When::default() },
            effect: Effect::Import { fault },
        };
        match self.chance.random_range(0..22) {
            0 => Fault { when: any(), effect: Effect::LoseAnswer },
            1 => Fault { when: any(), effect: Effect::DropUnread },
            2 => Fault { when: any(), effect: Effect::Throttle { retry_after_s: 3 } },
            3 => Fault { when: any(), effect: Effect::Truncate { bytes: self.chance.random_range(0..200) } },
            4 => Fault { when: any(), effect: Effect::ExpireTokens },
            5 => Fault { when: door("soap", Some("Perform")).at_once(), effect: Effect::LoseAnswer },
            6 => Fault { when: door("soap", Some("Perform")).at_once(), effect: Effect::DropUnread },
            7 => Fault {
                when: When { path: Some("async/import".into()), method: Some("POST".into()), times, ..When::default() },
                effect: Effect::LoseAnswer,
            },
            8 => Fault {
                when: When { path: Some("async/import".into()), method: Some("POST".into()), times, ..When::default() },
                effect: Effect::DropUnread,
            },
            9 => Fault { when: any(), effect: Effect::Before { write: self.other() } },
            10 => Fault { when: any(), effect: Effect::After { write: self.other() } },
            11 => {
                let keys = KEYS.choose_multiple(&mut self.chance, 2).map(|it| (*it).to_owned()).collect();
                import(ImportFault::RejectRows { rows: Vec::new(), keys, code: "InvalidNumber".into() })
            }
            12 => import(ImportFault::RejectRows { rows: vec![1, 3], keys: Vec::new(), code: "InvalidDate".into() }),
            13 => import(ImportFault::NeverFinish { apply: self.chance.random_bool(0.5) }),
            14 => import(ImportFault::StopAfterRows { rows: self.chance.random_range(0..5) }),
            15 => import(ImportFault::BeginLate { millis: self.chance.random_range(1..20_000_000) }),
            16 => import(ImportFault::ApplyLate { millis: self.chance.random_range(1..20_000_000) }),
            17 => import(ImportFault::HoldUntilReleased),
            18 => import(ImportFault::ChangeCounts {
                after_polls: self.chance.random_range(0..2),
                change: CountChange { successful: -1, errors: self.chance.random_range(0..2), ..CountChange::default() },
            }),
            19 => {
                Fault { when: door("sftp", None).at_once(), effect: Effect::File { fault: FileFault::DropConnection { after_bytes: 0 } } }
            }
            20 => Fault { when: door("sftp", None).at_once(), effect: Effect::File { fault: FileFault::NoSpace { after_bytes: 0 } } },
            _ => Fault { when: any(), effect: Effect::Refuse { status: 500, headers: Default::default(), body: String::new() } },
        }
    }

    fn switches(&mut self) -> Switches {
        let mut of = Switches {
            ignored_rows: *[
                IgnoredRows::Duplicated,
                IgnoredRows::Restricted,
                IgnoredRows::Errors,
                IgnoredRows::Nowhere,
                IgnoredRows::Successful,
            ]
            .choose(&mut self.chance)
            .unwrap_or(&IgnoredRows::Duplicated),
            row_numbering: RowNumbering {
                from_one: self.chance.random_bool(0.5),
                header_counts: self.chance.random_bool(0.5),
                physical_lines: self.chance.random_bool(0.3),
            },
            duplicate_rows: DuplicateRows::LastWins,
            empty_polls: self.chance.random_range(0..3),
            import_new_ms: self.chance.random_range(0..3000),
            import_processing_ms: self.chance.random_range(0..9000),
            page_rows_max: self.chance.random_range(2..9),
            ..Switches::default()
        };
        if self.chance.random_bool(0.2) {
            of.validation_rows_max = Some(self.chance.random_range(0..3));
        }
        of.validation_every_cell = self.chance.random_bool(0.3);
        of.blank_cells = match self.chance.random_range(0..20) {
            0 => BlankCells::Keep,
            1 => BlankCells::Default,
            2..=6 => BlankCells::EmptyText,
            _ => BlankCells::Null,
        };
        of.rest_import = match self.chance.random_range(0..8) {
            0 => RestImport::Forbidden,
            1 => RestImport::Missing,
            2 => RestImport::Flat,
            _ => RestImport::Nested,
        };
        of.finished_status = match self.chance.random_range(0..6) {
            0 => FinishedStatus::Success,
            1 => FinishedStatus::ErrorWithErrors,
            _ => FinishedStatus::Completed,
        };
        of.two_result_rows = self.chance.random_bool(0.2);
        of.rest_import_in_results = self.chance.random_bool(0.5);
        of.rest_import_deletes_file = self.chance.random_bool(0.5);
        of.definition_import_deletes_file = self.chance.random_bool(0.3);
        of.row_reading_refused = self.chance.random_bool(0.1);
        of.server_offset_hours = if self.chance.random_bool(0.2) { -7 } else { -6 };
        of
    }
}

trait AtOnce {
    fn at_once(self) -> Self;
}

impl AtOnce for When {
    fn at_once(self) -> Self {
        Self { skip: 0, ..self }
    }
}
