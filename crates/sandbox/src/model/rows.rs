//! The rows of a data extension: compact, found by key, in the order of their hidden number.
//!
//! A row is one allocation. Its cells stand one after another as a length plus one (0 is NULL) and the stored
//! bytes; cells that a row is too short for are NULL, so a new column costs nothing. The index holds row
//! positions only and compares keys with the rows themselves, so a data extension of a million rows stays small.

use std::hash::Hasher as _;

use std::collections::BTreeMap;

use hashbrown::HashTable;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::snapshot::Blob;
use super::switches::KeyFolding;
use super::types::{FieldType, key_part_into};

/// Which cells make the key, and how they compare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLayout {
    /// Slot and type of each key field.
    pub parts: Vec<(usize, FieldType)>,
    /// How texts compare.
    pub folding: KeyFolding,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// `_CustomObjectKey`: never given twice, but to a row made again where the switch says so.
    pub number: u64,
    /// When it was written, as far as retention cares; unix milliseconds.
    pub touched_ms: i64,
    hash: u64,
    /// Empty in a row that was deleted.
    cells: Box<[u8]>,
}

impl Row {
    /// The stored bytes of a slot, `None` for NULL.
    pub fn cell(&self, slot: usize) -> Option<&[u8]> {
        CellIter(&self.cells).nth(slot).flatten()
    }

    /// All cells in the order of slots.
    pub fn cells(&self) -> impl Iterator<Item = Option<&[u8]>> {
        CellIter(&self.cells)
    }
}

struct CellIter<'a>(&'a [u8]);

impl<'a> Iterator for CellIter<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if length == 0 {
            return Some(None);
        }
        let (cell, rest) = self.0.split_at(length - 1);
        self.0 = rest;
        Some(Some(cell))
    }
}

fn push_cell(out: &mut Vec<u8>, cell: Option<&[u8]>) {
    let mut length = cell.map_or(0, |it| it.len() + 1);
    while 0x80 <= length {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(cell.unwrap_or_default());
}

/// Values on their way into a row; reusable, so that an import allocates once per row and not per cell.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    bytes: Vec<u8>,
    slots: Vec<Cell>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cell {
    #[default]
    Absent,
    Null,
    At(usize, usize),
}

impl Cells {
    /// Empties it for rows of so many slots: all absent.
    pub fn reset(&mut self, slots: usize) {
        self.bytes.clear();
        self.slots.clear();
        self.slots.resize(slots, Cell::Absent);
    }

    /// Sets a slot to NULL.
    pub fn set_null(&mut self, slot: usize) {
        self.slots[slot] = Cell::Null;
    }

    /// Sets a slot to what `write` appends.
    pub fn set<E>(&mut self, slot: usize, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let start = self.bytes.len();
        write(&mut self.bytes)?;
        self.slots[slot] = Cell::At(start, self.bytes.len());
        Ok(())
    }

    /// Whether nothing was said about a slot.
    pub fn is_absent(&self, slot: usize) -> bool {
        self.slots[slot] == Cell::Absent
    }

    /// The stored bytes of a slot, `None` for NULL and absent ones.
    pub fn get(&self, slot: usize) -> Option<&[u8]> {
        match self.slots[slot] {
            Cell::At(start, end) => Some(&self.bytes[start..end]),
            _ => None,
        }
    }
}

/// The rows of one data extension.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// In the order of their numbers; deleted ones stay, empty, until there are many.
    rows: Vec<Row>,
    deleted: usize,
    index: HashTable<u32>,
    layout: KeyLayout,
    last_number: u64,
    /// The numbers of rows that were deleted one by one, by key.
    freed: BTreeMap<Vec<u8>, u64>,
    /// No row was touched before this; saves looking for expired ones.
    oldest_ms: i64,
}

