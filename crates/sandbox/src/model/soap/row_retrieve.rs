//! Retrieve of rows: `DataExtensionObject[KEY]`.

use super::element::Element;
use super::filter::{Comparable, Filter, Operator};
use crate::model::Model;
use crate::model::clock;
use crate::model::data_extension::{DataExtension, Field};
use crate::model::folding::folded;
use crate::model::rows::{Cells, Row};
use crate::model::switches::Switches;
use crate::model::types::{FieldType, Reading, date_ms, number, show, truth};

/// The hidden auto-number column.
pub const NUMBER_COLUMN: &str = "_CustomObjectKey";

/// A retrieve of rows, to be continued after a row's number.
#[derive(Clone, Debug)]
pub struct RowQuery {
    pub(super) account_id: u64,
    object_id: String,
    columns: Vec<String>,
    filter: Option<Filter>,
    after: u64,
}

impl Model {
    /// Checks a retrieve of rows.
    pub(super) fn row_query(&self, account_id: u64, key: &str, request: &Element) -> Result<RowQuery, String> {
        let de = self
            .units
            .get(&account_id)
            .and_then(|unit| unit.data_extension(key))
            .ok_or_else(|| format!("Data extension {key} does not exist."))?;
        let columns: Vec<String> = request.all("Properties").map(|it| it.text.clone()).collect();
        if columns.is_empty() {
            return Err("The Request Property(s) must name at least one column.".to_owned());
        }
        let filter = request.child("Filter").filter(|it| !it.children.is_empty()).map(Filter::read).transpose()?;
        let filtered = filter.iter().flat_map(Filter::properties);
        for name in columns.iter().map(String::as_str).chain(filtered) {
            let numbered = name.eq_ignore_ascii_case(NUMBER_COLUMN) && self.switches.custom_object_key_retrievable;
            if !numbered && de.field(name).is_none() {
                return Err(format!("Invalid column name '{name}'."));
            }
        }
        Ok(RowQuery { account_id, object_id: de.object_id.clone(), columns, filter, after: 0 })
    }

    /// A page of rows, and the query for what is left.
    pub(super) fn rows_of(&self, mut query: RowQuery, size: usize) -> Result<(Vec<Element>, Option<RowQuery>), String> {
        let de = self
            .units
            .get(&query.account_id)
            .and_then(|unit| unit.data_extension_by_id(&query.object_id))
            .ok_or("The data extension does not exist any more.")?;
        let reader = RowReader { de, switches: &self.switches };
        let columns: Vec<(&str, Option<&Field>)> = query.columns.iter().map(|name| (name.as_str(), de.field(name))).collect();
        let by_key = query.filter.as_ref().and_then(|it| reader.by_key(it));
        // What the index found needs no second look where the filter names keys and nothing else.
        let check = query.filter.as_ref().filter(|it| by_key.is_none() || !reader.is_only_keys(it));
        let after = query.after;
        let found: Box<dyn Iterator<Item = &Row>> = match by_key {
            Some(rows) => Box::new(rows.into_iter().filter(move |it| after < it.number)),
            None => Box::new(de.rows.after(after)),
        };
        let mut found = found.filter(|row| check.is_none_or(|it| reader.matches(it, row)));
        let mut results = Vec::new();
        let mut last = query.after;
        for row in found.by_ref().take(size) {
            last = row.number;
            results.push(reader.element(row, &columns));
        }
        let more = found.next().is_some();
        drop(found);
        query.after = last;
        Ok((results, more.then_some(query)))
    }
}

struct RowReader<'a> {
    de: &'a DataExtension,
    switches: &'a Switches,
}

impl<'a> RowReader<'a> {
    fn element(&self, row: &Row, columns: &[(&str, Option<&Field>)]) -> Element {
        let cells: Vec<Option<&[u8]>> = row.cells().collect();
        let property = |(name, field): &(&str, Option<&Field>)| {
            let value = match field {
                Some(field) => cells.get(field.slot).copied().flatten().map(|it| show(field.field_type, it)),
                None => Some(row.number.to_string()),
            };
            Element::new("Property").with_text("Name", *name).with_text("Value", value.unwrap_or_default())
        };
        Element::new("Results")
            .of_kind("DataExtensionObject")
            .with(Element::nil("PartnerKey"))
            .with(Element::nil("ObjectID"))
            .with_text("Type", "DataExtensionObject")
            .with(Element::new("Properties").with_all(columns.iter().map(property)))
    }

    fn matches(&self, filter: &Filter, row: &Row) -> bool {
        let get = |name: &str| match self.de.field(name) {
            Some(field) => row.cell(field.slot).map(|it| self.stored(field, it)),
            None => Some(Comparable::Whole(row.number as i64)),
        };
        let read = |name: &str, text: &str| match self.de.field(name) {
            Some(field) => self.given(field, text),
            None => text.trim().parse().ok().map(Comparable::Whole),
        };
        filter.matches(&get, &read)
    }

