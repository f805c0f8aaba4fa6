//! Create, change and delete data extensions and their fields.

use super::change::{Fate, Save, echo_of};
use super::element::Element;
use crate::model::Model;
use crate::model::data_extension::{
    ADD_REFUSED, DELETE_MISSING, DataExtensionSpec, FieldSpec, INVALID, NO_KEY, Retention, SchemaError, Sendable, UPDATE_REFUSED,
};
use crate::model::types::FieldType;

impl Model {
    /// Creates or changes a data extension.
    pub(super) fn save_de(&mut self, save: Save, object: &Element, account_id: u64, now_ms: i64) -> Fate {
        let spec = match spec_of(object) {
            Ok(spec) => spec,
            Err(error) => return Fate::bad(error.code, error.message),
        };
        let existing = self.find_de(&spec, account_id);
        match (save, existing) {
            (Save::AddOnly, Some(_)) if spec.object_id.is_none() => {
                Fate::bad(UPDATE_REFUSED, "Updating an existing Data Extension definition is not allowed when doing an add-only operation.")
            }
            (Save::AddOnly, _) | (Save::UpdateAdd, None) => match self.create_data_extension_in(account_id, &spec, now_ms) {
                Err(error) => Fate::bad(error.code, error.message),
                Ok(id) => Fate {
                    new_object_id: Some(id.clone()),
                    echo: Some(created_echo(object, &id, self.key_of_de(account_id, &id))),
                    ..Fate::good("Data Extension created.")
                },
            },
            (Save::UpdateOnly, None) if spec.key.is_none() && spec.object_id.is_none() => {
                Fate::bad(NO_KEY, "Neither CustomerKey nor ObjectID was specified.")
            }
            (Save::UpdateOnly, None) => {
                Fate::bad(ADD_REFUSED, "Adding a new Data Extension definition is not allowed when doing an update-only operation.")
            }
            (_, Some(id)) => match self.update_data_extension_in(account_id, &id, &spec, now_ms) {
                Err(error) => Fate::bad(error.code, error.message),
                Ok(()) => Fate { echo: Some(echo_of(object, Some(&id))), ..Fate::good("Data Extension updated.") },
            },
        }
    }

    /// Deletes a data extension, or those of its fields that the request names.
    pub(super) fn delete_de(&mut self, object: &Element, account_id: u64, now_ms: i64) -> Fate {
        let spec = DataExtensionSpec {
            key: object.filled("CustomerKey").map(str::to_owned),
            object_id: object.filled("ObjectID").map(str::to_owned),
            ..DataExtensionSpec::default()
        };
        if spec.key.is_none() && spec.object_id.is_none() {
            return Fate::bad(NO_KEY, "Neither CustomerKey nor ObjectID was specified.");
        }
        let Some(id) = self.find_de(&spec, account_id) else {
            return Fate::bad(DELETE_MISSING, "Unable to find the Data Extension specified for deletion.");
        };
        let Some(unit) = self.units.get_mut(&account_id) else { return Fate::bad(4, "No such business unit.") };
        let fields: Vec<String> = object
            .child("Fields")
            .into_iter()
            .flat_map(|it| it.all("Field"))
            .map(|it| it.filled("ObjectID").unwrap_or_default().to_owned())
            .collect();
        if fields.is_empty() {
            unit.data_extensions.retain(|it| it.object_id != id);
        } else if let Some(de) = unit.data_extension_by_id_mut(&id)
            && let Err(error) = de.remove_fields(&fields, now_ms)
        {
            return Fate::bad(error.code, error.message);
        }
        Fate::good("Data Extension deleted. / Data Extension Fields deleted")
    }

    fn find_de(&self, spec: &DataExtensionSpec, account_id: u64) -> Option<String> {
        let unit = self.units.get(&account_id)?;
        let by_id = spec.object_id.as_ref().map(|it| unit.data_extension_by_id(it));
        let found = by_id.unwrap_or_else(|| unit.data_extension(spec.key.as_deref()?));
        found.map(|it| it.object_id.clone())
    }

    fn key_of_de(&self, account_id: u64, id: &str) -> String {
        let found = self.units.get(&account_id).and_then(|unit| unit.data_extension_by_id(id));
        found.map_or_else(String::new, |it| it.key.clone())
    }
}