impl Rows {
    /// No rows yet.
    pub fn new(layout: KeyLayout) -> Self {
        Self { layout, oldest_ms: i64::MAX, ..Self::default() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len() - self.deleted
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows in the order of their numbers, from after a number.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &Row> {
        let start = self.rows.partition_point(|it| it.number <= number);
        self.rows[start..].iter().filter(|it| !it.cells.is_empty())
    }

    /// All rows in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        self.after(0)
    }

    /// The key of values, or `None` where a part is NULL or there is no key.
    pub fn key_of(&self, cells: &Cells) -> Option<Vec<u8>> {
        if self.layout.parts.is_empty() {
            return None;
        }
        let mut key = Vec::with_capacity(32);
        for (slot, field_type) in &self.layout.parts {
            key_part_into(*field_type, cells.get(*slot)?, self.layout.folding, &mut key);
        }
        Some(key)
    }

    /// The row with a key of [`Self::key_of`].
    pub fn find(&self, key: &[u8]) -> Option<&Row> {
        self.position(key).map(|at| &self.rows[at])
    }

    fn position(&self, key: &[u8]) -> Option<usize> {
        let hash = hash_of(key);
        let mut scratch = Vec::with_capacity(key.len());
        let same = |at: &u32| {
            let row = &self.rows[*at as usize];
            row.hash == hash && {
                scratch.clear();
                key_into(&self.layout, row, &mut scratch);
                scratch == key
            }
        };
        self.index.find(hash, same).map(|at| *at as usize)
    }

    /// Adds a row; the caller has made sure that its key is new. Gives its number.
    pub fn insert(&mut self, cells: &Cells, key: Option<&[u8]>, now_ms: i64) -> u64 {
        let mut bytes = Vec::with_capacity(cells.bytes.len() + cells.slots.len() + 4);
        for slot in 0..cells.slots.len() {
            push_cell(&mut bytes, cells.get(slot));
        }
        self.push(bytes, key, now_ms)
    }

    fn push(&mut self, mut bytes: Vec<u8>, key: Option<&[u8]>, now_ms: i64) -> u64 {
        // A row without cells would look like a deleted one.
        if bytes.is_empty() {
            bytes.push(0);
        }
        self.last_number += 1;
        let hash = key.map_or(0, hash_of);
        let at = self.rows.len() as u32;
        self.rows.push(Row { number: self.last_number, touched_ms: now_ms, hash, cells: bytes.into_boxed_slice() });
        self.oldest_ms = self.oldest_ms.min(now_ms);
        if key.is_some() {
            let rows = &self.rows;
            self.index.insert_unique(hash, at, |it| rows[*it as usize].hash);
        }
        self.last_number
    }

    /// Changes the row with that key; absent values stay. Whether there is one.
    pub fn update(&mut self, cells: &Cells, key: &[u8], touched_ms: Option<i64>) -> bool {
        let Some(at) = self.position(key) else { return false };
        let row = &self.rows[at];
        let mut bytes = Vec::with_capacity(row.cells.len() + cells.bytes.len());
        let mut old = CellIter(&row.cells);
        for (slot, cell) in cells.slots.iter().enumerate() {
            let old = old.next().flatten();
            push_cell(&mut bytes, if *cell == Cell::Absent { old } else { cells.get(slot) });
        }
        let row = &mut self.rows[at];
        row.cells = bytes.into_boxed_slice();
        row.touched_ms = touched_ms.unwrap_or(row.touched_ms);
        true
    }

    /// Removes the row with that key; whether there was one.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let Some(at) = self.position(key) else { return false };
        let hash = self.rows[at].hash;
        if let Ok(entry) = self.index.find_entry(hash, |it| *it as usize == at) {
            entry.remove();
        }
        self.rows[at].cells = Box::default();
        self.freed.insert(key.to_vec(), self.rows[at].number);
        self.deleted += 1;
        if self.rows.len() < self.deleted * 2 {
            self.compact();
        }
        true
    }

    /// Gives the newest row, which has this key, the number of the deleted one it was made after.
    pub fn take_old_number(&mut self, key: &[u8]) {
        if let (Some(number), Some(newest)) = (self.freed.remove(key), self.rows.last_mut()) {
            newest.number = number;
            self.rows.sort_by_key(|it| it.number);
            self.reindex();
        }
    }

