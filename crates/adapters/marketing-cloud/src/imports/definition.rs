//! Import definitions: one for each activation, reused, and pointed to one literal file before each start.
//!
//! Members and values: <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/importdefinition.html>.

use std::time::Duration;

use outflow_domain::{ImportId, ImportOrder, Name, ObjectId, Route};
use outflow_ports::{CloudError, Mark, StartError};
use sha2::{Digest, Sha256};

use super::{mark, update_type};
use crate::{
    columns::no_such_data_extension,
    describe,
    failure::Privacy,
    retry::Repeat,
    session::{Call, Session},
    settings::Door,
    soap::{
        Acted, ApiObject, Create, Element, Filter, Performed, Retrieve, StartDefinition, Unanswered, Update, Xml, read_acted,
        read_performed,
    },
};

/// Most characters of a definition's key.
const KEY_CHARS_MAX: usize = 36;

/// Marks our definitions among others.
const KEY_PREFIX: &str = "outflow_";

/// Characters of a hash in a key: 48 bits.
const HASH_CHARS: usize = 12;

/// How often the definition is read again until it shows what was set.
const READS_MAX: u32 = 5;

/// The first pause between two of those reads; each further one is twice as long.
const READ_PAUSE: Duration = Duration::from_millis(250);

const PROPERTIES: [&str; 8] =
    ["ObjectID", "CustomerKey", "Description", "FileSpec", "UpdateType", "AllowErrors", "FieldMappingType", "DestinationObject.ObjectID"];

/// The key of an activation's definition: `outflow_` and the name, where that is short and in lower case; otherwise the beginning of the
/// name and a hash of it, since keys have at most 36 characters and compare without case.
#[must_use]
pub fn definition_key(activation: &Name) -> String {
    let name = activation.as_str();
    let is_plain = !name.bytes().any(|it| it.is_ascii_uppercase());
    if is_plain && KEY_PREFIX.len() + name.len() <= KEY_CHARS_MAX {
        return format!("{KEY_PREFIX}{name}");
    }
    let hash: String = Sha256::digest(name).iter().map(|it| format!("{it:02x}")).collect();
    let room = KEY_CHARS_MAX - KEY_PREFIX.len() - HASH_CHARS - 1;
    let begin: String = name.to_ascii_lowercase().chars().take(room).collect();
    format!("{KEY_PREFIX}{begin}_{}", &hash[..HASH_CHARS])
}

/// The generation that the activation's definition is marked with, where it fills this data extension.
pub(crate) async fn marked_generation(session: &Session, activation: &Name, data_extension: &ObjectId) -> Result<Mark, CloudError> {
    let key = definition_key(activation);
    let action = format!("read the mark of the import definition `{key}`");
    let Some(stored) = find(session, &action, &key).await? else { return Ok(Mark::None) };
    // A definition that was last used for another data extension tells nothing of this one.
    if stored.destination.as_ref().is_some_and(|it| !it.eq_ignore_ascii_case(&data_extension.0)) {
        return Ok(Mark::None);
    }
    Ok(stored.description.as_deref().and_then(mark::read).map_or(Mark::Unreadable, Mark::Generation))
}

/// Creates or changes the activation's definition so that it means this file and bears the generation, and reads it again until it means the file.
pub(crate) async fn prepare_definition(session: &Session, order: &ImportOrder, generation: u64) -> Result<(), CloudError> {
    let key = definition_key(&order.activation);
    let action = format!("ready the import definition `{key}`");
    let Some((destination, _)) = describe::find(session, &order.data_extension).await? else {
        return Err(no_such_data_extension(&action));
    };
    let found = find(session, &action, &key).await?;
    let mut definition =
        Definition { key: &key, destination: &destination, order, description: describe_as(found.as_ref(), &destination, generation) };
    let mut refusal = None;
    if let Acted::Refused(refused) = write(session, &action, &definition, found.is_some()).await? {
        // A sending whose answer was lost, or another run, may have created it meanwhile; then it can be changed.
        refusal = Some(refused);
        if let Some(found) = find(session, &action, &key).await? {
            definition.description = describe_as(Some(&found), &destination, generation);
            refusal = match write(session, &action, &definition, true).await? {
                Acted::Done => None,
                Acted::Refused(refused) => Some(refused),
            };
        }
    }
    if let Some(refusal) = refusal {
        return Err(refusal.to_error(&action, 200, Privacy::Metadata));
    }
    // A start right after a change has been seen to take the old file, so the change must show first.
    let mut pause = READ_PAUSE;
    let mut difference = "it is not there";
    for read in 1..=READS_MAX {
        match find(session, &action, &key).await? {
            Some(stored) => match stored.difference_from(&definition) {
                None => return Ok(()),
                Some(it) => difference = it,
            },
            None => difference = "it is not there",
        }
        if read < READS_MAX {
            session.clock().sleep(pause).await;
            pause *= 2;
        }
    }
    Err(CloudError::Unreadable { action, message: format!("after it was set, {difference}") })
}

/// The description that a definition gets. A higher generation of the same data extension stays: whoever left it knows more than we do.
fn describe_as(found: Option<&Stored>, destination: &ObjectId, generation: u64) -> String {
    let text = found.and_then(|it| it.description.as_deref());
    let is_same = found.and_then(|it| it.destination.as_ref()).is_none_or(|it| it.eq_ignore_ascii_case(&destination.0));
    let left = text.filter(|_| is_same).and_then(mark::read).unwrap_or(0);
    mark::write(text, generation.max(left))
}

