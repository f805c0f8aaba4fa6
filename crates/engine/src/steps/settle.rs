//! Reads the receipt and settles a part.
//!
//! The baseline moves for rows that Marketing Cloud is *known* to hold, never for rows we merely sent: a refused row keeps its old entry,
//! and a row nobody can vouch for stays in doubt.

mod numbering;
mod observe;

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use outflow_baseline::{Entry, EntryState, Kind, Presence, Segment, Update};
use outflow_domain::{
    ActivationState, Evidence, HistoryFile, ImportId, ImportStatus, InsertMode, KeyFingerprint, Mapping, OpenPart, Outcome, OutcomeCounts,
    PartPlan, PartStage, RefusedRow, RowFingerprint, RunEvent, RunId, SegmentRef, Sent, Write, refusal::UNEXPLAINED,
};
use outflow_ports::{Blob, CloudError, Progress};
use outflow_rows::Scheme;

use super::delete::Told;
use crate::{
    error::EngineError,
    history,
    job::{Job, Ports},
    part_files::{PartRow, RowMark, rows_name, rows_of},
    recorder::{Beside, Recorder},
    segments::Segments,
};
use numbering::Refusals;
use observe::{Observed, Observer};

/// Settles a part whose import has ended, or whose rows stayed in doubt: by its receipt where that tells, by reading back otherwise.
///
/// `told` is what the service has told just now of rows that were to be deleted; of all other parts there is nothing in it.
pub(crate) async fn settle(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    run: &RunId,
    part: u32,
    schema_digest: &str,
    told: Told,
) -> Result<PartEnd, EngineError> {
    let open = super::import::find(recorder, run, part)?.clone();
    ports.progress.show(job.activation.name.as_str(), Progress::Settling { part });
    // Refusals are few and rows are many: only what is remembered has to be forgotten.
    let remembered: HashSet<KeyFingerprint> = ports.ledger.refused(&job.activation.name).await?.iter().map(|it| it.key).collect();
    let settler = Settler::new(job, ports, &open, recorder.state(), schema_digest, remembered, told)?;
    let settled = settler.settle().await?;
    if settled.evidence == Evidence::None && open.stage == PartStage::Unresolved {
        // Nothing that the ledger does not know already.
        return Ok(PartEnd { outcomes: OutcomeCounts::default(), spoken_for: None, is_known: false });
    }
    let end = PartEnd {
        outcomes: settled.outcomes.clone(),
        spoken_for: settled.confirmed.clone().or_else(|| settled.doubt.clone()),
        is_known: settled.evidence != Evidence::None,
    };
    let event = RunEvent::PartSettled {
        part,
        evidence: settled.evidence,
        outcomes: settled.outcomes,
        confirmed: settled.confirmed,
        doubt: settled.doubt,
    };
    let (refused, forgotten) = (settled.refused, settled.forgotten);
    let history = settled.history.into_iter().collect();
    recorder.commit(run.clone(), event, Beside { refused, forgotten, history, ..Beside::default() }).await?;
    // A deletion is read back but once more, and then by its doubt alone.
    if open.plan.is_of_deletes || !recorder.state().open_parts.iter().any(|it| it.run == *run && it.plan.part == part) {
        ports.spool.remove(run, &crate::part_files::csv_name(part))?;
        ports.spool.remove(run, &rows_name(part))?;
    }
    Ok(end)
}

/// How a part has ended.
pub(crate) struct PartEnd {
    /// The outcomes of its rows.
    pub outcomes: OutcomeCounts,
    /// The keys for which this part speaks from here on, and no older one. Of most it is known what the destination holds now; where nothing
    /// is known, the part's own doubt stands for them. A row that was refused by receipt alone is not among them: the receipt tells that the
    /// new value is not there, and not which older one is.
    pub spoken_for: Option<SegmentRef>,
    /// Whether anything could be established.
    pub is_known: bool,
}