    /// Removes all rows; numbers go on from where they were.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.index.clear();
        self.freed.clear();
        self.deleted = 0;
        self.oldest_ms = i64::MAX;
    }

    /// Removes the oldest rows.
    pub fn expire_count(&mut self, count: usize) -> usize {
        let mut ages: Vec<(i64, u64)> = self.iter().map(|it| (it.touched_ms, it.number)).collect();
        ages.sort_unstable();
        ages.truncate(count);
        let gone: std::collections::HashSet<u64> = ages.into_iter().map(|(_, number)| number).collect();
        self.retain(|row| !gone.contains(&row.number));
        gone.len()
    }

    /// Removes rows that were last touched before a moment.
    pub fn expire_before(&mut self, moment_ms: i64) {
        if self.oldest_ms < moment_ms {
            self.retain(|row| moment_ms <= row.touched_ms);
        }
    }

    /// No row was touched before this moment.
    pub fn oldest_ms(&self) -> Option<i64> {
        (!self.is_empty()).then_some(self.oldest_ms)
    }

    fn retain(&mut self, keep: impl Fn(&Row) -> bool) {
        for row in &mut self.rows {
            if !row.cells.is_empty() && !keep(row) {
                row.cells = Box::default();
            }
        }
        self.compact();
    }

    fn compact(&mut self) {
        self.rows.retain(|it| !it.cells.is_empty());
        self.deleted = 0;
        self.oldest_ms = self.rows.iter().map(|it| it.touched_ms).min().unwrap_or(i64::MAX);
        self.reindex();
    }

    /// Sets a slot to one value in all rows: what a new column with a default does.
    pub fn fill(&mut self, slot: usize, value: Option<&[u8]>) {
        for row in self.rows.iter_mut().filter(|it| !it.cells.is_empty()) {
            let mut bytes = Vec::with_capacity(row.cells.len() + 8);
            let mut old = CellIter(&row.cells);
            for _ in 0..slot {
                push_cell(&mut bytes, old.next().flatten());
            }
            old.next();
            push_cell(&mut bytes, value);
            for cell in old {
                push_cell(&mut bytes, cell);
            }
            row.cells = bytes.into_boxed_slice();
        }
    }

    /// Takes another key or folding. Where two rows fall together the older one is found.
    pub fn set_layout(&mut self, layout: KeyLayout) {
        if self.layout != layout {
            self.layout = layout;
            self.reindex();
        }
    }

    /// What the key is.
    pub fn layout(&self) -> &KeyLayout {
        &self.layout
    }

    fn reindex(&mut self) {
        self.index.clear();
        if self.layout.parts.is_empty() {
            return;
        }
        let mut key = Vec::new();
        for at in 0..self.rows.len() {
            if self.rows[at].cells.is_empty() {
                continue;
            }
            key.clear();
            if key_into(&self.layout, &self.rows[at], &mut key) {
                let hash = hash_of(&key);
                self.rows[at].hash = hash;
                let rows = &self.rows;
                self.index.insert_unique(hash, at as u32, |it| rows[*it as usize].hash);
            }
        }
    }
}

/// Appends a row's key; false where a part is NULL.
fn key_into(layout: &KeyLayout, row: &Row, out: &mut Vec<u8>) -> bool {
    for (slot, field_type) in &layout.parts {
        let Some(cell) = row.cell(*slot) else { return false };
        key_part_into(*field_type, cell, layout.folding, out);
    }
    true
}

fn hash_of(key: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(key);
    hasher.finish()
}

#[derive(Serialize, Deserialize)]
struct Stored {
    layout: KeyLayout,
    last_number: u64,
    #[serde(default)]
    freed: Vec<(Vec<u8>, u64)>,
    /// Of each row: number, moment, length of the cells (8 bytes each), cells.
    rows: Blob,
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        for row in self.iter() {
            bytes.extend_from_slice(&row.number.to_le_bytes());
            bytes.extend_from_slice(&row.touched_ms.to_le_bytes());
            bytes.extend_from_slice(&(row.cells.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&row.cells);
        }
        let freed = self.freed.iter().map(|(key, number)| (key.clone(), *number)).collect();
        Stored { layout: self.layout.clone(), last_number: self.last_number, freed, rows: Blob(bytes) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let mut rows = Self { last_number: stored.last_number, freed: stored.freed.into_iter().collect(), ..Self::new(stored.layout) };
        let mut rest = stored.rows.0.as_slice();
        let word = |rest: &mut &[u8]| {
            let (head, tail) = rest.split_first_chunk::<8>()?;
            *rest = tail;
            Some(u64::from_le_bytes(*head))
        };
        while !rest.is_empty() {
            let read = (word(&mut rest), word(&mut rest), word(&mut rest));
            let (Some(number), Some(touched), Some(length)) = read else {
                return Err(serde::de::Error::custom("a row is cut off"));
            };
            let Some((cells, tail)) = usize::try_from(length).ok().and_then(|it| rest.split_at_checked(it)) else {
                return Err(serde::de::Error::custom("a row is cut off"));
            };
            rest = tail;
            rows.rows.push(Row { number, touched_ms: touched as i64, hash: 0, cells: cells.into() });
        }
        rows.compact();
        Ok(rows)
    }
}
