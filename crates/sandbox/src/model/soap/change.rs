//! Create, Update, Delete: one result for each object, whatever happens to the others.

use super::element::Element;
use crate::model::Model;
use crate::model::token::Grant;

/// Which of the three it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// `CreateRequest`.
    Create,
    /// `UpdateRequest`.
    Update,
    /// `DeleteRequest`.
    Delete,
}

/// What an update may do, by its save options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Save {
    /// Only add.
    AddOnly,
    /// Only change.
    UpdateOnly,
    /// Either.
    UpdateAdd,
}

/// What became of one object.
#[derive(Debug, Default)]
pub struct Fate {
    /// `0` where it went well.
    pub code: i64,
    /// `StatusMessage`.
    pub message: String,
    /// `NewID`.
    pub new_id: u64,
    /// `NewObjectID`.
    pub new_object_id: Option<String>,
    /// The object as the result echoes it.
    pub echo: Option<Element>,
    /// `xsi:type` of the result where it is more than the base.
    pub kind: Option<&'static str>,
    /// What such a result has besides.
    pub details: Vec<Element>,
}

impl Fate {
    /// It went well.
    pub fn good(message: &str) -> Self {
        Self { message: message.to_owned(), ..Self::default() }
    }

    /// It was refused.
    pub fn bad(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), ..Self::default() }
    }
}

/// Why an object was refused, on its way to a [`Fate`].
#[derive(Debug)]
pub struct Refusal {
    /// The error code.
    pub code: i64,
    /// What is wrong.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<Refusal> for Fate {
    fn from(refusal: Refusal) -> Self {
        Self::bad(refusal.code, refusal.message)
    }
}

impl Model {
    /// Answers a request that changes objects.
    pub(super) fn change(&mut self, change: Change, message: &Element, grant: &Grant, now_ms: i64) -> Element {
        let save = save_of(change, message);
        let account_id = message.number::<u64>("Options/Client/ID").filter(|it| self.units.contains_key(it)).unwrap_or(grant.account_id);
        let fates: Vec<(Fate, &Element)> =
            message.all("Objects").map(|object| (self.change_one(change, save, object, account_id, grant, now_ms), object)).collect();
        let bad = fates.iter().filter(|(fate, _)| fate.code != 0).count();
        let overall = match bad {
            0 => "OK",
            _ if bad == fates.len() => "Error",
            _ => "Has Errors",
        };
        let name = match change {
            Change::Create => "CreateResponse",
            Change::Update => "UpdateResponse",
            Change::Delete => "DeleteResponse",
        };
        let results = fates.into_iter().enumerate().map(|(at, (fate, object))| result(change, at, fate, object));
        Element::new(name).with_all(results).with_text("RequestID", self.ids.guid()).with_text("OverallStatus", overall)
    }

    fn change_one(&mut self, change: Change, save: Save, object: &Element, account_id: u64, grant: &Grant, now_ms: i64) -> Fate {
        let kind = object.kind.as_deref().unwrap_or_default();
        let scope = if kind == "ImportDefinition" { "automations_write" } else { "data_extensions_write" };
        if !grant.may(scope) {
            return Fate::bad(4, "Insufficient Privileges. The token has no access to this object.");
        }
        match (kind, change) {
            ("DataExtension", Change::Delete) => self.delete_de(object, account_id, now_ms),
            ("DataExtension", _) => self.save_de(save, object, account_id, now_ms),
            ("DataExtensionObject", Change::Delete) => self.delete_row_object(object, account_id),
            ("DataExtensionObject", _) => self.save_row_object(save, object, account_id, now_ms),
            ("ImportDefinition", Change::Delete) => self.delete_definition(object, account_id),
            ("ImportDefinition", _) => self.save_definition(change, object, account_id, now_ms),
            ("DataFolder", _) => self.change_folder(change, object, account_id, now_ms),
            ("DataExtensionField" | "FileTransferLocation" | "ImportResultsSummary", _) => {
                Fate::bad(5, format!("The method is not supported on the type {kind}."))
            }
            ("", _) => Fate::bad(8, "The object has no xsi:type."),
            (other, _) => Fate::bad(8, format!("The type {other} is not supported.")),
        }
    }
}

/// An update with a save option for `*` or for the object's type follows it.
fn save_of(change: Change, message: &Element) -> Save {
    let option = message
        .child("Options")
        .and_then(|it| it.child("SaveOptions"))
        .and_then(|it| it.all("SaveOption").find_map(|it| it.filled("SaveAction")));
    match (change, option) {
        (Change::Create, Some("UpdateAdd")) => Save::UpdateAdd,
        (Change::Create, _) => Save::AddOnly,
        (_, Some("UpdateAdd")) => Save::UpdateAdd,
        (_, Some("AddOnly")) => Save::AddOnly,
        _ => Save::UpdateOnly,
    }
}

fn result(change: Change, ordinal: usize, fate: Fate, object: &Element) -> Element {
    let mut result = Element::new("Results")
        .with_text("StatusCode", if fate.code == 0 { "OK" } else { "Error" })
        .with_text("StatusMessage", fate.message)
        .with_text("OrdinalID", ordinal.to_string());
    result.kind = fate.kind.map(str::to_owned);
    if fate.code != 0 {
        result = result.with_text("ErrorCode", fate.code.to_string());
    }
    if change == Change::Create {
        result = result.with_text("NewID", fate.new_id.to_string());
        if let Some(id) = fate.new_object_id {
            result = result.with_text("NewObjectID", id);
        }
    }
    let mut echo = fate.echo.unwrap_or_else(|| object.clone());
    "Object".clone_into(&mut echo.name);
    result.with(echo).with_all(fate.details)
}

/// What of an object is fit to be echoed: its own members with text, as they came.
pub fn echo_of(object: &Element, object_id: Option<&str>) -> Element {
    let mut echo = object.clone();
    echo.children.retain(|it| it.name != "ObjectID" && it.name != "PartnerKey");
    echo.children.push(Element::nil("PartnerKey"));
    echo.children.push(object_id.map_or_else(|| Element::nil("ObjectID"), |it| Element::text("ObjectID", it)));
    echo
}
