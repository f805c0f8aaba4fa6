//! Endings in which a person changes what is mapped, or somebody else the fields behind it.

use std::collections::BTreeSet;

use outflow_engine::{RunOptions, RunReport};
use outflow_sandbox::model::OtherWrite;

use super::{
    Broken, Fields, MEMBERS, Rule, World,
    check::Group,
    fields::{ALIAS, FIELDS, NOTE, NOTE_AT},
};
use crate::simulated::{Cell, ModelRow};

/// After so many effects the machine crashes, one story after the other: from the plan of a run to its end.
const CRASHES: [u32; 8] = [12, 16, 20, 24, 28, 34, 42, 55];

impl World {
    /// A field that is no longer mapped sends nothing and stays as it is; one that returns is filled again, whatever happened meanwhile.
    pub(super) fn a_field_goes_and_returns(&mut self) -> Result<(), Box<Broken>> {
        let before = self.fields;
        let gone = before.first();
        if before.without(gone).mapped == 0 {
            return Ok(());
        }
        let Some((at, key)) = self.lone_rows().into_iter().next() else { return Ok(()) };
        self.tell(&format!("`{}` is no longer mapped", FIELDS[gone]));
        let changed = self.changed(at);
        let may_be_sent = self.mapped_anew(before.without(gone));
        self.sends_rows(0, may_be_sent, "a field is no longer mapped")?;
        self.quiet("a field is no longer mapped")?;
        self.tell(&format!("the unmapped column of `{key}` changes"));
        self.set_rows(&changed);
        if before.column(gone) != NOTE_AT || !before.custom {
            self.quiet("a column has changed that is not mapped")?;
        }
        self.tell(&format!("`{}` is mapped again", FIELDS[gone]));
        self.map(before);
        self.done()?;
        self.quiet("a field is mapped again").map(|_| ())
    }

