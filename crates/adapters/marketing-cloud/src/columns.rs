//! New and longer columns, by a SOAP update of the data extension: a field without ObjectID is a new one, one with it is changed.

use outflow_domain::{DataExtension, DataExtensionKey, Field, FieldType, NewColumn, WiderColumn};
use outflow_ports::CloudError;

use crate::{
    describe::describe,
    failure::Privacy,
    retry::Repeat,
    session::{Call, Session},
    settings::Door,
    soap::{Acted, ApiObject, Update, Xml, read_acted},
};

/// Creates nullable columns, and proves by reading that they are there.
pub(crate) async fn add_columns(session: &Session, key: &DataExtensionKey, columns: &[NewColumn]) -> Result<(), CloudError> {
    let names: Vec<String> = columns.iter().map(|it| format!("`{}`", it.name)).collect();
    let action = format!("add the columns {} to the data extension `{key}`", names.join(", "));
    let there = existing(session, key, &action).await?;
    let missing = missing(&there, columns, &action)?;
    if missing.is_empty() {
        return Ok(());
    }
    let call = Call { action: &action, door: Door::Soap, repeat: Repeat::Safely, privacy: Privacy::Metadata };
    let wanted = NewFields { key: &there.key, columns: &missing };
    let body = session.soap(&call, &Update(&wanted)).await?;
    let acted = read_acted(&body, "UpdateResponse").map_err(|it| it.into_failure(&action, Privacy::Metadata));
    // Whatever was answered, the data extension itself tells: another run, or the first of two sendings, may have added them.
    let there = existing(session, key, &action).await?;
    let missing = self::missing(&there, columns, &action)?;
    if missing.is_empty() {
        return Ok(());
    }
    match acted? {
        Acted::Refused(refusal) => Err(refusal.to_error(&action, 200, Privacy::Metadata)),
        Acted::Done => {
            let names: Vec<&str> = missing.iter().map(|it| it.name.as_str()).collect();
            Err(CloudError::Unreadable {
                action,
                message: format!("the service called it done, but these are not there: {}", names.join(", ")),
            })
        }
    }
}

async fn existing(session: &Session, key: &DataExtensionKey, action: &str) -> Result<DataExtension, CloudError> {
    describe(session, key).await?.ok_or_else(|| no_such_data_extension(action))
}

/// There is no data extension of the key.
pub(crate) fn no_such_data_extension(action: &str) -> CloudError {
    CloudError::Refused {
        action: action.to_owned(),
        code: "310001".to_owned(),
        message: "there is no data extension of that key in this business unit".to_owned(),
    }
}

/// The columns that are not there; an error for one that is there with another type.
fn missing<'a>(there: &DataExtension, columns: &'a [NewColumn], action: &str) -> Result<Vec<&'a NewColumn>, CloudError> {
    let mut missing = Vec::new();
    for column in columns {
        match there.field(&column.name) {
            None => missing.push(column),
            Some(field) if takes_all_of(field.field_type, column.field_type) => {}
            Some(field) => {
                return Err(CloudError::Refused {
                    action: action.to_owned(),
                    code: "another_type".to_owned(),
                    message: format!(
                        "the column `{}` is there already as {}, which does not take every value of {}",
                        field.name, field.field_type, column.field_type
                    ),
                });
            }
        }
    }
    Ok(missing)
}

/// Whether a field of the first type takes every value of the second, as the same kind of value.
fn takes_all_of(there: FieldType, wanted: FieldType) -> bool {
    match (there, wanted) {
        (FieldType::Text { units_max: None }, FieldType::Text { .. }) => true,
        (FieldType::Text { units_max: Some(there) }, FieldType::Text { units_max: Some(wanted) }) => wanted <= there,
        (FieldType::Decimal { precision, scale }, FieldType::Decimal { precision: wanted_precision, scale: wanted_scale }) => {
            wanted_scale <= scale && wanted_precision.saturating_sub(wanted_scale) <= precision.saturating_sub(scale)
        }
        _ => there == wanted,
    }
}

struct NewFields<'a> {
    key: &'a DataExtensionKey,
    columns: &'a [&'a NewColumn],
}

impl ApiObject for NewFields<'_> {
    const TYPE: &'static str = "DataExtension";

    fn write(&self, xml: &mut Xml) {
        xml.text("CustomerKey", self.key.as_str());
        xml.element("Fields", &[], |xml| {
            for column in self.columns {
                xml.element("Field", &[], |xml| write_field(xml, column.name.as_str(), column.field_type, false));
            }
        });
    }
}

