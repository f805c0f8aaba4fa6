//! Answers: what came, and how it is told that a call failed although HTTP says 200.

use roxmltree::{Document, ParsingOptions};

use super::{ENVELOPE, ENVELOPE_12, Element, PARTNER, fault::Fault, text};
use crate::failure::{Failure, Privacy, Refusal};

/// The most nodes we read: 2,500 rows of 500 fields have six million.
const NODES_MAX: u32 = 20_000_000;

/// Why an envelope holds no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// It is not what was asked for; the text says what is wrong with it, without values.
    Unreadable(String),
    /// The service said no.
    Refused(Refusal),
}

impl Unanswered {
    pub(crate) fn into_failure(self, action: &str, privacy: Privacy) -> Failure {
        match self {
            Self::Unreadable(message) => Failure::unreadable(action, message),
            Self::Refused(refusal) => Failure::refused(action, 200, &refusal, privacy),
        }
    }
}

/// `OverallStatus`, or a result's `StatusCode`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// All is well.
    Ok,
    /// All is well, and there are more pages.
    MoreDataAvailable,
    /// Anything else.
    Failed,
}

impl Status {
    pub(crate) fn of(text: &str) -> Self {
        match text.trim() {
            "OK" => Self::Ok,
            "MoreDataAvailable" => Self::MoreDataAvailable,
            _ => Self::Failed,
        }
    }
}

/// Reads a document; a document type is refused, and with it every entity.
pub(super) fn parse<T>(text: &str, read: impl FnOnce(&Document<'_>) -> T) -> Result<T, Unanswered> {
    let text = text::legible(text.trim_start_matches('\u{FEFF}'));
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(&text, options).map_err(|it| {
        // The parser's own words quote the document.
        let at = it.pos();
        Unanswered::Unreadable(format!("the XML is broken at line {}, column {}", at.row, at.col))
    })?;
    Ok(read(&document))
}

/// Reads the one element of the body, which must be the expected one of the partner API.
pub(super) fn read_body<T>(
    body: &[u8],
    expected: &str,
    read: impl FnOnce(Element<'_, '_>) -> Result<T, Unanswered>,
) -> Result<T, Unanswered> {
    let text = std::str::from_utf8(body).map_err(|it| Unanswered::Unreadable(format!("no UTF-8 after {} bytes", it.valid_up_to())))?;
    parse(text, |document| {
        if let Some(fault) = Fault::within(document) {
            return Err(Unanswered::Refused(fault.into()));
        }
        let envelope = document.root_element();
        let in_envelope = [ENVELOPE, ENVELOPE_12].into_iter().find(|it| envelope.has_tag_name((*it, "Envelope")));
        let soap = in_envelope.ok_or_else(|| Unanswered::Unreadable("no SOAP envelope came".to_owned()))?;
        let mut children = envelope.children().filter(|it| it.has_tag_name((soap, "Body"))).flat_map(|it| it.children());
        let answer = children.find(|it| it.has_tag_name((PARTNER, expected)));
        read(Element::new(answer.ok_or_else(|| Unanswered::Unreadable(format!("the envelope holds no {expected}")))?))
    })?
}

/// What became of one object of a `Create` or `Update`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Acted {
    /// It was done.
    Done,
    /// It was refused.
    Refused(Refusal),
}

/// Reads the answer to a `Create` or `Update` of one object.
pub(crate) fn read_acted(body: &[u8], expected: &str) -> Result<Acted, Unanswered> {
    read_body(body, expected, |answer| {
        let overall = answer.word("OverallStatus").unwrap_or_default();
        let results: Vec<_> = answer.children("Results").collect();
        if let Some(refusal) = results.iter().find_map(|it| refusal_of(*it)) {
            return Ok(Acted::Refused(refusal));
        }
        match Status::of(&overall) {
            Status::Failed => Ok(Acted::Refused(Refusal { code: None, message: overall })),
            _ if results.is_empty() => Err(Unanswered::Unreadable("the answer has no results".to_owned())),
            _ => Ok(Acted::Done),
        }
    })
}

/// Reads the answer to a call that acts on so many objects: what became of each, in the order in which they were sent.
pub(crate) fn read_each_acted(body: &[u8], expected: &str, objects: usize) -> Result<Vec<Acted>, Unanswered> {
    read_body(body, expected, |answer| {
        let results: Vec<_> = answer.children("Results").collect();
        let mut acted: Vec<Option<Acted>> = Vec::new();
        acted.resize_with(objects, || None);
        for (at, result) in results.iter().enumerate() {
            let at = result.word("OrdinalID").and_then(|it| it.parse().ok()).unwrap_or(at);
            // What says nothing of its object is no word that it was done.
            if let Some(place) = acted.get_mut(at).filter(|_| result.word("StatusCode").is_some()) {
                *place = Some(refusal_of(*result).map_or(Acted::Done, Acted::Refused));
            }
        }
        let overall = answer.word("OverallStatus").unwrap_or_default();
        if results.is_empty() && Status::of(&overall) == Status::Failed {
            return Err(Unanswered::Refused(Refusal { code: None, message: overall }));
        }
        let all: Option<Vec<Acted>> = acted.into_iter().collect();
        all.ok_or_else(|| Unanswered::Unreadable(format!("{} results came for {objects} objects", results.len())))
    })
}

/// What a `Perform start` gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Performed {
    /// A task of that number runs.
    Task(String),
    /// Nothing was begun.
    Refused(Refusal),
}

/// Reads the answer to a `Perform` of one definition.
pub(crate) fn read_performed(body: &[u8]) -> Result<Performed, Unanswered> {
    read_body(body, "PerformResponseMsg", |answer| {
        let result = answer.child("Results").and_then(|it| it.child("Result"));
        let task = result.and_then(|it| it.child("Task"));
        if let Some(refusal) = result.and_then(refusal_of).or_else(|| task.and_then(refusal_of)) {
            return Ok(Performed::Refused(refusal));
        }
        if let Some(id) = task.and_then(|it| it.word("ID")).filter(|it| is_task_id(it)) {
            return Ok(Performed::Task(id));
        }
        let overall = answer.word("OverallStatus").unwrap_or_default();
        match Status::of(&overall) {
            Status::Failed if result.is_none() => {
                let message = answer.word("OverallStatusMessage").unwrap_or(overall);
                Ok(Performed::Refused(Refusal { code: None, message }))
            }
            _ => Err(Unanswered::Unreadable("the answer names no task".to_owned())),
        }
    })
}

/// Numbers of tasks go into addresses, filters and the ledger.
pub(crate) fn is_task_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
}

/// The refusal in a result, if its status is not good. Results of data extensions say more in `ErrorMessage`.
fn refusal_of(result: Element<'_, '_>) -> Option<Refusal> {
    let status = result.word("StatusCode")?;
    if Status::of(&status) == Status::Ok {
        return None;
    }
    let message = result.word("ErrorMessage").or_else(|| result.word("StatusMessage")).unwrap_or(status);
    Some(Refusal { code: result.word("ErrorCode").filter(|it| it != "0"), message })
}