/// What became of a part.
struct Settled {
    evidence: Evidence,
    outcomes: OutcomeCounts,
    confirmed: Option<SegmentRef>,
    doubt: Option<SegmentRef>,
    refused: Vec<RefusedRow>,
    forgotten: Vec<KeyFingerprint>,
    /// What became of each row, where the evidence alone does not tell.
    history: Option<HistoryFile>,
}

struct Settler<'a> {
    job: &'a Job,
    ports: &'a Ports,
    open: &'a OpenPart,
    scheme: Scheme,
    version: u64,
    /// The mapping that the part's fingerprints are of.
    mapping: Cow<'a, Mapping>,
    schema_digest: &'a str,
    /// Whether earlier parts left rows in doubt: then a receipt is not enough, since a refused row may hold what an earlier import lost.
    others_left_doubt: bool,
    /// Rows whose refusals are remembered.
    remembered: HashSet<KeyFingerprint>,
    /// What was told of rows that were to be deleted.
    told: Told,
    /// The part's rows in the order of its file; in key order where the list is gone with the spool.
    rows: OnceCell<Vec<PartRow>>,
    sent: SentRows,
}

/// The rows of a part as they lie in files: there may be a million, and a part that was confirmed whole needs none of them in memory.
struct SentRows {
    /// All rows of the file, in its order; not there where the spool is gone.
    list: Option<Blob>,
    /// Those that are in doubt.
    doubt: Segment<Blob>,
}

/// The import's own word on the part.
struct Verdict {
    import: Option<ImportId>,
    status: Option<ImportStatus>,
}

impl<'a> Settler<'a> {
    fn new(
        job: &'a Job,
        ports: &'a Ports,
        open: &'a OpenPart,
        state: &ActivationState,
        schema_digest: &'a str,
        remembered: HashSet<KeyFingerprint>,
        told: Told,
    ) -> Result<Self, EngineError> {
        let is_another = |it: &&OpenPart| it.run != open.run || it.plan.part != open.plan.part;
        let others_left_doubt = state.open_parts.iter().filter(is_another).any(|it| it.doubt.is_some());
        let name = job.activation.name.as_str();
        let scheme = Scheme::derive(&job.project_secret, name);
        let segments = Segments::new(ports, name, &scheme);
        let named = open.doubt.as_ref().ok_or(EngineError::Conservation {
            what: "parts with a started import = parts in doubt",
            left: 1,
            right: 0,
        })?;
        let doubt = segments.open(Kind::Doubt, named, None)?;
        let sent = SentRows { list: ports.spool.read(&open.run, &rows_name(open.plan.part))?, doubt };
        let exits = if open.plan.is_of_deletes {
            Some(open.mapping.of_keys())
        } else {
            open.plan.is_of_exits.then(|| open.mapping.of_exits()).flatten()
        };
        let mapping = exits.map_or(Cow::Borrowed(&*open.mapping), Cow::Owned);
        Ok(Self {
            job,
            ports,
            open,
            scheme,
            version: state.baseline.version,
            mapping,
            schema_digest,
            others_left_doubt,
            remembered,
            told,
            rows: OnceCell::new(),
            sent,
        })
    }

    fn rows(&self) -> Result<&[PartRow], EngineError> {
        if self.rows.get().is_none() {
            let rows = self.sent.in_doubt(self.open.plan.rows).collect::<Result<_, _>>()?;
            return Ok(self.rows.get_or_init(|| rows));
        }
        Ok(self.rows.get().map_or(&[], Vec::as_slice))
    }

