//! Data extensions and their fields, by SOAP.

use outflow_domain::{DataExtension, DataExtensionKey, Field, FieldType, ObjectId};
use outflow_ports::{CloudError, DataExtensionSummary};

use crate::{
    session::Session,
    soap::{Element, Filter, Retrieve},
};

const PROPERTIES: [&str; 10] = [
    "ObjectID",
    "CustomerKey",
    "Name",
    "IsSendable",
    "DataRetentionPeriodLength",
    "DataRetentionPeriodUnitOfMeasure",
    "RowBasedRetention",
    "ResetRetentionPeriodOnImport",
    "DeleteAtEndOfRetentionPeriod",
    "RetainUntil",
];

const FIELD_PROPERTIES: [&str; 11] = [
    "ObjectID",
    "CustomerKey",
    "Name",
    "Scale",
    "DefaultValue",
    "MaxLength",
    "IsRequired",
    "Ordinal",
    "IsPrimaryKey",
    "FieldType",
    "DataExtension.CustomerKey",
];

/// What the service says of a field filter that is too long for its own column.
const TRUNCATED: &str = "would be truncated";

/// Every data extension of the business unit.
pub(crate) async fn list(session: &Session) -> Result<Vec<DataExtensionSummary>, CloudError> {
    let question = Retrieve::of("DataExtension", &PROPERTIES, None);
    let found = session.retrieve("list the data extensions", question, summary).await?;
    Ok(found.into_iter().map(|(_, summary)| summary).collect())
}

/// The data extension of that key with its fields by ordinal.
pub(crate) async fn describe(session: &Session, key: &DataExtensionKey) -> Result<Option<DataExtension>, CloudError> {
    let Some((id, summary)) = find(session, key).await? else { return Ok(None) };
    let fields = fields(session, &summary.key).await?;
    let DataExtensionSummary { key, name, is_sendable, retention } = summary;
    Ok(Some(DataExtension { id, key, name, is_sendable, retention, fields }))
}

/// Identity and properties of the data extension of that key, without its fields.
pub(crate) async fn find(session: &Session, key: &DataExtensionKey) -> Result<Option<(ObjectId, DataExtensionSummary)>, CloudError> {
    let action = format!("read the data extension `{key}`");
    let question = Retrieve::of("DataExtension", &PROPERTIES, Some(Filter::equals("CustomerKey", key.as_str())));
    let mut found = session.retrieve(&action, question, summary).await?;
    // The service compares without case; two keys that differ in case alone can hardly both exist, but only one is the asked one.
    let exact = found.iter().position(|(_, it)| it.key == *key);
    let at = exact.or_else(|| found.iter().position(|(_, it)| it.key.as_str().to_lowercase() == key.as_str().to_lowercase()));
    Ok(at.map(|it| found.swap_remove(it)))
}

async fn fields(session: &Session, key: &DataExtensionKey) -> Result<Vec<Field>, CloudError> {
    let action = format!("read the fields of the data extension `{key}`");
    let of_key = Some(Filter::equals("DataExtension.CustomerKey", key.as_str()));
    let mut fields = match session.retrieve(&action, Retrieve::of("DataExtensionField", &FIELD_PROPERTIES, of_key), read_field).await {
        Err(CloudError::Refused { message, .. }) if message.contains(TRUNCATED) => {
            // Long keys do not fit the service's filter, so every field is read and ours are picked out here.
            let question = Retrieve::of("DataExtensionField", &FIELD_PROPERTIES, None);
            let is_ours = |it: Element<'_, '_>| belongs_to(it, key).then(|| read_field(it)).flatten();
            session.retrieve(&action, question, is_ours).await?
        }
        read => read?,
    };
    fields.sort_by_key(|it| it.ordinal);
    Ok(fields)
}

/// Whether the field is of that data extension; its own key is `[KEY].[NAME]`.
fn belongs_to(field: Element<'_, '_>, key: &DataExtensionKey) -> bool {
    match field.child("DataExtension").and_then(|it| it.word("CustomerKey")) {
        Some(of) => of == key.as_str(),
        None => field.word("CustomerKey").is_some_and(|it| it.starts_with(&format!("[{key}].["))),
    }
}

