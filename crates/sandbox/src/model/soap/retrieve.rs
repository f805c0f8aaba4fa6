//! Retrieve: metadata objects by filter, and pages of both objects and rows.

use super::element::Element;
use super::filter::{Comparable, Filter};
use super::records::{Record, properties, read_scope};
use super::row_retrieve::RowQuery;
use crate::model::Model;
use crate::model::folding::folded;
use crate::model::imports::ImportStatus;
use crate::model::switches::KeyFolding;
use crate::model::token::Grant;

/// What is left of a retrieve that had more than a page.
#[derive(Debug)]
pub struct Continuation {
    account_id: u64,
    made_ms: i64,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    Objects(Vec<Element>),
    Rows(RowQuery),
}

/// A page of results.
pub(super) struct Page {
    pub results: Vec<Element>,
    pub more: bool,
}

impl Model {
    /// Answers a `RetrieveRequestMsg`.
    pub(super) fn retrieve(&mut self, message: &Element, grant: &Grant, now_ms: i64) -> Element {
        let request_id = self.ids.guid();
        let page = match message.child("RetrieveRequest") {
            Some(request) => self.page(request, grant, &request_id, now_ms),
            None => Err("The RetrieveRequest is missing.".to_owned()),
        };
        let (status, results) = match page {
            Ok(page) => (if page.more { "MoreDataAvailable" } else { "OK" }.to_owned(), page.results),
            Err(error) => (format!("Error: {error}"), Vec::new()),
        };
        Element::new("RetrieveResponseMsg").with_text("OverallStatus", status).with_text("RequestID", request_id).with_all(results)
    }

    fn page(&mut self, request: &Element, grant: &Grant, request_id: &str, now_ms: i64) -> Result<Page, String> {
        let asked: Option<usize> = request.number("Options/BatchSize");
        let size = asked.filter(|it| 0 < *it).unwrap_or(usize::MAX).min(self.switches.page_rows_max);
        if let Some(earlier) = request.filled("ContinueRequest") {
            return self.continue_page(earlier, size, grant, request_id, now_ms);
        }
        let object = request.filled("ObjectType").unwrap_or_default();
        let account_id = self.account_of(request, grant)?;
        if let Some(key) = object.strip_prefix("DataExtensionObject[").and_then(|it| it.strip_suffix(']')) {
            if !grant.may("data_extensions_read") || self.switches.row_reading_refused {
                return Err("API Permission Failed. Retrieve of DataExtensionObject is not permitted.".to_owned());
            }
            let query = self.row_query(account_id, key, request)?;
            return self.row_page(query, size, request_id, now_ms);
        }
        if properties(object).is_none() {
            return Err(format!("Unable to find a handler for object type: {object}. Object types are case-sensitive, check spelling."));
        }
        if !grant.may(read_scope(object)) {
            return Err(format!("API Permission Failed. Retrieve of {object} is not permitted."));
        }
        let results = self.objects(account_id, object, request)?;
        Ok(self.cut(results, size, account_id, request_id, now_ms))
    }

    /// Another business unit may be named in the request if the package reaches it.
    fn account_of(&self, request: &Element, grant: &Grant) -> Result<u64, String> {
        match request.number::<u64>("ClientIDs/ID") {
            Some(id) if self.units.contains_key(&id) => Ok(id),
            Some(id) => Err(format!("API Permission Failed. The business unit {id} is not accessible.")),
            None => Ok(grant.account_id),
        }
    }

    fn objects(&mut self, account_id: u64, object: &str, request: &Element) -> Result<Vec<Element>, String> {
        let known = properties(object).unwrap_or_default();
        let is_known = |name: &str| known.iter().any(|(it, _)| *it == name);
        let filter = request.child("Filter").filter(|it| !it.children.is_empty()).map(Filter::read).transpose()?;
        let mut wanted: Vec<String> = request.all("Properties").map(|it| it.text.trim().to_owned()).collect();
        if wanted.is_empty() {
            wanted = known.iter().map(|(name, _)| (*name).to_owned()).collect();
        }
        let filtered = filter.iter().flat_map(Filter::properties);
        let unknown: Vec<&str> = wanted.iter().map(String::as_str).chain(filtered).filter(|it| !is_known(it)).collect();
        if !unknown.is_empty() {
            return Err(format!("The Request Property(s) {} do not match with the fields of {object} retrieve", unknown.join(", ")));
        }
        let mut records = self.records(account_id, object);
        if let Some(filter) = &filter {
            let text_type = |name: &str| known.iter().find(|(it, _)| *it == name).map_or("String", |(_, kind)| kind);
            let read = |name: &str, text: &str| comparable(text_type(name), text);
            records.retain(|record| {
                let get = |name: &str| value_of(record, name).and_then(|it| comparable(text_type(name), it));
                filter.matches(&get, &read)
            });
        }
        if object == "ImportResultsSummary" {
            records = self.results_as_polled(records);
        }
        Ok(records.iter().map(|it| object_element(object, it, &wanted)).collect())
    }