    fn stored(&self, field: &Field, bytes: &[u8]) -> Comparable {
        match field.field_type {
            FieldType::Number => Comparable::Whole(number(bytes).into()),
            // Compared by the second, as rows are read back.
            FieldType::Date => Comparable::Whole(date_ms(bytes).div_euclid(1000)),
            FieldType::Boolean => Comparable::Whole(i64::from(bytes == [1])),
            FieldType::Decimal => Comparable::Decimal(String::from_utf8_lossy(bytes).into_owned()),
            _ => Comparable::Text(folded(&String::from_utf8_lossy(bytes), self.switches.key_folding)),
        }
    }

    fn given(&self, field: &Field, text: &str) -> Option<Comparable> {
        Some(match field.field_type {
            FieldType::Number => Comparable::Whole(text.trim().parse().ok()?),
            FieldType::Date => {
                let ms = clock::parse(text, false, self.switches.server_offset_hours)?;
                Comparable::Whole(ms.div_euclid(1000))
            }
            FieldType::Boolean => Comparable::Whole(truth(text)?.into()),
            FieldType::Decimal => {
                let mut stored = Vec::new();
                field.demand().store(text, self.reading(), &mut stored).ok()?;
                Comparable::Decimal(String::from_utf8(stored).ok()?)
            }
            _ => Comparable::Text(folded(text, self.switches.key_folding)),
        })
    }

    fn reading(&self) -> Reading {
        Reading::of(self.switches)
    }

    /// The rows a filter can match, where it names whole keys: the index finds them. Dates are left to the scan,
    /// as they compare by the second and are found by the tick.
    fn by_key(&self, filter: &Filter) -> Option<Vec<&'a Row>> {
        let keys = self.keys(filter)?;
        let mut rows: Vec<&Row> = Vec::new();
        for key in keys {
            let mut cells = Cells::default();
            cells.reset(self.de.slots());
            let fits = key.iter().all(|(slot, value)| {
                let field = self.de.fields.iter().find(|it| it.slot == *slot);
                field.is_some_and(|field| self.de.set_text(&mut cells, field, Some(value), self.reading()).is_ok())
            });
            let found = if fits { self.de.rows.key_of(&cells).and_then(|it| self.de.rows.find(&it)) } else { None };
            rows.extend(found);
        }
        rows.sort_by_key(|it| it.number);
        rows.dedup_by_key(|it| it.number);
        Some(rows)
    }

    /// Whether a filter is about key fields alone, each named once.
    fn is_only_keys(&self, filter: &Filter) -> bool {
        match filter {
            Filter::Or(parts) => parts.iter().all(|it| self.is_only_keys(it)),
            Filter::Simple { .. } => self.de.key_fields().count() == 1,
            Filter::And(parts) => parts.len() == self.de.key_fields().count() && parts.iter().all(|it| matches!(it, Filter::Simple { .. })),
        }
    }

    /// The whole keys a filter names, each as slots and texts; `None` where it may match others too.
    fn keys(&self, filter: &Filter) -> Option<Vec<Vec<(usize, String)>>> {
        let key: Vec<&Field> = self.de.key_fields().collect();
        if key.is_empty() || key.iter().any(|it| it.field_type == FieldType::Date) {
            return None;
        }
        match filter {
            Filter::Or(parts) => {
                let parts: Option<Vec<_>> = parts.iter().map(|it| self.keys(it)).collect();
                Some(parts?.concat())
            }
            Filter::Simple { .. } => self.keys(&Filter::And(vec![filter.clone()])),
            Filter::And(parts) => {
                if let Some(keys) = parts.iter().filter(|it| matches!(it, Filter::Or(_) | Filter::And(_))).find_map(|it| self.keys(it)) {
                    return Some(keys);
                }
                let mut keys: Vec<Vec<(usize, String)>> = vec![Vec::new()];
                for field in key {
                    let values = parts.iter().find_map(|part| match part {
                        Filter::Simple { property, operator: Operator::Equals | Operator::In, values }
                            if self.de.field(property).is_some_and(|it| it.slot == field.slot) && !values.is_empty() =>
                        {
                            Some(values)
                        }
                        _ => None,
                    })?;
                    keys = keys
                        .iter()
                        .flat_map(|key| {
                            values.iter().map(|value| {
                                let mut longer = key.clone();
                                longer.push((field.slot, value.clone()));
                                longer
                            })
                        })
                        .collect();
                }
                Some(keys)
            }
        }
    }
}
