//! New data extensions, by a SOAP create.
//!
//! Members and their order: the partner WSDL, and
//! <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/creating_a_data_extension_using_web_service_api.html>.

use outflow_domain::{DataExtension, DataExtensionKey, NewDataExtension, Removes, Retention, Sendable};
use outflow_ports::CloudError;

use crate::{
    columns::write_field,
    describe::describe,
    failure::Privacy,
    folders,
    retry::Repeat,
    session::{Call, Session},
    settings::Door,
    soap::{Acted, ApiObject, Create, Element, Filter, Retrieve, Xml, read_acted},
};

/// Makes a data extension with its folder, and proves by reading that it is there as it shall be.
pub(crate) async fn create(session: &Session, wanted: &NewDataExtension) -> Result<(), CloudError> {
    let action = format!("make the data extension `{}`", wanted.key);
    if let Some(there) = describe(session, &wanted.key).await? {
        return fits(&there, wanted, action);
    }
    let folder = match &wanted.folder {
        Some(path) => Some(folders::find_or_make(session, path).await?),
        None => None,
    };
    let call = Call { action: &action, door: Door::Soap, repeat: Repeat::Safely, privacy: Privacy::Metadata };
    let body = session.soap(&call, &Create(&NewTable { wanted, folder })).await?;
    let acted = read_acted(&body, "CreateResponse").map_err(|it| it.into_failure(&action, Privacy::Metadata));
    // Whatever was answered, the service itself tells: the first of two sendings may have made it.
    let Some(there) = describe(session, &wanted.key).await? else {
        return Err(match acted? {
            Acted::Refused(refusal) => refusal.to_error(&action, 200, Privacy::Metadata),
            Acted::Done => CloudError::Unreadable { action, message: "the service called it done, but it is not there".to_owned() },
        });
    };
    fits(&there, wanted, action.clone())?;
    if let Some(sendable) = &wanted.sendable {
        is_related(session, &wanted.key, sendable, action.clone()).await?;
    }
    if wanted.retention.is_some() && there.retention.is_none() {
        return Err(CloudError::Unreadable { action, message: "it is there, and the service knows of no retention".to_owned() });
    }
    Ok(())
}

/// Whether a data extension has just the fields that it shall have.
fn fits(there: &DataExtension, wanted: &NewDataExtension, action: String) -> Result<(), CloudError> {
    let differs = |what: String| {
        let message = format!("it is there already, and {what}");
        CloudError::Refused { action: action.clone(), code: "another_shape".to_owned(), message }
    };
    for field in &wanted.fields {
        let found = there.field(&field.name).ok_or_else(|| differs(format!("has no field `{}`", field.name)))?;
        if found.field_type != field.field_type || found.is_primary_key != field.is_primary_key {
            let key = |is_key: bool| if is_key { ", part of the primary key" } else { "" };
            return Err(differs(format!(
                "its field `{}` is {}{}, where it shall be {}{}",
                field.name,
                found.field_type,
                key(found.is_primary_key),
                field.field_type,
                key(field.is_primary_key)
            )));
        }
    }
    match there
        .fields
        .iter()
        .find(|it| (it.is_primary_key || it.is_required) && !wanted.fields.iter().any(|new| new.name.is_same_as(&it.name)))
    {
        Some(more) => Err(differs(format!("its field `{}` has to be filled too", more.name))),
        None => Ok(()),
    }
}

/// Whether people are found by it as they shall be.
async fn is_related(session: &Session, key: &DataExtensionKey, wanted: &Sendable, action: String) -> Result<(), CloudError> {
    let properties = ["CustomerKey", "SendableDataExtensionField.Name", "SendableSubscriberField.Name"];
    let question = Retrieve::of("DataExtension", &properties, Some(Filter::equals("CustomerKey", key.as_str())));
    let name = |it: Element<'_, '_>, of| it.child(of).and_then(|it| it.word("Name")).unwrap_or_default();
    let read = |it: Element<'_, '_>| Some((name(it, "SendableDataExtensionField"), name(it, "SendableSubscriberField")));
    let found = session.retrieve(&action, question, read).await?.pop().unwrap_or_default();
    if found.0.to_lowercase() == wanted.field.folded() && found.1.eq_ignore_ascii_case(wanted.subscriber.told()) {
        return Ok(());
    }
    let (field, subscriber, told) = (&wanted.field, wanted.subscriber.told(), found);
    let message = format!("it is there, and related by `{}` to `{}`, where it shall be by `{field}` to `{subscriber}`", told.0, told.1);
    Err(CloudError::Unreadable { action, message })
}

struct NewTable<'a> {
    wanted: &'a NewDataExtension,
    /// The folder's number; the root takes those without.
    folder: Option<u64>,
}

impl ApiObject for NewTable<'_> {
    const TYPE: &'static str = "DataExtension";

    fn write(&self, xml: &mut Xml) {
        let wanted = self.wanted;
        xml.text("CustomerKey", wanted.key.as_str());
        xml.text("Name", wanted.name.as_str());
        if let Some(sendable) = &wanted.sendable {
            xml.text("IsSendable", "true");
            let field = wanted.fields.iter().find(|it| it.name.is_same_as(&sendable.field));
            xml.element("SendableDataExtensionField", &[], |xml| {
                xml.text("Name", field.map_or(&sendable.field, |it| &it.name).as_str());
                if let Some(field) = field {
                    xml.text("FieldType", field.field_type.service_name());
                }
            });
            xml.element("SendableSubscriberField", &[], |xml| {
                xml.text("Name", sendable.subscriber.sent());
                xml.empty("Value");
            });
        } else {
            xml.text("IsSendable", "false");
        }
        if let Some(retention) = &wanted.retention {
            write_retention(xml, retention);
        }
        xml.element("Fields", &[], |xml| {
            for it in &wanted.fields {
                xml.element("Field", &[], |xml| write_field(xml, it.name.as_str(), it.field_type, it.is_primary_key));
            }
        });
        if let Some(folder) = self.folder {
            xml.text("CategoryID", &folder.to_string());
        }
    }
}

/// Which flags mean what is known from a tool's author alone: `lib/metadataTypes/DataExtension.js` of
/// <https://github.com/Accenture/sfmc-devtools>.
fn write_retention(xml: &mut Xml, retention: &Retention) {
    let flag = |it: bool| if it { "true" } else { "false" };
    xml.text("DataRetentionPeriodLength", &retention.length.to_string());
    xml.text("DataRetentionPeriodUnitOfMeasure", &retention.period.service_number().to_string());
    xml.text("RowBasedRetention", flag(retention.removes == Removes::EachRow));
    xml.text("ResetRetentionPeriodOnImport", flag(retention.restarts_on_import));
    xml.text("DeleteAtEndOfRetentionPeriod", flag(retention.removes == Removes::AllRows));
    xml.text("RetainUntil", "");
}
