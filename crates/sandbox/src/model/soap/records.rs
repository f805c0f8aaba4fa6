//! What a retrieve can ask of metadata objects: properties, their types, their values.

use crate::model::Model;
use crate::model::clock::{iso_text, server_ms, us_text};
use crate::model::data_extension::{DataExtension, Field};
use crate::model::imports::{Definition, Import, ImportOrigin, ImportStatus};
use crate::model::switches::FinishedStatus;
use crate::model::types::FieldType;
use crate::model::units::{Folder, Unit};

/// An object: property → value, `None` for NULL.
pub type Record = Vec<(&'static str, Option<String>)>;

/// A property and its type as `Describe` names it.
pub type Property = (&'static str, &'static str);

const DATA_EXTENSION: &[Property] = &[
    ("ObjectID", "String"),
    ("PartnerKey", "String"),
    ("CustomerKey", "String"),
    ("Name", "String"),
    ("Description", "String"),
    ("CreatedDate", "DateTime"),
    ("ModifiedDate", "DateTime"),
    ("Client.ID", "Int32"),
    ("IsSendable", "Boolean"),
    ("IsTestable", "Boolean"),
    ("SendableDataExtensionField.Name", "String"),
    ("SendableSubscriberField.Name", "String"),
    ("Template.CustomerKey", "String"),
    ("CategoryID", "Int64"),
    ("Status", "String"),
    ("DataRetentionPeriodLength", "Int32"),
    ("DataRetentionPeriodUnitOfMeasure", "Int32"),
    ("RowBasedRetention", "Boolean"),
    ("ResetRetentionPeriodOnImport", "Boolean"),
    ("DeleteAtEndOfRetentionPeriod", "Boolean"),
    ("RetainUntil", "String"),
    ("DataRetentionPeriod", "String"),
];

const FIELD: &[Property] = &[
    ("ObjectID", "String"),
    ("PartnerKey", "String"),
    ("CustomerKey", "String"),
    ("Name", "String"),
    ("DefaultValue", "String"),
    ("MaxLength", "Int32"),
    ("IsRequired", "Boolean"),
    ("Ordinal", "Int32"),
    ("IsPrimaryKey", "Boolean"),
    ("FieldType", "String"),
    ("CreatedDate", "DateTime"),
    ("ModifiedDate", "DateTime"),
    ("Scale", "Int32"),
    ("Client.ID", "Int32"),
    ("DataExtension.CustomerKey", "String"),
    ("StorageType", "String"),
];

const FOLDER: &[Property] = &[
    ("ID", "Int32"),
    ("ObjectID", "String"),
    ("PartnerKey", "String"),
    ("CustomerKey", "String"),
    ("Client.ID", "Int32"),
    ("Name", "String"),
    ("Description", "String"),
    ("ContentType", "String"),
    ("IsActive", "Boolean"),
    ("IsEditable", "Boolean"),
    ("AllowChildren", "Boolean"),
    ("CreatedDate", "DateTime"),
    ("ModifiedDate", "DateTime"),
    ("ParentFolder.ID", "Int32"),
    ("ParentFolder.ObjectID", "String"),
    ("ParentFolder.CustomerKey", "String"),
    ("ParentFolder.Name", "String"),
    ("ParentFolder.ContentType", "String"),
];

const DEFINITION: &[Property] = &[
    ("ObjectID", "String"),
    ("PartnerKey", "String"),
    ("CustomerKey", "String"),
    ("Client.ID", "Int32"),
    ("Name", "String"),
    ("Description", "String"),
    ("CreatedDate", "DateTime"),
    ("ModifiedDate", "DateTime"),
    ("AllowErrors", "Boolean"),
    ("DestinationObject.ObjectID", "String"),
    ("DestinationObject.CustomerKey", "String"),
    ("FieldMappingType", "String"),
    ("FileSpec", "String"),
    ("FileType", "String"),
    ("Notification.ResponseType", "String"),
    ("Notification.ResponseAddress", "String"),
    ("RetrieveFileTransferLocation.ObjectID", "String"),
    ("RetrieveFileTransferLocation.CustomerKey", "String"),
    ("UpdateType", "String"),
    ("MaxFileAge", "Int32"),
    ("MaxFileAgeScheduleOffset", "Int32"),
    ("MaxImportFrequency", "Int32"),
    ("Delimiter", "String"),
    ("HeaderLines", "Int32"),
    ("ControlColumn", "String"),
    ("ControlColumnDefaultAction", "String"),
    ("NullRepresentation", "String"),
    ("StandardQuotedStrings", "Boolean"),
    ("DateFormattingLocale.LocaleCode", "String"),
    ("DeleteFile", "Boolean"),
    ("EncodingCodePage", "Int32"),
];

const RESULT: &[Property] = &[
    ("ID", "Int32"),
    ("ObjectID", "String"),
    ("PartnerKey", "String"),
    ("Client.ID", "Int32"),
    ("ImportDefinitionCustomerKey", "String"),
    ("TaskResultID", "Int32"),
    ("ImportStatus", "String"),
    ("StartDate", "String"),
    ("EndDate", "String"),
    ("DestinationID", "String"),
    ("NumberSuccessful", "Int32"),
    ("NumberDuplicated", "Int32"),
    ("NumberErrors", "Int32"),
    ("NumberRestricted", "Int32"),
    ("TotalRows", "Int32"),
    ("ImportType", "String"),
];

const LOCATION: &[Property] = &[("ObjectID", "String"), ("PartnerKey", "String"), ("CustomerKey", "String"), ("Client.ID", "Int32")];

/// Templates can be asked for, with the properties that deployment tools ask for (the service takes more than
/// the WSDL has); this account has none, so that [`Model::records`] finds nothing.
const TEMPLATE: &[Property] = &[
    ("ObjectID", "String"),
    ("PartnerKey", "String"),
    ("CustomerKey", "String"),
    ("Client.ID", "Int32"),
    ("Name", "String"),
    ("Description", "String"),
    ("IsSendable", "Boolean"),
    ("IsTestable", "Boolean"),
    ("SendableCustomObjectField", "String"),
    ("SendableSubscriberField", "String"),
    ("DataRetentionPeriodLength", "Int32"),
    ("DataRetentionPeriodUnitOfMeasure", "Int32"),
    ("RowBasedRetention", "Boolean"),
    ("ResetRetentionPeriodOnImport", "Boolean"),
    ("DeleteAtEndOfRetentionPeriod", "Boolean"),
    ("RetainUntil", "String"),
];

/// The properties of an object type, `None` for a type without a handler.
pub fn properties(object: &str) -> Option<&'static [Property]> {
    Some(match object {
        "DataExtension" => DATA_EXTENSION,
        "DataExtensionField" => FIELD,
        "DataExtensionTemplate" => TEMPLATE,
        "DataFolder" => FOLDER,
        "ImportDefinition" => DEFINITION,
        "ImportResultsSummary" => RESULT,
        "FileTransferLocation" => LOCATION,
        _ => return None,
    })
}

