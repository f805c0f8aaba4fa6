//! Segments of one activation: written whole or not at all, opened only when they are the ones the ledger names.

use std::{io::Write, thread};

use outflow_baseline::{
    Baseline, Expect, Header, HugePageWriter, Kind, Segment, SegmentInfo, SegmentWriter, Shape, Update, next_shape, write_base,
    write_base_of_new_values, write_delta,
};
use outflow_domain::{BaselineRef, Mapping, RunId, SegmentRef};
use outflow_ports::{Blob, DurableWriter, SpoolWriter};
use outflow_rows::{FOLDING_VERSION, SCHEME, Scheme, mapping_digest};

use crate::{compute::joined, digest, error::EngineError, job::Ports, part_files::read_private};

/// Whose segments these are and how their fingerprints are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments<'p> {
    ports: &'p Ports,
    activation: &'p str,
    id: [u8; 16],
    key_check: [u8; 8],
    opened: Option<&'p Segment<Blob>>,
}

/// A segment being written; dropped without [`NewSegment::commit`] it leaves nothing.
pub(crate) struct NewSegment {
    name: String,
    writer: SegmentWriter<Box<dyn DurableWriter>>,
}

/// A set of keys that is being written into a private file of a run, in key order.
pub(crate) struct PrivateSet {
    name: &'static str,
    header: Header,
    writer: SegmentWriter<HugePageWriter<Box<dyn SpoolWriter>>>,
}

impl PrivateSet {
    pub fn push(&mut self, update: Update) -> Result<(), EngineError> {
        Ok(self.writer.push_update(update)?)
    }
}

impl<'p> Segments<'p> {
    pub fn new(ports: &'p Ports, activation: &'p str, scheme: &Scheme) -> Self {
        Self { ports, activation, id: digest::of(&[activation.as_bytes()]).to_le_bytes(), key_check: scheme.key_check(), opened: None }
    }

    /// Knows a base that this run has opened, and so checked to the last byte, already.
    pub const fn knowing(self, opened: Option<&'p Segment<Blob>>) -> Self {
        Self { opened, ..self }
    }

    fn header(&self, kind: Kind, mapping: &Mapping, version: u64) -> Header {
        Header {
            kind,
            scheme: SCHEME,
            folding_version: FOLDING_VERSION,
            activation: self.id,
            mapping_digest: mapping_digest(mapping),
            key_check: self.key_check,
            version,
        }
    }

    /// Opens a segment that the ledger names.
    pub fn open(&self, kind: Kind, named: &SegmentRef, mapping: Option<&Mapping>) -> Result<Segment<Blob>, EngineError> {
        let info = SegmentInfo { bytes: named.bytes, entries: named.entries, checksum: named.checksum };
        let expect = Expect {
            kind,
            scheme: SCHEME,
            folding_version: FOLDING_VERSION,
            activation: self.id,
            mapping_digest: mapping.map(mapping_digest),
            key_check: self.key_check,
            version: None,
            named: Some(info),
        };
        let opened = match self.opened.filter(|it| it.info() == info) {
            Some(opened) => opened.for_whom_expects(&expect),
            None => {
                let unreadable = |source| EngineError::BaselineUnreadable { activation: self.activation.to_owned(), source };
                Segment::open(self.ports.baselines.open(&named.name).map_err(unreadable)?, &expect)
            }
        };
        opened.map_err(|it| self.unusable(&named.name, it))
    }

    /// Opens a segment of what was established, in whichever form: a part that was confirmed whole is told by the very file of its doubt.
    pub fn open_updates(&self, named: &SegmentRef, mapping: Option<&Mapping>) -> Result<Segment<Blob>, EngineError> {
        let bytes = self.ports.baselines.open(&named.name)?;
        let kind = Header::read(bytes.as_ref()).map_err(|it| self.unusable(&named.name, it))?.kind;
        let kind = if kind == Kind::Doubt { Kind::Doubt } else { Kind::Delta };
        self.open(kind, named, mapping)
    }

    fn unusable(&self, segment: &str, source: outflow_baseline::OpenError) -> EngineError {
        EngineError::Baseline { activation: self.activation.to_owned(), segment: segment.to_owned(), source }
    }

    /// Opens the baseline that counts.
    pub fn open_baseline(&self, baseline: &BaselineRef, mapping: Option<&Mapping>) -> Result<Baseline<Blob>, EngineError> {
        let level = |kind, named: &Option<SegmentRef>| named.as_ref().map(|it| self.open(kind, it, mapping)).transpose();
        let (base, delta) = (level(Kind::Base, &baseline.base)?, level(Kind::Delta, &baseline.delta)?);
        let name = baseline.base.as_ref().map_or("-", |it| it.name.as_str());
        Baseline::open(base, delta).map_err(|it| self.unusable(name, it))
    }

    /// Opens one segment as something that can be probed.
    pub fn open_set(&self, kind: Kind, named: &SegmentRef) -> Result<Baseline<Blob>, EngineError> {
        Baseline::open(Some(self.open(kind, named, None)?), None).map_err(|it| self.unusable(&named.name, it))
    }

    /// Begins a segment under a name never used before.
    pub fn create(&self, kind: Kind, mapping: &Mapping, version: u64) -> Result<NewSegment, EngineError> {
        let word = match kind {
            Kind::Base => "base",
            Kind::Delta => "delta",
            Kind::Doubt => "doubt",
            Kind::Membership => "membership",
            Kind::Held => "held",
        };
        let name = self.ports.baselines.fresh_name(word);
        let writer = self.ports.baselines.create(&name)?;
        Ok(NewSegment { name, writer: SegmentWriter::new(writer, self.header(kind, mapping, version))? })
    }