    /// A column that is created for the run gets the rows that have a value there, and no others.
    pub(super) fn a_column_is_created(&mut self) -> Result<(), Box<Broken>> {
        if self.mapped.iter().any(|it| it.custom) {
            return Ok(());
        }
        let before = self.fields;
        self.tell(&format!("`{NOTE}` is exported too"));
        let refused = self.refused_keys();
        let asked = self.mapped_anew(Fields { custom: true, ..before });
        let has_value = |group: &Group<'_>| match group {
            Group::Sendable(row) => !matches!(&row.0[NOTE_AT], Cell::Null) && row.0[NOTE_AT] != Cell::Text(String::new()),
            Group::Withheld => false,
        };
        let is_there = |key: &str| !self.script.update_only || self.held.contains_key(key);
        let with_value = self.groups().into_iter().filter(|(key, group)| is_there(key) && !refused.contains(key) && has_value(group));
        let wanted = with_value.count() as u64;
        self.sends_rows(wanted, wanted + asked, "a column was created")?;
        self.quiet("a column was created")?;
        let may_be_sent = self.mapped_anew(before);
        self.sends_rows(0, may_be_sent, "the new column is no longer mapped")?;
        self.quiet("the new column is no longer mapped").map(|_| ())
    }

    /// Another column of the model fills a field, while another field goes: what is there is compared with what is to be there.
    pub(super) fn another_column_fills_a_field(&mut self) -> Result<(), Box<Broken>> {
        let before = self.fields;
        if !before.has(0) || before.without(0).mapped == 0 {
            return Ok(());
        }
        let gone = before.without(0).first();
        self.tell(&format!("another column fills `Name`, and `{}` is no longer mapped", FIELDS[gone]));
        self.map(Fields { from_note: !before.from_note, ..before.without(gone) });
        self.done()?;
        self.quiet("another column fills a field")?;
        self.map(before);
        self.done()?;
        self.quiet("the first column fills it again").map(|_| ())
    }

    /// Another field of the same type is filled in place of one, with a row that leaves meanwhile and a machine that crashes.
    pub(super) fn another_field_is_filled(&mut self) -> Result<(), Box<Broken>> {
        let before = self.fields;
        if !before.has(0) {
            return Ok(());
        }
        let all = self.rows.clone();
        for effects in CRASHES {
            self.map(Fields { alias: !self.fields.alias, ..self.fields });
            self.tell(&format!(
                "`{}` is filled now, and the machine crashes after {effects} effects",
                if self.fields.alias { ALIAS } else { "Name" }
            ));
            self.with_a_row_less(&all);
            self.run(&RunOptions::default(), Some(effects))?;
            self.clock.pass(3_600_000);
            self.done()?;
            self.nothing_is_heard_any_more();
            self.set_rows(&all);
            self.done()?;
            self.quiet("another field is filled")?;
        }
        Ok(())
    }

    /// Rule 11: a field that was made again holds nothing, however far the first run afterwards came.
    pub(super) fn a_field_is_made_again(&mut self) -> Result<(), Box<Broken>> {
        let Some((field, _)) = self.fields.each().next() else { return Ok(()) };
        let all = self.rows.clone();
        for effects in CRASHES {
            let write = OtherWrite::RecreateField { de: MEMBERS.into(), field: field.into() };
            self.tell(&format!("{write:?}, and the machine crashes after {effects} effects"));
            self.other(&write);
            // It is noticed: so everything is vouched for again.
            self.others.touched.clear();
            self.held = self.stored();
            self.with_a_row_less(&all);
            let noticed =
                |it: Box<Broken>, world: &Self| if it.rule == Rule::Arrives { world.broken(Rule::LossIsNoticed, it.detail) } else { it };
            self.run(&RunOptions::default(), Some(effects)).map_err(|it| noticed(it, self))?;
            self.clock.pass(3_600_000);
            self.done().map_err(|it| noticed(it, self))?;
            self.nothing_is_heard_any_more();
            self.set_rows(&all);
            self.done().map_err(|it| noticed(it, self))?;
            self.quiet("a field was made again")?;
        }
        Ok(())
    }

    /// A deletion whose answer a crash has swallowed may be heard for an hour after it was read back, and its rows are in doubt for as long.
    fn nothing_is_heard_any_more(&self) {
        self.clock.pass(outflow_domain::LATE_CALL_MS);
    }

    fn with_a_row_less(&mut self, all: &[ModelRow]) {
        let mut fewer = all.to_vec();
        if let Some((at, _)) = self.lone_rows().into_iter().next() {
            fewer.remove(at);
        }
        self.set_rows(&fewer);
    }

    pub(super) fn refused_keys(&self) -> BTreeSet<String> {
        let refused = self.ledger.refused_of(&Self::name());
        let of_key = |(key, (fingerprint, _)): (String, (outflow_domain::KeyFingerprint, outflow_domain::RowFingerprint))| {
            refused.iter().any(|it| it.key == fingerprint).then_some(key)
        };
        self.fingerprints().into_iter().filter_map(of_key).collect()
    }

    /// Changes what is mapped, and tells how many rows may be sent for that reason alone: those that can be sent only now, and those that
    /// were refused under the other mapping.
    fn mapped_anew(&mut self, fields: Fields) -> u64 {
        let could_be_sent = self.sendable_keys();
        let refused = self.refused_keys();
        self.map(fields);
        self.sendable_keys().into_iter().filter(|it| !could_be_sent.contains(it) || refused.contains(it)).count() as u64
    }

    fn sendable_keys(&self) -> BTreeSet<String> {
        self.groups().into_iter().filter(|(_, it)| matches!(it, Group::Sendable(_))).map(|(key, _)| key).collect()
    }

    /// A run that ends well and sends so many rows.
    fn sends_rows(&mut self, least: u64, most: u64, why: &str) -> Result<RunReport, Box<Broken>> {
        let report = self.done()?;
        let sent: u64 = report.plan.parts.iter().map(|it| it.rows).sum();
        if least <= sent && sent <= most {
            return Ok(report);
        }
        Err(self.broken(Rule::Quiet, format!("{why}, and {sent} rows were sent where {least} to {most} had to be")))
    }
}