/// The scope a token needs to read objects of a type.
pub fn read_scope(object: &str) -> &'static str {
    match object {
        "ImportDefinition" | "ImportResultsSummary" => "automations_read",
        "FileTransferLocation" => "file_locations_read",
        _ => "data_extensions_read",
    }
}

impl Model {
    /// All objects of a type in a business unit.
    pub(super) fn records(&self, account_id: u64, object: &str) -> Vec<Record> {
        let Some(unit) = self.units.get(&account_id) else { return Vec::new() };
        let date = |ms: i64| Some(iso_text(server_ms(ms, self.switches.server_offset_hours)));
        let client = Some(account_id.to_string());
        match object {
            "DataExtension" => unit.data_extensions.iter().map(|it| data_extension(it, client.clone(), &date)).collect(),
            "DataExtensionField" => unit
                .data_extensions
                .iter()
                .flat_map(|de| de.fields.iter().map(move |it| (de, it)))
                .map(|(de, it)| field(de, it, client.clone(), &date))
                .collect(),
            "DataFolder" => unit.folders.iter().map(|it| folder(unit, it, client.clone(), &date)).collect(),
            "ImportDefinition" => unit.definitions.iter().map(|it| definition(unit, it, client.clone(), &date)).collect(),
            "FileTransferLocation" => unit
                .locations
                .iter()
                .map(|it| {
                    vec![
                        ("ObjectID", Some(it.id.clone())),
                        ("PartnerKey", None),
                        ("CustomerKey", Some(it.key.clone())),
                        ("Client.ID", client.clone()),
                    ]
                })
                .collect(),
            "ImportResultsSummary" => self
                .imports
                .all()
                .iter()
                .filter(|it| it.account_id == account_id)
                .filter(|it| it.origin != ImportOrigin::Rest || self.switches.rest_import_in_results)
                .map(|it| self.result_of(it))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn result_of(&self, import: &Import) -> Record {
        let date = |ms: i64| us_text(server_ms(ms, self.switches.server_offset_hours));
        let counts = import.reported();
        let status = match &import.status {
            ImportStatus::New => "New",
            ImportStatus::Processing => "Processing",
            ImportStatus::Completed if self.switches.finished_status == FinishedStatus::ErrorWithErrors && 0 < counts.errors => "Error",
            ImportStatus::Completed => "Completed",
            ImportStatus::Error(_) => "Error",
        };
        let definition = match &import.origin {
            ImportOrigin::Definition(key) => key.clone(),
            ImportOrigin::Rest => String::new(),
        };
        vec![
            ("ID", Some(import.id.to_string())),
            ("ObjectID", Some(import.object_id.clone())),
            ("PartnerKey", None),
            ("Client.ID", Some(import.account_id.to_string())),
            ("ImportDefinitionCustomerKey", Some(definition)),
            ("TaskResultID", Some(import.id.to_string())),
            ("ImportStatus", Some(status.to_owned())),
            ("StartDate", Some(date(import.started_ms))),
            ("EndDate", Some(import.ended_ms.map(date).unwrap_or_default())),
            ("DestinationID", Some(import.plan.target.clone())),
            ("NumberSuccessful", Some(counts.successful.to_string())),
            ("NumberDuplicated", Some(counts.duplicated.to_string())),
            ("NumberErrors", Some(counts.errors.to_string())),
            ("NumberRestricted", Some(counts.restricted.to_string())),
            ("TotalRows", Some(counts.total.to_string())),
            ("ImportType", Some("Data Extension".to_owned())),
        ]
    }
}

fn truth(it: bool) -> Option<String> {
    Some(it.to_string())
}

fn data_extension(de: &DataExtension, client: Option<String>, date: &dyn Fn(i64) -> Option<String>) -> Record {
    let unit_name = de.retention.unit.and_then(|it| match it {
        3 => Some("Days".to_owned()),
        4 => Some("Weeks".to_owned()),
        5 => Some("Months".to_owned()),
        6 => Some("Years".to_owned()),
        _ => None,
    });
    let sendable = de.sendable.as_ref();
    vec![
        ("ObjectID", Some(de.object_id.clone())),
        ("PartnerKey", None),
        ("CustomerKey", Some(de.key.clone())),
        ("Name", Some(de.name.clone())),
        ("Description", Some(de.description.clone())),
        ("CreatedDate", date(de.created_ms)),
        ("ModifiedDate", date(de.modified_ms)),
        ("Client.ID", client),
        ("IsSendable", truth(sendable.is_some())),
        ("IsTestable", truth(de.testable)),
        ("SendableDataExtensionField.Name", sendable.map(|it| it.field.clone())),
        ("SendableSubscriberField.Name", sendable.map(|it| it.subscriber_field.clone())),
        ("Template.CustomerKey", Some(de.template_key.clone()).filter(|it| !it.is_empty())),
        ("CategoryID", Some(de.category_id.to_string())),
        ("Status", Some("Active".to_owned())),
        ("DataRetentionPeriodLength", de.retention.length.map(|it| it.to_string())),
        ("DataRetentionPeriodUnitOfMeasure", de.retention.unit.map(|it| it.to_string())),
        ("RowBasedRetention", truth(de.retention.row_based)),
        ("ResetRetentionPeriodOnImport", truth(de.retention.reset_on_import)),
        ("DeleteAtEndOfRetentionPeriod", truth(de.retention.delete_at_end)),
        ("RetainUntil", Some(de.retention.retain_until.clone())),
        ("DataRetentionPeriod", unit_name),
    ]
}

fn field(de: &DataExtension, field: &Field, client: Option<String>, date: &dyn Fn(i64) -> Option<String>) -> Record {
    let scale = if field.field_type == FieldType::Decimal { field.scale } else { 0 };
    vec![
        ("ObjectID", Some(field.object_id.clone())),
        ("PartnerKey", None),
        ("CustomerKey", Some(format!("[{}].[{}]", de.key, field.name))),
        ("Name", Some(field.name.clone())),
        ("DefaultValue", Some(field.default.clone())),
        ("MaxLength", field.max_length.map(|it| it.to_string())),
        ("IsRequired", truth(field.required)),
        ("Ordinal", Some(field.ordinal.to_string())),
        ("IsPrimaryKey", truth(field.primary_key)),
        ("FieldType", Some(field.field_type.name().to_owned())),
        ("CreatedDate", date(field.created_ms)),
        ("ModifiedDate", date(de.modified_ms)),
        ("Scale", Some(scale.to_string())),
        ("Client.ID", client),
        ("DataExtension.CustomerKey", Some(de.key.clone())),
        ("StorageType", Some("Plain".to_owned())),
    ]
}

fn folder(unit: &Unit, folder: &Folder, client: Option<String>, date: &dyn Fn(i64) -> Option<String>) -> Record {
    let parent = unit.folders.iter().find(|it| it.id == folder.parent);
    vec![
        ("ID", Some(folder.id.to_string())),
        ("ObjectID", Some(folder.object_id.clone())),
        ("PartnerKey", None),
        ("CustomerKey", Some(folder.key.clone())),
        ("Client.ID", client),
        ("Name", Some(folder.name.clone())),
        ("Description", Some(folder.description.clone())),
        ("ContentType", Some(folder.content_type.clone())),
        ("IsActive", truth(true)),
        ("IsEditable", truth(folder.parent != 0)),
        ("AllowChildren", truth(true)),
        ("CreatedDate", date(folder.created_ms)),
        ("ModifiedDate", date(folder.modified_ms)),
        ("ParentFolder.ID", Some(folder.parent.to_string())),
        ("ParentFolder.ObjectID", parent.map(|it| it.object_id.clone())),
        ("ParentFolder.CustomerKey", parent.map(|it| it.key.clone())),
        ("ParentFolder.Name", parent.map(|it| it.name.clone())),
        ("ParentFolder.ContentType", parent.map(|it| it.content_type.clone())),
    ]
}

fn definition(unit: &Unit, it: &Definition, client: Option<String>, date: &dyn Fn(i64) -> Option<String>) -> Record {
    let target = unit.data_extension_by_id(&it.plan.target);
    let location = unit.location(&it.plan.location);
    let control = it.plan.control.as_ref();
    let delimiter = (it.file_type == "Other").then(|| char::from(it.plan.delimiter).to_string());
    vec![
        ("ObjectID", Some(it.object_id.clone())),
        ("PartnerKey", None),
        ("CustomerKey", Some(it.key.clone())),
        ("Client.ID", client),
        ("Name", Some(it.name.clone())),
        ("Description", Some(it.description.clone())),
        ("CreatedDate", date(it.created_ms)),
        ("ModifiedDate", date(it.modified_ms)),
        ("AllowErrors", truth(it.plan.allow_errors)),
        ("DestinationObject.ObjectID", Some(it.plan.target.clone())),
        ("DestinationObject.CustomerKey", target.map(|it| it.key.clone())),
        ("FieldMappingType", Some(it.plan.mapping.name().to_owned())),
        ("FileSpec", Some(it.plan.file_spec.clone())),
        ("FileType", Some(it.file_type.clone())),
        ("Notification.ResponseType", Some(if it.notify.is_empty() { "None" } else { "email" }.to_owned())),
        ("Notification.ResponseAddress", Some(it.notify.clone())),
        ("RetrieveFileTransferLocation.ObjectID", location.map(|it| it.id.clone())),
        ("RetrieveFileTransferLocation.CustomerKey", Some(it.plan.location.clone())),
        ("UpdateType", Some(it.plan.update_type.name().to_owned())),
        ("MaxFileAge", Some(it.plan.file_age_hours_max.to_string())),
        ("MaxFileAgeScheduleOffset", Some(it.age_offset_hours.to_string())),
        ("MaxImportFrequency", Some(it.frequency_hours.to_string())),
        ("Delimiter", delimiter),
        ("HeaderLines", Some(it.plan.header_lines.to_string())),
        ("ControlColumn", control.map(|it| it.column.clone())),
        ("ControlColumnDefaultAction", control.and_then(|it| it.default).map(|it| it.name().to_owned())),
        ("NullRepresentation", Some(it.plan.null_text.clone()).filter(|it| !it.is_empty())),
        ("StandardQuotedStrings", truth(it.plan.quoted)),
        ("DateFormattingLocale.LocaleCode", Some(it.locale.clone())),
        ("DeleteFile", truth(it.plan.delete_file)),
        ("EncodingCodePage", it.code_page.map(|it| it.to_string())),
    ]
}