async fn write(session: &Session, action: &str, definition: &Definition<'_>, is_there: bool) -> Result<Acted, CloudError> {
    let call = Call { action, door: Door::Soap, repeat: Repeat::Safely, privacy: Privacy::Metadata };
    let (body, answer) = if is_there {
        (session.soap(&call, &Update(definition)).await?, "UpdateResponse")
    } else {
        (session.soap(&call, &Create(definition)).await?, "CreateResponse")
    };
    Ok(read_acted(&body, answer).map_err(|it| it.into_failure(action, Privacy::Metadata))?)
}

async fn find(session: &Session, action: &str, key: &str) -> Result<Option<Stored>, CloudError> {
    let question = Retrieve::of("ImportDefinition", &PROPERTIES, Some(Filter::equals("CustomerKey", key)));
    let found = session.retrieve(action, question, Stored::read).await?;
    Ok(found.into_iter().next())
}

/// A definition as the service tells it.
#[derive(Debug)]
struct Stored {
    description: Option<String>,
    file: Option<String>,
    update_type: Option<String>,
    allows_errors: bool,
    mapping: Option<String>,
    destination: Option<String>,
}

impl Stored {
    fn read(object: Element<'_, '_>) -> Option<Self> {
        object.word("CustomerKey")?;
        Some(Self {
            description: object.word("Description"),
            file: object.word("FileSpec"),
            update_type: object.word("UpdateType"),
            allows_errors: object.flag("AllowErrors"),
            mapping: object.word("FieldMappingType"),
            destination: object.child("DestinationObject").and_then(|it| it.word("ObjectID")),
        })
    }

    /// What does not fit, if anything. A member that the service does not tell is believed.
    fn difference_from(&self, wanted: &Definition<'_>) -> Option<&'static str> {
        let differs = |stored: &Option<String>, wanted: &str| stored.as_ref().is_some_and(|it| !it.eq_ignore_ascii_case(wanted));
        if self.file.as_deref() != Some(wanted.order.file.as_str()) {
            Some("it names another file")
        } else if differs(&self.destination, &wanted.destination.0) {
            Some("it fills another data extension")
        } else if differs(&self.update_type, update_type(wanted.order.insert)) {
            Some("it has another update type")
        } else if differs(&self.mapping, "ManualMap") {
            Some("it maps fields in another way")
        } else if !self.allows_errors {
            Some("it stops at the first bad row")
        } else {
            None
        }
    }
}

struct Definition<'a> {
    key: &'a str,
    destination: &'a ObjectId,
    order: &'a ImportOrder,
    description: String,
}

impl ApiObject for Definition<'_> {
    const TYPE: &'static str = "ImportDefinition";

    fn write(&self, xml: &mut Xml) {
        let order = self.order;
        xml.text("CustomerKey", self.key);
        xml.text("Name", self.key);
        xml.text("Description", &self.description);
        xml.text("AllowErrors", "true");
        // By ObjectID, so that a data extension that was re-created under its key is not mistaken for the old one.
        xml.typed("DestinationObject", "DataExtension", |xml| xml.text("ObjectID", &self.destination.0));
        xml.text("FieldMappingType", "ManualMap");
        xml.element("FieldMaps", &[], |xml| {
            for field in &order.fields {
                xml.element("FieldMap", &[], |xml| {
                    xml.text("SourceName", field.as_str());
                    xml.text("DestinationName", field.as_str());
                });
            }
        });
        xml.text("FileSpec", order.file.as_str());
        xml.text("FileType", "CSV");
        xml.element("RetrieveFileTransferLocation", &[], |xml| xml.text("CustomerKey", &order.file_location));
        xml.text("UpdateType", update_type(order.insert));
        xml.text("HeaderLines", "1");
        xml.text("StandardQuotedStrings", "true");
        xml.element("DateFormattingLocale", &[], |xml| xml.text("LocaleCode", "en-US"));
    }
}

/// Starts the activation's definition, once.
pub(crate) async fn start_definition(session: &Session, order: &ImportOrder) -> Result<ImportId, StartError> {
    let key = definition_key(&order.activation);
    let action = format!("start the import definition `{key}`");
    let call = Call { action: &action, door: Door::Soap, repeat: Repeat::Never, privacy: Privacy::Metadata };
    let body = session.soap(&call, &StartDefinition { key: &key }).await.map_err(|failure| {
        let source = failure.error;
        if failure.may_have_acted {
            StartError::Lost { source }
        } else {
            StartError::NotStarted { road_is_closed: is_closed(&source), source }
        }
    })?;
    let not_started = |source| StartError::NotStarted { road_is_closed: is_closed(&source), source };
    match read_performed(&body) {
        Ok(Performed::Task(id)) => Ok(ImportId { route: Route::Soap, id }),
        Ok(Performed::Refused(refusal)) => Err(not_started(refusal.to_error(&action, 200, Privacy::Metadata))),
        Err(Unanswered::Refused(refusal)) => Err(not_started(refusal.to_error(&action, 200, Privacy::Metadata))),
        Err(unreadable) => Err(StartError::Lost { source: unreadable.into_failure(&action, Privacy::Metadata).error }),
    }
}

/// A missing permission closes the road; a definition that cannot start just now does not.
const fn is_closed(error: &CloudError) -> bool {
    matches!(error, CloudError::Forbidden { .. })
}