    fn segments(&self) -> Segments<'_> {
        Segments::new(self.ports, self.job.activation.name.as_str(), &self.scheme)
    }

    async fn settle(&self) -> Result<Settled, EngineError> {
        let verdict = match &self.open.stage {
            PartStage::Ended { import, status } => Verdict { import: import.clone(), status: Some(status.clone()) },
            _ => Verdict { import: None, status: None },
        };
        // Rows that an update-only import ignored may land in any counter, so its counts prove nothing.
        // An abandoned import may have ended before newer rows of the same keys came, or after: only reading tells what is there now.
        let counts_may_prove = self.open.plan.order.insert == InsertMode::InsertAndUpdate && !self.open.is_abandoned;
        if let Some(ImportStatus::Completed { counts }) = &verdict.status
            && counts_may_prove
            && counts.prove_all_applied(self.open.plan.rows)
            && self.sent.doubt.len() == self.open.plan.rows
        {
            return self.all_confirmed();
        }
        match self.known_rows(&verdict, counts_may_prove).await {
            Ok(settled) => Ok(settled),
            // Reading is not permitted: nothing can be established, so the rows stay in doubt and are never taken for sent.
            Err(EngineError::Cloud(CloudError::Forbidden { .. })) => self.nothing_known(),
            Err(other) => Err(other),
        }
    }

    fn all_confirmed(&self) -> Result<Settled, EngineError> {
        let (outcomes, forgotten) = self.all_are(Sent::Confirmed)?;
        // What was in doubt is just what is confirmed: the same file serves.
        let confirmed = self.open.doubt.clone();
        Ok(Settled { evidence: Evidence::Counts, outcomes, confirmed, doubt: None, refused: Vec::new(), forgotten, history: None })
    }

    fn nothing_known(&self) -> Result<Settled, EngineError> {
        let (outcomes, _) = self.all_are(Sent::Unconfirmed)?;
        let doubt = self.open.doubt.clone();
        let (refused, forgotten) = (Vec::new(), Vec::new());
        Ok(Settled { evidence: Evidence::None, outcomes, confirmed: None, doubt, refused, forgotten, history: None })
    }

    /// The outcomes of all rows where they are alike, and the keys among them whose refusal is remembered.
    fn all_are(&self, fate: Sent) -> Result<(OutcomeCounts, Vec<KeyFingerprint>), EngineError> {
        let mut by_write: Vec<(Write, u64)> = Vec::new();
        let mut remembered = Vec::new();
        for row in self.sent.in_doubt(self.open.plan.rows) {
            let PartRow { key, mark, .. } = row?;
            match by_write.iter_mut().find(|(write, _)| *write == mark.write) {
                Some((_, rows)) => *rows += 1,
                None => by_write.push((mark.write, 1)),
            }
            remembered.extend(Some(key).filter(|it| self.remembered.contains(it)));
        }
        let mut outcomes = OutcomeCounts::default();
        by_write.into_iter().for_each(|(write, rows)| outcomes.add(Outcome::Sent { write, fate }, rows));
        super::seal::equal("rows in doubt = rows with an outcome", self.sent.doubt.len(), outcomes.count(|_| true))?;
        Ok((outcomes, remembered))
    }

    /// Establishes each row: by the receipt where its row numbers can be proved, by reading back where not.
    async fn known_rows(&self, verdict: &Verdict, counts_may_prove: bool) -> Result<Settled, EngineError> {
        let listed = match (&verdict.import, &verdict.status) {
            (Some(import), Some(ImportStatus::Completed { .. })) => self.ports.cloud.refusals(import).await?,
            _ => None,
        };
        let rows = self.rows()?;
        let observer = Observer::new(self.job, self.ports, self.open, &self.mapping, &self.scheme, rows);
        let mut refusals = match listed {
            Some(list) => Refusals::new(list, self.csv()?, rows)?,
            None => Refusals::none(),
        };
        if let Some(ImportStatus::Completed { counts }) = &verdict.status
            && counts_may_prove
            && refusals.are_complete(counts, rows.len() as u64)
            && !self.others_left_doubt
        {
            let sample = refusals.sample();
            let observed = observer.of_rows(&sample).await?;
            if refusals.prove(rows, &observed) {
                return self.by_receipt(&refusals);
            }
        }
        let observed = observer.all().await?;
        if self.open.plan.is_of_deletes {
            return self.by_absence(&observed);
        }
        refusals.match_observed(rows, &observed);
        self.by_reading(&refusals, &observed, verdict)
    }

    fn csv(&self) -> Result<Option<Blob>, EngineError> {
        Ok(self.ports.spool.read(&self.open.run, &crate::part_files::csv_name(self.open.plan.part))?)
    }

    /// The receipt tells each refused row; all others are confirmed.
    fn by_receipt(&self, refusals: &Refusals) -> Result<Settled, EngineError> {
        let fates = self.rows()?.iter().enumerate().map(|(at, row)| match refusals.of_row(at) {
            Some(_) => Fate { sent: Sent::Refused, update: None, code: refusals.code(at), key: row.key },
            None => Fate { sent: Sent::Confirmed, update: Some(Update::Put(row.entry())), code: None, key: row.key },
        });
        self.of_fates(Evidence::Rows, fates.collect())
    }

    fn by_reading(
        &self,
        refusals: &Refusals,
        observed: &HashMap<KeyFingerprint, Observed>,
        verdict: &Verdict,
    ) -> Result<Settled, EngineError> {
        let is_of_exits = self.open.plan.is_of_exits;
        let is_update_only = self.open.plan.order.insert == InsertMode::UpdateOnly;
        let rows = self.rows()?;
        let (mut differ, mut absent) = (0, 0);
        for row in rows {
            match observed.get(&row.key) {
                None => absent += 1,
                Some(it) if !it.holds(row) => differ += 1,
                Some(_) => {}
            }
        }
        // A row of which only new columns travelled may differ in others, which somebody else has changed: nothing was refused then.
        let PartPlan { order, kept, .. } = &self.open.plan;
        let is_whole = order.fields.len() + kept.len() == self.mapping.fields().count();
        let refusal_is_explained = match &verdict.status {
            _ if !is_whole => false,
            Some(ImportStatus::Completed { counts }) => {
                let not_applied = [differ, differ + absent];
                let refused = [counts.errors, counts.errors + counts.duplicated + counts.restricted];
                counts.errors > 0 && not_applied.iter().any(|it| refused.contains(it))
            }
            // A failed import stopped somewhere, and what it did not reach was not refused. But some tenants call an import failed as soon as
            // a row is refused: where every row of the file was counted as what reading back shows, none was out of its reach.
            Some(ImportStatus::Failed { counts, .. }) => {
                let rows = rows.len() as u64;
                let not_applied = differ + absent;
                counts.total == rows && counts.successful + not_applied == rows && counts.errors == not_applied && not_applied > 0
            }
            _ => false,
        };
        let fates = rows.iter().enumerate().map(|(at, row)| {
            let (key, code) = (row.key, refusals.code(at));
            let not_applied = if code.is_some() || refusal_is_explained { Sent::Refused } else { Sent::Unconfirmed };
            match observed.get(&key) {
                Some(seen) if seen.holds(row) => Fate { sent: Sent::Confirmed, update: Some(Update::Put(row.entry())), code: None, key },
                // Its flag is not there; of its values nothing was read.
                Some(_) if is_of_exits => Fate { sent: not_applied, update: None, code, key },
                Some(seen) => Fate { sent: not_applied, update: Some(Update::Put(seen.entry(row))), code, key },
                None if is_update_only => Fate { sent: Sent::NotInDestination, update: Some(Update::Drop(key)), code: None, key },
                None => Fate { sent: not_applied, update: Some(Update::Drop(key)), code, key },
            }
        });
        self.of_fates(Evidence::ReadBack, fates.collect())
    }

    /// A row is deleted once its key is read and not there. One that is still there is refused where the service said so; otherwise nothing is
    /// known of it but that it is there. Where a call may be heard later, all of them stay in doubt for as long, whatever is read now: a row
    /// that returns meanwhile is sent in each run, and read once more in the end.
    fn by_absence(&self, observed: &HashMap<KeyFingerprint, Observed>) -> Result<Settled, EngineError> {
        if self.open.stage == PartStage::Unresolved {
            return self.at_last(observed);
        }
        let fates = self.rows()?.iter().map(|row| {
            let key = row.key;
            match (observed.contains_key(&key), self.told.refused.as_ref().map(|it| it.get(&key))) {
                (false, _) => Fate { sent: Sent::Confirmed, update: Some(Update::Drop(key)), code: None, key },
                (true, Some(Some(code))) => Fate { sent: Sent::Refused, update: None, code: Some((code.clone(), None)), key },
                // Nobody has come to it.
                (true, None) => Fate { sent: Sent::Unconfirmed, update: None, code: None, key },
                (true, Some(None)) => {
                    let state = EntryState { presence: Presence::ValueUnknown, origin: row.mark.origin };
                    let entry = Entry { key, row: RowFingerprint::of(0), state };
                    Fate { sent: Sent::Unconfirmed, update: Some(Update::Put(entry)), code: None, key }
                }
            }
        });
        let doubt = self.open.doubt.clone().filter(|_| !self.told.is_whole);
        Ok(Settled { doubt, ..self.of_fates(Evidence::ReadBack, fates.collect())? })
    }

    /// The end of a deletion whose answer got lost, once it can be heard no more: what is there now stays. Its outcomes were told before.
    fn at_last(&self, observed: &HashMap<KeyFingerprint, Observed>) -> Result<Settled, EngineError> {
        let gone: BTreeSet<KeyFingerprint> = self.rows()?.iter().map(|it| it.key).filter(|it| !observed.contains_key(it)).collect();
        let confirmed = self.segments().write_updates(gone.into_iter().map(Update::Drop), &self.open.mapping, self.version)?;
        let (outcomes, refused, forgotten) = (OutcomeCounts::default(), Vec::new(), Vec::new());
        Ok(Settled { evidence: Evidence::ReadBack, outcomes, confirmed, doubt: None, refused, forgotten, history: None })
    }

    fn of_fates(&self, evidence: Evidence, fates: Vec<Fate>) -> Result<Settled, EngineError> {
        let mut outcomes = OutcomeCounts::default();
        let mut updates = BTreeMap::new();
        let (mut refused, mut forgotten) = (Vec::new(), Vec::new());
        let unexplained = (UNEXPLAINED.to_owned(), None);
        let is_of_all = self.sent.doubt.len() == self.open.plan.rows;
        let history = history::write_settled(self.ports, (&self.open.run, self.open.plan.part), is_of_all, &fates, |it| {
            let reason = (it.sent == Sent::Refused).then(|| it.code.as_ref().unwrap_or(&unexplained));
            (it.key, it.sent, reason)
        })?;
        let at_ms = self.ports.clock.now_ms();
        for (fate, row) in fates.into_iter().zip(self.rows()?) {
            outcomes.add(Outcome::Sent { write: row.mark.write, fate: fate.sent }, 1);
            updates.extend(fate.update.map(|it| (fate.key, it)));
            if fate.sent == Sent::Refused {
                let (code, field) = fate.code.unwrap_or_else(|| unexplained.clone());
                refused.push(RefusedRow { key: fate.key, row: row.row, code, field, schema: self.schema_digest.to_owned(), at_ms });
            } else if self.remembered.contains(&fate.key) {
                forgotten.push(fate.key);
            }
        }
        let confirmed = self.segments().write_updates(updates.into_values(), &self.open.mapping, self.version)?;
        Ok(Settled { evidence, outcomes, confirmed, doubt: None, refused, forgotten, history })
    }
}

