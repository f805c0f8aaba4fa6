//! Blanks that leave a field as it is.
//!
//! Where a field's `when_null` is `keep`, a blank is no value that is to arrive: the row travels without the field. Which fields a row keeps is a
//! set of bits, one for each field of the mapping that may be kept, in the order of `Mapping::fields`; and it is a part of the row's
//! fingerprint, so that a field that was left alone is never taken for one that was cleared.

use outflow_domain::{Mapping, RowFingerprint, WhenNull};

use crate::{
    batch::{CanonicalColumn, is_set},
    sip::SipKey,
    text::with_texts,
};

/// Bits of one word.
const BITS: usize = u64::BITS as usize;

/// Positions in `Mapping::fields` of the fields that may be kept, ascending.
#[must_use]
pub fn keepable_fields(mapping: &Mapping) -> Vec<usize> {
    mapping.fields().enumerate().filter(|(_, it)| it.when_null == WhenNull::Keep).map(|(at, _)| at).collect()
}

/// Which fields one row keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeptFields(Vec<u64>);

impl KeptFields {
    /// Those that these bits say.
    #[must_use]
    pub fn of_bits(bits: &[u64]) -> Self {
        // One set has one form, whatever words without bits follow.
        let words = bits.iter().rposition(|it| *it != 0).map_or(0, |last| last + 1);
        Self(bits[..words].to_vec())
    }

    /// Those that are named by their places among the fields that may be kept.
    #[must_use]
    pub fn of_places(places: impl IntoIterator<Item = usize>) -> Self {
        let mut words = Vec::new();
        for place in places {
            if words.len() <= place / BITS {
                words.resize(place / BITS + 1, 0);
            }
            words[place / BITS] |= 1 << (place % BITS);
        }
        Self(words)
    }

    /// The bits.
    #[must_use]
    pub fn bits(&self) -> &[u64] {
        &self.0
    }

    /// Whether no field is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the field is kept that has this place among those that may be.
    #[must_use]
    pub fn has(&self, place: usize) -> bool {
        has(&self.0, place)
    }

    /// The places of kept fields among those that may be, ascending.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len() * BITS).filter(|place| self.has(*place))
    }
}

/// Whether a bit is set.
pub(crate) fn has(bits: &[u64], place: usize) -> bool {
    bits.get(place / BITS).is_some_and(|it| it >> (place % BITS) & 1 == 1)
}

/// Which fields each row of a batch keeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptBlanks {
    /// Words of each row.
    words: usize,
    /// Row by row; empty where no row keeps a field.
    bits: Vec<u64>,
}

impl KeptBlanks {
    /// The blanks of the columns that may be kept.
    pub fn of_columns(columns: &[CanonicalColumn], keepable: &[usize], rows: usize) -> Self {
        let mut kept = Self::default();
        for (place, &field) in keepable.iter().enumerate() {
            let keep = |row| kept.keep(row, place, keepable.len(), rows);
            each_blank(&columns[field], rows, keep);
        }
        kept
    }

    /// What is known of each row otherwise.
    pub fn of_rows<'k>(rows: usize, keepable: usize, kept: impl Fn(usize) -> &'k [u64]) -> Self {
        let mut blanks = Self::default();
        for row in 0..rows {
            for place in (0..keepable).filter(|it| has(kept(row), *it)) {
                blanks.keep(row, place, keepable, rows);
            }
        }
        blanks
    }

    fn keep(&mut self, row: usize, place: usize, keepable: usize, rows: usize) {
        if self.bits.is_empty() {
            self.words = keepable.div_ceil(BITS);
            self.bits = vec![0; self.words * rows];
        }
        self.bits[row * self.words + place / BITS] |= 1 << (place % BITS);
    }

    /// Whether no row keeps a field.
    pub const fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }

    /// The bits of a row, without any where it keeps nothing.
    pub fn of_row(&self, row: usize) -> &[u64] {
        let bits = if self.bits.is_empty() { &[][..] } else { &self.bits[row * self.words..][..self.words] };
        if bits.iter().all(|it| *it == 0) { &[] } else { bits }
    }

    /// Makes what a row keeps a part of its fingerprint.
    pub fn mark(&self, key: SipKey, rows: &mut [RowFingerprint]) {
        for (row, fingerprint) in rows.iter_mut().enumerate() {
            let kept = self.of_row(row);
            if !kept.is_empty() {
                let message: Vec<[u8; 8]> = [fingerprint.bits()].iter().chain(kept).map(|it| it.to_le_bytes()).collect();
                key.hash_all_64([message.as_slice()].into_iter(), |hash| *fingerprint = RowFingerprint::of(hash));
            }
        }
    }
}

/// Tells each row in which a column is blank.
pub(crate) fn each_blank(column: &CanonicalColumn, rows: usize, mut blank: impl FnMut(usize)) {
    let nulls = match column {
        CanonicalColumn::Text(texts) => {
            return with_texts!(texts, text => (0..rows).filter(|row| text(*row).is_empty()).for_each(blank));
        }
        CanonicalColumn::Number(numbers) => &numbers.nulls,
        CanonicalColumn::Decimal(decimals) => &decimals.units.nulls,
        CanonicalColumn::Date(dates) => &dates.seconds.nulls,
        CanonicalColumn::Boolean { nulls, .. } => nulls,
    };
    if nulls.as_ref().is_some_and(|it| it.null_count() > 0) {
        (0..rows).filter(|row| !is_set(nulls, *row)).for_each(&mut blank);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_again() {
        for places in [&[][..], &[0], &[5, 63, 64, 200]] {
            let kept = KeptFields::of_places(places.iter().copied());
            assert_eq!(kept.places().collect::<Vec<_>>(), places);
            assert_eq!(KeptFields::of_bits(&[kept.bits(), &[0, 0]].concat()), kept);
        }
    }
}
