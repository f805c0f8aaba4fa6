//! The activation of every world, and its data extension.

use std::sync::Arc;

use outflow_domain::{
    Activation, CreateWish, FieldWish, Flag, ImportRoute, InsertMode, NewColumn, OnExit, TableWish, activation::PART_BYTES_MAX,
};
use outflow_engine::{Job, Split};
use outflow_ports::Query;
use outflow_sandbox::model::{DataExtensionSpec, FieldSpec, FieldType};

use super::{
    MEMBERS, Script, World,
    fields::{ALIAS, GONE, HERE, LEFT, NOTE},
    keys,
};
use crate::simulated::SimulatedSource;

/// The secret of every world's project.
pub(super) const SECRET: &[u8] = b"a secret of the simulated world";

/// How long an import is waited for. Late ones of the scripts come before and after it; and asking every 15 seconds for the product's own hours
/// was most of what a world cost.
const DEADLINE_S: u64 = 3600;

impl World {
    pub(super) fn job(&self) -> Job {
        // What holds of `note` holds of all fields that say nothing of their own.
        let of_all = self.fields.when_null(NOTE);
        let when_null = |field: &str| Some(self.fields.when_null(field)).filter(|it| *it != of_all);
        let schema = SimulatedSource::schema();
        let mapped = self.fields.each().filter(|(field, _)| *field != NOTE);
        let mode = if self.script.update_only { InsertMode::UpdateOnly } else { InsertMode::InsertAndUpdate };
        Job {
            activation: Activation {
                name: "members".parse().expect("a name"),
                data_extension: MEMBERS.parse().expect("a key"),
                table: if self.script.table_is_missing { members_made_by_a_run(&self.script) } else { TableWish::default() },
                insert: self.saboteur.as_ref().map_or(mode, |it| it.mode(mode)),
                primary_key: self.script.keys.fields().iter().map(|(field, column)| wish(field, column)).collect(),
                fields: mapped
                    .map(|(field, column)| FieldWish { when_null: when_null(field), ..wish(field, schema.field(column).name()) })
                    .collect(),
                custom_attributes: if self.fields.custom { vec![NOTE.into()] } else { Vec::new() },
                on_exit: match self.script.deletes {
                    Some(adopted) => OnExit::Delete { adopted },
                    None if self.script.flags => OnExit::Flag(flag()),
                    None => OnExit::Keep,
                },
                when_null: of_all,
                time_zone: None,
                import: if self.script.soap { ImportRoute::Soap } else { ImportRoute::Auto },
                part_bytes_max: self.script.part_bytes_max.unwrap_or(PART_BYTES_MAX),
                import_deadline_s: DEADLINE_S,
                guards: self.guards,
            },
            query: Query { sql: "SELECT * FROM members".into() },
            model_key: Vec::new(),
            file_location: outflow_sandbox::model::ENHANCED_FTP.into(),
            project_secret: Arc::from(SECRET),
            server_offset_s: self.script.switches.server_offset_hours as i32 * 3600,
            split: self.split(),
            // Worlds are small, and are to walk along trails all the same.
            trail_entries_min: 1,
        }
    }

    /// Files as small as the model: a hundred rows are more than any world has.
    pub(super) fn split(&self) -> Split {
        let honest = Split { rows_min: 1 + (self.script.seed % 3) as u32, files_max: 20 };
        self.saboteur.as_ref().map_or(honest, |it| it.split(honest))
    }
}

pub(super) fn wish(field: &str, column: &str) -> FieldWish {
    FieldWish::new(field.parse().expect("a field name"), column)
}

/// How rows that leave are flagged.
fn flag() -> Flag {
    Flag { field: LEFT.parse().expect("a field name"), value: GONE.into(), present: HERE.into() }
}

/// A destination that has [`members`] made by a run.
fn members_made_by_a_run(script: &Script) -> TableWish {
    let column = |it: FieldSpec| {
        let units_max = it.max_length;
        let field_type = match it.field_type {
            Some(FieldType::Number) => outflow_domain::FieldType::Number,
            Some(FieldType::Decimal) => outflow_domain::FieldType::Decimal { precision: 8, scale: 2 },
            Some(FieldType::Boolean) => outflow_domain::FieldType::Boolean,
            Some(FieldType::Date) => outflow_domain::FieldType::Date,
            Some(FieldType::EmailAddress) => outflow_domain::FieldType::EmailAddress,
            Some(FieldType::Phone) => outflow_domain::FieldType::Phone,
            Some(FieldType::Locale) => outflow_domain::FieldType::Locale,
            _ => outflow_domain::FieldType::Text { units_max },
        };
        NewColumn { name: it.name.unwrap_or_default().parse().expect("a field name"), field_type }
    };
    let (keys, given): (Vec<_>, Vec<_>) = members(script).fields.into_iter().partition(|it| it.primary_key == Some(true));
    let create = CreateWish {
        name: MEMBERS.parse().expect("a name"),
        folder: Some("Worlds/Members".parse().expect("a path")),
        primary_key: keys.into_iter().map(column).collect(),
        sendable: None,
        retention: None,
    };
    TableWish { create: Some(create), given: given.into_iter().map(column).collect(), may_widen: false }
}

pub(super) fn members(script: &Script) -> DataExtensionSpec {
    let (name_type, name_length) = script.names.field_type();
    let field = |name: &str, field_type, max_length: Option<u32>, scale: Option<u32>| FieldSpec {
        name: Some(name.into()),
        field_type: Some(field_type),
        max_length,
        scale,
        required: Some(script.keys.has(name)),
        primary_key: Some(script.keys.has(name)),
        ..FieldSpec::default()
    };
    let key = script.keys.fields().iter().map(|(it, _)| field(it, FieldType::Text, Some(keys::UNITS_MAX), None));
    DataExtensionSpec {
        key: Some(MEMBERS.into()),
        name: Some(MEMBERS.into()),
        fields: key
            .chain([
                field("Name", name_type, name_length, None),
                field("Age", FieldType::Number, None, None),
                field("Amount", FieldType::Decimal, Some(8), Some(2)),
                field("Active", FieldType::Boolean, None, None),
                field("Born", FieldType::Date, None, None),
                field("Seen", FieldType::Date, None, None),
                field("Foreign", FieldType::Text, Some(20), None),
                field(ALIAS, name_type, name_length, None),
            ])
            .chain(script.flags.then(|| field(LEFT, FieldType::Text, Some(10), None)))
            .collect(),
        ..DataExtensionSpec::default()
    }
}