impl SentRows {
    /// The rows still in doubt of `rows` that were sent: in the order of the file, or of their keys where the list is gone.
    fn in_doubt(&self, rows: u64) -> Box<dyn Iterator<Item = Result<PartRow, EngineError>> + '_> {
        let Some(list) = &self.list else { return Box::new(self.doubt.entries().map(row_of_entry).map(Ok)) };
        // After a first settle only some rows are still in doubt.
        let are_all = self.doubt.len() == rows;
        let is_in_doubt = move |row: &PartRow| are_all || self.doubt.get(row.key).is_some();
        Box::new(rows_of(list.as_ref()).filter(move |it| it.as_ref().map_or(true, is_in_doubt)).map(|it| Ok(it?)))
    }
}

/// What became of one row of the part.
struct Fate {
    sent: Sent,
    update: Option<Update>,
    code: Option<(String, Option<outflow_domain::FieldName>)>,
    key: KeyFingerprint,
}

/// A row in doubt of which only the entry is left: what it was meant to do is not known any more.
fn row_of_entry(entry: Entry) -> PartRow {
    let write = match entry.state.presence {
        Presence::LeftFlagged => Write::Flag,
        Presence::LeftKept => Write::Delete,
        Presence::Present | Presence::ValueUnknown => Write::InsertOrUpdate,
    };
    let mark = RowMark { write, origin: entry.state.origin };
    PartRow { key: entry.key, row: entry.row, mark, bytes: 0 }
}