    /// Results of fresh tasks come late, and a switch shows an outdated row beside the true one.
    fn results_as_polled(&mut self, records: Vec<Record>) -> Vec<Record> {
        let mut shown = Vec::new();
        for record in records {
            let id = value_of(&record, "TaskResultID").and_then(|it| it.parse::<u64>().ok()).unwrap_or_default();
            self.imports.polled(id);
            let Some(import) = self.imports.get(id) else { continue };
            if import.polls <= self.switches.empty_polls {
                continue;
            }
            if self.switches.two_result_rows && import.status != ImportStatus::New {
                let mut outdated = record.clone();
                for (name, value) in &mut outdated {
                    match *name {
                        "ImportStatus" => *value = Some("Processing".to_owned()),
                        "EndDate" => *value = Some(String::new()),
                        "NumberSuccessful" | "NumberDuplicated" | "NumberErrors" | "NumberRestricted" | "TotalRows" => {
                            *value = Some("0".to_owned());
                        }
                        _ => {}
                    }
                }
                shown.push(outdated);
            }
            shown.push(record);
        }
        shown
    }

    fn cut(&mut self, mut results: Vec<Element>, size: usize, account_id: u64, request_id: &str, now_ms: i64) -> Page {
        if results.len() <= size {
            return Page { results, more: false };
        }
        let rest = results.split_off(size);
        self.keep(account_id, request_id, now_ms, Rest::Objects(rest));
        Page { results, more: true }
    }

    pub(super) fn row_page(&mut self, query: RowQuery, size: usize, request_id: &str, now_ms: i64) -> Result<Page, String> {
        let account_id = query.account_id;
        let (results, rest) = self.rows_of(query, size)?;
        let more = rest.is_some();
        if let Some(rest) = rest {
            self.keep(account_id, request_id, now_ms, Rest::Rows(rest));
        }
        Ok(Page { results, more })
    }

    fn keep(&mut self, account_id: u64, request_id: &str, made_ms: i64, rest: Rest) {
        let lives_ms = self.switches.continuation_lives_s * 1000;
        self.continuations.retain(|_, it| made_ms < it.made_ms + lives_ms);
        self.continuations.insert(request_id.to_owned(), Continuation { account_id, made_ms, rest });
    }

    fn continue_page(&mut self, earlier: &str, size: usize, grant: &Grant, request_id: &str, now_ms: i64) -> Result<Page, String> {
        let lives_ms = self.switches.continuation_lives_s * 1000;
        let found = self
            .continuations
            .get(earlier)
            .filter(|it| now_ms < it.made_ms + lives_ms && (it.account_id == grant.account_id || self.units.contains_key(&it.account_id)));
        // A continuation stays, so that a page whose answer was lost can be asked for again.
        match found.map(|it| (it.account_id, &it.rest)) {
            None => Err(format!("The request {earlier} cannot be continued.")),
            Some((account_id, Rest::Objects(rest))) => {
                let rest = rest.clone();
                Ok(self.cut(rest, size, account_id, request_id, now_ms))
            }
            Some((_, Rest::Rows(query))) => {
                let query = query.clone();
                self.row_page(query, size, request_id, now_ms)
            }
        }
    }
}

fn value_of<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    record.iter().find(|(it, _)| *it == name).and_then(|(_, value)| value.as_deref())
}

/// Metadata compares without case, numbers as numbers, dates as their text.
fn comparable(kind: &str, text: &str) -> Option<Comparable> {
    match kind {
        "Int32" | "Int64" => text.trim().parse().ok().map(Comparable::Whole),
        "Boolean" => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(Comparable::Whole(1)),
            "false" | "0" => Some(Comparable::Whole(0)),
            _ => None,
        },
        "DateTime" => crate::model::clock::parse(text, false, -6).map(Comparable::Whole),
        _ => Some(Comparable::Text(folded(text, KeyFolding::Simple))),
    }
}

/// The object with the wanted properties; dotted names become nested elements.
fn object_element(object: &str, record: &Record, wanted: &[String]) -> Element {
    let mut results = Element::new("Results").of_kind(object).with(Element::nil("PartnerKey"));
    for name in wanted {
        if name == "PartnerKey" {
            continue;
        }
        let Some(value) = value_of(record, name) else { continue };
        match name.split_once('.') {
            None => results.children.push(Element::text(name, value)),
            Some((outer, inner)) => {
                if results.child(outer).is_none() {
                    results.children.push(nested(outer));
                }
                if let Some(parent) = results.children.iter_mut().find(|it| it.name == outer) {
                    parent.children.push(Element::text(inner, value));
                }
            }
        }
    }
    if results.child("ObjectID").is_none() {
        results.children.push(Element::nil("ObjectID"));
    }
    // The contract demands what the service leaves out here.
    for child in results.children.iter_mut().filter(|it| it.name == "SendableSubscriberField") {
        child.children.push(Element::new("Value"));
    }
    for child in results.children.iter_mut().filter(|it| it.name == "Notification") {
        for (name, usual) in [("ResponseType", "None"), ("ResponseAddress", "")] {
            if child.child(name).is_none() {
                child.children.push(Element::text(name, usual));
            }
        }
    }
    results
}

fn nested(name: &str) -> Element {
    let element = Element::new(name);
    if name == "DestinationObject" { element.of_kind("DataExtension") } else { element }
}