    /// Writes a set of keys into a private file of the run and opens it.
    pub fn write_private_set(
        &self,
        run: &RunId,
        name: &'static str,
        mapping: &Mapping,
        updates: impl Iterator<Item = Result<Update, EngineError>>,
    ) -> Result<Baseline<Blob>, EngineError> {
        let mut set = self.private_set(run, name, mapping)?;
        for update in updates {
            set.push(update?)?;
        }
        self.open_private_set(run, set)
    }

    /// Begins a set of keys in a private file of the run.
    pub fn private_set(&self, run: &RunId, name: &'static str, mapping: &Mapping) -> Result<PrivateSet, EngineError> {
        let header = self.header(Kind::Membership, mapping, 0);
        let writer = SegmentWriter::new(HugePageWriter::new(self.ports.spool.create(run, name)?), header)?;
        Ok(PrivateSet { name, header, writer })
    }

    /// Ends a private set and opens it.
    pub fn open_private_set(&self, run: &RunId, set: PrivateSet) -> Result<Baseline<Blob>, EngineError> {
        let PrivateSet { name, header, writer } = set;
        let (_, pages) = writer.finish_into()?;
        pages.into_inner()?.finish(false)?;
        let bytes = read_private(self.ports.spool.as_ref(), run, name)?;
        let opened = Segment::open(bytes, &Expect::header(header)).and_then(|it| Baseline::open(Some(it), None));
        opened.map_err(|it| self.unusable(name, it))
    }

    /// Writes updates, in key order, as a segment of what was confirmed; `None` when there are none.
    pub fn write_updates(
        &self,
        updates: impl Iterator<Item = Update>,
        mapping: &Mapping,
        version: u64,
    ) -> Result<Option<SegmentRef>, EngineError> {
        let mut updates = updates.peekable();
        if updates.peek().is_none() {
            return Ok(None);
        }
        let mut segment = self.create(Kind::Delta, mapping, version)?;
        for update in updates {
            segment.push(update)?;
        }
        segment.commit().map(Some)
    }

    /// Writes the baseline that follows `old`, and names it; `None` when nothing changes.
    ///
    /// Where the values are not `comparable`, which is under another mapping or after a field was re-created, it is always written as a
    /// new base: of the old entries only their keys are known in it.
    pub fn write_next(
        &self,
        old: &Baseline<Blob>,
        old_ref: &BaselineRef,
        updates: impl Iterator<Item = Update>,
        updates_len: u64,
        mapping: &Mapping,
        comparable: bool,
    ) -> Result<Option<BaselineRef>, EngineError> {
        let entries = |it: Option<&Segment<Blob>>| it.map_or(0, Segment::len);
        let shape = match next_shape(entries(old.base()), entries(old.delta()), updates_len) {
            Shape::Nothing if comparable => return Ok(None),
            Shape::Delta if comparable => Shape::Delta,
            _ => Shape::Base,
        };
        let version = old_ref.version + 1;
        let kind = if shape == Shape::Delta { Kind::Delta } else { Kind::Base };
        let name = self.ports.baselines.fresh_name(if kind == Kind::Delta { "delta" } else { "base" });
        let mut file = self.ports.baselines.create(&name)?;
        let writer = SegmentWriter::new(HugePageWriter::new(&mut file as &mut dyn Write), self.header(kind, mapping, version))?;
        let info = match kind {
            Kind::Delta => write_delta(old.delta(), updates, writer)?,
            _ if comparable => write_base(old.base(), old.delta(), updates, writer)?,
            _ => write_base_of_new_values(old.base(), old.delta(), updates, writer)?,
        };
        file.commit()?;
        let written = SegmentRef { name, bytes: info.bytes, entries: info.entries, checksum: info.checksum };
        let (base, delta) = match kind {
            Kind::Delta => (old_ref.base.clone(), Some(written)),
            _ => (Some(written), None),
        };
        let mut next = BaselineRef { version, base, delta, present: info.entries, keys: old_ref.keys.clone() };
        if kind == Kind::Delta {
            next.present = self.knowing(old.base()).open_baseline(&next, None)?.len();
        }
        Ok(Some(next))
    }
}

impl NewSegment {
    pub fn push(&mut self, update: Update) -> Result<(), EngineError> {
        Ok(self.writer.push_update(update)?)
    }

    pub const fn entries(&self) -> u64 {
        self.writer.entries()
    }

    /// Makes it durable, and names it.
    pub fn commit(self) -> Result<SegmentRef, EngineError> {
        let Self { name, writer } = self;
        let (info, file) = writer.finish_into()?;
        file.commit()?;
        Ok(SegmentRef { name, bytes: info.bytes, entries: info.entries, checksum: info.checksum })
    }
}

/// Segments that are committed at a time.
const COMMITTED_AT_ONCE: usize = 8;

/// Commits segments side by side, and names them in their order.
pub(crate) fn commit_all(segments: Vec<NewSegment>) -> Result<Vec<SegmentRef>, EngineError> {
    let mut named = Vec::with_capacity(segments.len());
    let mut segments = segments.into_iter().peekable();
    while segments.peek().is_some() {
        let committed: Result<Vec<_>, _> = thread::scope(|scope| {
            let begun: Vec<_> = segments.by_ref().take(COMMITTED_AT_ONCE).map(|it| scope.spawn(|| it.commit())).collect();
            begun.into_iter().map(joined).collect()
        });
        named.extend(committed?);
    }
    Ok(named)
}