impl Observed {
    /// Whether the destination holds just what the row sent.
    fn holds(&self, row: &PartRow) -> bool {
        self.row == Some(row.row)
    }

    /// What the baseline may say of a row that the destination holds with other values than were sent.
    fn entry(&self, row: &PartRow) -> Entry {
        let presence = if self.row.is_some() { Presence::Present } else { Presence::ValueUnknown };
        let state = EntryState { presence, origin: row.mark.origin };
        Entry { key: row.key, row: self.row.unwrap_or(RowFingerprint::of(0)), state }
    }
}

/// What a refusal depends on beside the row: the mapping, and types and lengths of its fields.
pub(crate) fn schema_digest(mapping: &outflow_domain::Mapping) -> String {
    let types: BTreeMap<_, _> = mapping.fields().map(|it| (it.field.folded(), format!("{:?} {}", it.field_type, it.is_required))).collect();
    format!("{:016x}", crate::digest::of(&[mapping.digest_text().as_bytes(), format!("{types:?}").as_bytes()]) as u64)
}

/// Whether newer parts may end the doubt of one: not where its import, or its deletion, may come after anything newer.
const fn may_be_spoken_for(open: &OpenPart) -> bool {
    open.doubt.is_some() && !open.is_abandoned && !open.plan.is_of_deletes
}