/// Writes the members of a field that is to be made. Fields of the primary key have to be required:
/// <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/creating_a_data_extension_using_web_service_api.html>.
pub(crate) fn write_field(xml: &mut Xml, name: &str, field_type: FieldType, is_primary_key: bool) {
    xml.text("Name", name);
    match field_type {
        FieldType::Decimal { precision, scale } => {
            xml.text("Scale", &scale.to_string());
            xml.text("MaxLength", &precision.to_string());
        }
        other => {
            if let Some(length) = other.units_when_made() {
                xml.text("MaxLength", &length.to_string());
            }
        }
    }
    xml.text("IsRequired", if is_primary_key { "true" } else { "false" });
    xml.text("IsPrimaryKey", if is_primary_key { "true" } else { "false" });
    xml.text("FieldType", field_type.service_name());
}

/// Makes text columns longer, and proves by reading that they are.
pub(crate) async fn widen_columns(session: &Session, key: &DataExtensionKey, columns: &[WiderColumn]) -> Result<(), CloudError> {
    let names: Vec<String> = columns.iter().map(|it| format!("`{}`", it.name)).collect();
    let action = format!("make the columns {} of the data extension `{key}` longer", names.join(", "));
    let there = existing(session, key, &action).await?;
    let short = too_short(&there, columns, &action)?;
    if short.is_empty() {
        return Ok(());
    }
    let call = Call { action: &action, door: Door::Soap, repeat: Repeat::Safely, privacy: Privacy::Metadata };
    let body = session.soap(&call, &Update(&LongerFields { key: &there.key, fields: &short })).await?;
    let acted = read_acted(&body, "UpdateResponse").map_err(|it| it.into_failure(&action, Privacy::Metadata));
    let there = existing(session, key, &action).await?;
    let short = too_short(&there, columns, &action)?;
    if short.is_empty() {
        return Ok(());
    }
    match acted? {
        Acted::Refused(refusal) => Err(refusal.to_error(&action, 200, Privacy::Metadata)),
        Acted::Done => {
            let names: Vec<&str> = short.iter().map(|(it, _)| it.name.as_str()).collect();
            let message = format!("the service called it done, but these are as short as before: {}", names.join(", "));
            Err(CloudError::Unreadable { action, message })
        }
    }
}

/// The columns that are shorter than they shall be, with that length.
fn too_short<'d>(there: &'d DataExtension, columns: &[WiderColumn], action: &str) -> Result<Vec<(&'d Field, u32)>, CloudError> {
    let mut short = Vec::new();
    for column in columns {
        match there.field(&column.name) {
            Some(field @ Field { field_type: FieldType::Text { units_max }, .. }) => {
                if units_max.is_some_and(|it| it < column.to) {
                    short.push((field, column.to));
                }
            }
            other => {
                let found = other.map_or_else(|| "not there any more".to_owned(), |it| format!("{} now", it.field_type));
                return Err(CloudError::Refused {
                    action: action.to_owned(),
                    code: "another_type".to_owned(),
                    message: format!("the column `{}` is {found}, and only text can be made longer", column.name),
                });
            }
        }
    }
    Ok(short)
}

struct LongerFields<'a> {
    key: &'a DataExtensionKey,
    fields: &'a [(&'a Field, u32)],
}

impl ApiObject for LongerFields<'_> {
    const TYPE: &'static str = "DataExtension";

    fn write(&self, xml: &mut Xml) {
        xml.text("CustomerKey", self.key.as_str());
        xml.element("Fields", &[], |xml| {
            for (field, length) in self.fields {
                xml.element("Field", &[], |xml| {
                    xml.text("ObjectID", &field.id.0);
                    // All but the length goes as it is: whether an absent member stays as it was is not documented. The type alone must be
                    // left out, see `lib/metadataTypes/DataExtensionField.js` of <https://github.com/Accenture/sfmc-devtools>.
                    xml.text("Name", field.name.as_str());
                    if let Some(default) = &field.default {
                        xml.text("DefaultValue", default);
                    }
                    xml.text("MaxLength", &length.to_string());
                    xml.text("IsRequired", if field.is_required { "true" } else { "false" });
                    xml.text("IsPrimaryKey", if field.is_primary_key { "true" } else { "false" });
                });
            }
        });
    }
}