fn summary(object: Element<'_, '_>) -> Option<(ObjectId, DataExtensionSummary)> {
    let id = ObjectId(object.word("ObjectID")?);
    let key: DataExtensionKey = object.word("CustomerKey")?.parse().ok()?;
    let name = object.word("Name").unwrap_or_else(|| key.as_str().to_owned());
    let summary = DataExtensionSummary { key, name, is_sendable: object.flag("IsSendable"), retention: retention(object) };
    Some((id, summary))
}

/// Retention in words. Which flags mean what is known from a tool's author alone:
/// <https://github.com/Accenture/sfmc-devtools>, `lib/metadataTypes/DataExtension.js`.
pub(crate) fn retention(object: Element<'_, '_>) -> Option<String> {
    let length = object.number("DataRetentionPeriodLength").filter(|it| *it != 0);
    let unit = match object.number("DataRetentionPeriodUnitOfMeasure") {
        Some(3) => "days",
        Some(4) => "weeks",
        Some(5) => "months",
        Some(6) => "years",
        _ => "periods",
    };
    // `5/9/2024 12:00:00 AM`: the day says it all.
    let until = object.word("RetainUntil").and_then(|it| it.split_whitespace().next().map(str::to_owned));
    if object.flag("RowBasedRetention") {
        let age = length.map_or_else(String::new, |it| format!(" {it} {unit} after it was added"));
        return Some(format!("each row is removed{age}"));
    }
    let what = if object.flag("DeleteAtEndOfRetentionPeriod") { "all rows are removed" } else { "the data extension is removed" };
    let again = if object.flag("ResetRetentionPeriodOnImport") { ", counted anew from each import" } else { "" };
    match (until, length) {
        (Some(until), _) => Some(format!("{what} on {until}{again}")),
        (None, Some(length)) => Some(format!("{what} after {length} {unit}{again}")),
        (None, None) => None,
    }
}

/// Reads a field; one without identity or name is passed over.
pub(crate) fn read_field(object: Element<'_, '_>) -> Option<Field> {
    let name = object.word("Name")?;
    let Ok(name) = name.parse() else {
        tracing::warn!("A field whose name has {} characters is passed over: it cannot be mapped", name.chars().count());
        return None;
    };
    Some(Field {
        id: ObjectId(object.word("ObjectID")?),
        name,
        field_type: field_type(object),
        is_required: object.flag("IsRequired"),
        is_primary_key: object.flag("IsPrimaryKey"),
        ordinal: object.number("Ordinal").and_then(|it| u32::try_from(it).ok()).unwrap_or(u32::MAX),
        default: object.text("DefaultValue").filter(|it| !it.is_empty()),
    })
}

/// Type and limits. `MaxLength` is a text's length, and a decimal's precision.
fn field_type(object: Element<'_, '_>) -> FieldType {
    let length = object.number("MaxLength").and_then(|it| u32::try_from(it).ok()).filter(|it| *it != 0);
    match object.word("FieldType").as_deref() {
        Some("Number") => FieldType::Number,
        Some("Decimal") => {
            let small = |it: u64| u8::try_from(it).unwrap_or(DECIMAL_DIGITS_MAX).min(DECIMAL_DIGITS_MAX);
            // Without a precision, the database's own: 18 digits.
            let precision = small(object.number("MaxLength").filter(|it| *it != 0).or_else(|| object.number("Precision")).unwrap_or(18));
            FieldType::Decimal { precision, scale: small(object.number("Scale").unwrap_or(0)).min(precision) }
        }
        Some("Date") => FieldType::Date,
        Some("Boolean") => FieldType::Boolean,
        Some("EmailAddress") => FieldType::EmailAddress,
        Some("Phone") => FieldType::Phone,
        Some("Locale") => FieldType::Locale,
        Some("Text") => FieldType::Text { units_max: length },
        other => {
            // Fields with encryption of their own take and give texts. What their length is counted in is not published, so the service decides.
            tracing::warn!("A field has the type {:?}, which is taken as Text", other.and_then(crate::words::code));
            FieldType::Text { units_max: None }
        }
    }
}

/// Most digits of a decimal.
const DECIMAL_DIGITS_MAX: u8 = 38;
