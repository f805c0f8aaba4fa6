//! Folders of data extensions, by SOAP.

use outflow_domain::{FolderName, FolderPath};
use outflow_ports::CloudError;

use crate::{
    failure::Privacy,
    retry::Repeat,
    session::{Call, Session},
    settings::Door,
    soap::{Acted, ApiObject, Create, Element, Filter, Retrieve, Xml, read_acted},
};

/// What the service calls folders of the business unit's own data extensions; those of other content types take none of them.
const CONTENT_TYPE: &str = "dataextension";

/// A folder, as far as a path needs it.
struct Folder {
    id: u64,
    name: String,
    parent: u64,
}

/// The number of the folder; each one of the path that is missing is made.
pub(crate) async fn find_or_make(session: &Session, path: &FolderPath) -> Result<u64, CloudError> {
    let action = format!("find the folder `{path}`");
    let mut folders = all(session, &action).await?;
    // The root has no parent, and is usually named `Data Extensions`.
    let root = folders.iter().filter(|it| it.parent == 0).map(|it| it.id).min();
    let nowhere = || CloudError::Unreadable { action: action.clone(), message: "there is no root folder of data extensions".to_owned() };
    let mut at = root.ok_or_else(nowhere)?;
    for name in path.folders() {
        at = match child(&folders, at, name) {
            Some(id) => id,
            None => {
                let making = format!("make the folder `{name}` of `{path}`");
                let acted = make(session, &making, at, name).await?;
                // Whatever was answered, the service itself tells: the first of two sendings, or somebody else, may have made it.
                folders = all(session, &action).await?;
                match (child(&folders, at, name), acted) {
                    (Some(id), _) => id,
                    (None, Acted::Refused(refusal)) => return Err(refusal.to_error(&making, 200, Privacy::Metadata)),
                    (None, Acted::Done) => {
                        let message = "the service called it done, but it is not there".to_owned();
                        return Err(CloudError::Unreadable { action: making, message });
                    }
                }
            }
        };
    }
    Ok(at)
}

/// The folder of that name within another; the service compares names without case. Of several the oldest, so that it is always the same.
fn child(folders: &[Folder], parent: u64, name: &FolderName) -> Option<u64> {
    let is_it = |it: &&Folder| it.parent == parent && it.name.to_lowercase() == name.as_str().to_lowercase();
    folders.iter().filter(is_it).map(|it| it.id).min()
}

async fn all(session: &Session, action: &str) -> Result<Vec<Folder>, CloudError> {
    let properties = ["ID", "Name", "ContentType", "ParentFolder.ID"];
    let question = Retrieve::of("DataFolder", &properties, Some(Filter::equals("ContentType", CONTENT_TYPE)));
    session.retrieve(action, question, read).await
}

fn read(object: Element<'_, '_>) -> Option<Folder> {
    let parent = object.child("ParentFolder").and_then(|it| it.number("ID")).unwrap_or(0);
    Some(Folder { id: object.number("ID")?, name: object.word("Name")?, parent })
}

async fn make(session: &Session, action: &str, parent: u64, name: &FolderName) -> Result<Acted, CloudError> {
    let call = Call { action, door: Door::Soap, repeat: Repeat::Safely, privacy: Privacy::Metadata };
    let body = session.soap(&call, &Create(&NewFolder { parent, name })).await?;
    Ok(read_acted(&body, "CreateResponse").map_err(|it| it.into_failure(action, Privacy::Metadata))?)
}

struct NewFolder<'a> {
    parent: u64,
    name: &'a FolderName,
}

impl ApiObject for NewFolder<'_> {
    const TYPE: &'static str = "DataFolder";

    fn write(&self, xml: &mut Xml) {
        xml.element("ParentFolder", &[], |xml| xml.text("ID", &self.parent.to_string()));
        xml.text("Name", self.name.as_str());
        xml.text("Description", "");
        xml.text("ContentType", CONTENT_TYPE);
        xml.text("IsActive", "true");
        xml.text("IsEditable", "true");
        xml.text("AllowChildren", "true");
    }
}
