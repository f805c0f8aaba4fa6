//! Rows that are deleted by their keys, by SOAP.

use outflow_domain::{DataExtensionKey, FieldName};
use outflow_ports::{CloudError, RowDeletion};

use crate::{
    failure::{Privacy, Refusal},
    retry::Repeat,
    session::{Call, Session},
    settings::Door,
    soap::{Acted, ApiObject, Delete, Xml, read_each_acted},
    words,
};

/// Most rows of a call. The service publishes no limit; two products send rows by SOAP in batches of 500 and of 200:
/// <https://docs.devart.com/ssis/devart_exacttarget_destination.htm> has the smaller one.
const ROWS_PER_CALL: usize = 200;

/// Deletes rows, and tells the code of each that was refused.
pub(crate) async fn delete_rows(session: &Session, deletion: &RowDeletion) -> Result<Vec<Option<String>>, CloudError> {
    let RowDeletion { data_extension, key_fields, keys } = deletion;
    let action = format!("delete rows of the data extension `{data_extension}`");
    let mut told = Vec::with_capacity(keys.len());
    for keys in keys.chunks(ROWS_PER_CALL) {
        let rows: Vec<DeletedRow<'_>> = keys.iter().map(|texts| DeletedRow { data_extension, key_fields, texts }).collect();
        // A call whose answer got lost may be heard later than whatever follows it, so that its caller has to know of it.
        let call = Call { action: &action, door: Door::Soap, repeat: Repeat::UnlessActed, privacy: Privacy::Rows };
        let body = session.soap(&call, &Delete(&rows)).await?;
        let acted = read_each_acted(&body, "DeleteResponse", rows.len()).map_err(|it| it.into_failure(&action, Privacy::Rows))?;
        if let Some(error) = forbidden(&acted, &action) {
            return Err(error);
        }
        told.extend(acted.iter().map(code_of));
    }
    Ok(told)
}

/// Where no row at all may be deleted, it is the package that lacks a permission.
fn forbidden(acted: &[Acted], action: &str) -> Option<CloudError> {
    let mut last = None;
    for it in acted {
        match it {
            Acted::Done => return None,
            Acted::Refused(refusal) => match refusal.to_error(action, 200, Privacy::Rows) {
                error @ CloudError::Forbidden { .. } => last = Some(error),
                _ => return None,
            },
        }
    }
    last
}

fn code_of(acted: &Acted) -> Option<String> {
    match acted {
        Acted::Done => None,
        Acted::Refused(Refusal { code, .. }) => Some(code.as_deref().and_then(words::code).unwrap_or_else(|| "Error".to_owned())),
    }
}

struct DeletedRow<'a> {
    data_extension: &'a DataExtensionKey,
    key_fields: &'a [FieldName],
    texts: &'a [String],
}

impl ApiObject for DeletedRow<'_> {
    const TYPE: &'static str = "DataExtensionObject";

    fn write(&self, xml: &mut Xml) {
        xml.text("CustomerKey", self.data_extension.as_str());
        xml.element("Keys", &[], |xml| {
            for (field, text) in self.key_fields.iter().zip(self.texts) {
                xml.element("Key", &[], |xml| {
                    xml.text("Name", field.as_str());
                    xml.text("Value", text);
                });
            }
        });
    }
}