/// Ends the doubt about keys of earlier parts that this run has sent again: a receipt for the newer row is one for the key, and where there is
/// none, the newer doubt is. Not of parts that were given up: their imports may still write, after anything newer.
pub(crate) async fn end_older_doubts(
    job: &Job,
    ports: &Ports,
    recorder: &mut Recorder<'_>,
    run: &RunId,
    spoken_for: &[SegmentRef],
) -> Result<(), EngineError> {
    let older: Vec<OpenPart> = recorder.state().open_parts.iter().filter(|it| it.run != *run && may_be_spoken_for(it)).cloned().collect();
    if older.is_empty() || spoken_for.is_empty() {
        return Ok(());
    }
    let name = job.activation.name.as_str();
    let scheme = Scheme::derive(&job.project_secret, name);
    let segments = Segments::new(ports, name, &scheme);
    let spoken_for = spoken_for.iter().map(|it| segments.open_updates(it, None)).collect::<Result<Vec<_>, _>>()?;
    for open in older {
        let Some(named) = &open.doubt else { continue };
        let doubt = segments.open(Kind::Doubt, named, None)?;
        let left: Vec<Entry> = doubt.entries().filter(|entry| spoken_for.iter().all(|it| it.get(entry.key).is_none())).collect();
        if left.len() as u64 == doubt.len() {
            continue;
        }
        let remaining = if left.is_empty() {
            None
        } else {
            let mut segment = segments.create(Kind::Doubt, &open.mapping, recorder.state().baseline.version)?;
            left.into_iter().try_for_each(|it| segment.push(Update::Put(it)))?;
            Some(segment.commit()?)
        };
        let outcomes = OutcomeCounts::default();
        let event = RunEvent::PartSettled { part: open.plan.part, evidence: Evidence::None, outcomes, confirmed: None, doubt: remaining };
        recorder.record_of(open.run.clone(), event, Vec::new(), Vec::new()).await?;
    }
    Ok(())
}