fn created_echo(object: &Element, id: &str, key: String) -> Element {
    let mut echo = echo_of(object, Some(id));
    echo.children.retain(|it| it.name != "CustomerKey");
    echo.children.push(Element::text("CustomerKey", key));
    // Ids of fields are not told; they have to be retrieved.
    for field in echo.children.iter_mut().filter(|it| it.name == "Fields").flat_map(|it| &mut it.children) {
        field.children.retain(|it| it.name != "ObjectID" && it.name != "PartnerKey");
        field.children.push(Element::nil("PartnerKey"));
        field.children.push(Element::nil("ObjectID"));
    }
    echo
}

fn spec_of(object: &Element) -> Result<DataExtensionSpec, SchemaError> {
    let text = |name: &str| object.value(name).map(str::to_owned);
    let mentions_retention =
        ["DataRetentionPeriodLength", "RowBasedRetention", "RetainUntil", "DeleteAtEndOfRetentionPeriod", "DataRetentionPeriod"]
            .iter()
            .any(|it| object.filled(it).is_some());
    let unit = object.number("DataRetentionPeriodUnitOfMeasure").or_else(|| match object.filled("DataRetentionPeriod")? {
        "Days" => Some(3),
        "Weeks" => Some(4),
        "Months" => Some(5),
        "Years" => Some(6),
        _ => None,
    });
    let sendable_field = object.filled("SendableDataExtensionField/Name");
    let relation = object.filled("SendableSubscriberField/Name").unwrap_or("Subscriber Key");
    if !["Subscriber Key", "Subscriber ID"].iter().any(|it| it.eq_ignore_ascii_case(relation)) {
        // What a retrieve tells, `_SubscriberKey`, is not what a create takes.
        return Err(SchemaError {
            code: INVALID,
            message: format!("{relation} is not a subscriber field; it is Subscriber Key or Subscriber ID."),
        });
    }
    let sendable = match (object.truth("IsSendable"), sendable_field) {
        (Some(false), _) | (None, None) => None,
        (_, Some(field)) => Some(Sendable { field: field.to_owned(), subscriber_field: relation.to_owned() }),
        (Some(true), None) => {
            return Err(SchemaError { code: INVALID, message: "A sendable data extension needs a SendableDataExtensionField.".to_owned() });
        }
    };
    Ok(DataExtensionSpec {
        object_id: object.filled("ObjectID").map(str::to_owned),
        key: object.filled("CustomerKey").map(str::to_owned),
        name: object.filled("Name").map(str::to_owned),
        description: text("Description"),
        category_id: object.number("CategoryID").filter(|it| *it != 0),
        sendable,
        testable: object.truth("IsTestable"),
        retention: mentions_retention.then(|| Retention {
            row_based: object.truth("RowBasedRetention").unwrap_or(false),
            reset_on_import: object.truth("ResetRetentionPeriodOnImport").unwrap_or(false),
            delete_at_end: object.truth("DeleteAtEndOfRetentionPeriod").unwrap_or(false),
            length: object.number("DataRetentionPeriodLength"),
            unit,
            retain_until: object.filled("RetainUntil").unwrap_or_default().to_owned(),
        }),
        template_key: object.filled("Template/CustomerKey").map(str::to_owned),
        fields: object.child("Fields").into_iter().flat_map(|it| it.all("Field")).map(field_of).collect::<Result<_, _>>()?,
    })
}

fn field_of(field: &Element) -> Result<FieldSpec, SchemaError> {
    let field_type = match field.filled("FieldType") {
        None => None,
        Some(name) => {
            Some(FieldType::named(name).ok_or_else(|| SchemaError { code: INVALID, message: format!("{name} is not a field type.") })?)
        }
    };
    let precision = field.number("MaxLength").or_else(|| field.number("Precision"));
    Ok(FieldSpec {
        object_id: field.filled("ObjectID").map(str::to_owned),
        name: field.filled("Name").map(str::to_owned),
        field_type,
        max_length: precision,
        scale: field.number("Scale"),
        required: field.truth("IsRequired"),
        primary_key: field.truth("IsPrimaryKey"),
        default: field.value("DefaultValue").map(str::to_owned),
        description: field.filled("Description").map(str::to_owned),
    })
}
