//! Create, rename and delete folders.

use super::change::{Change, Fate, echo_of};
use super::element::Element;
use crate::model::Model;
use crate::model::units::{Folder, same};

impl Model {
    /// Changes a folder.
    pub(super) fn change_folder(&mut self, change: Change, object: &Element, account_id: u64, now_ms: i64) -> Fate {
        let object_id = self.ids.guid();
        let Some(unit) = self.units.get_mut(&account_id) else { return Fate::bad(4, "No such business unit.") };
        let named = |it: &Folder| match (object.number::<u64>("ID"), object.filled("ObjectID"), object.filled("CustomerKey")) {
            (Some(id), _, _) => it.id == id,
            (None, Some(id), _) => it.object_id.eq_ignore_ascii_case(id),
            (None, None, Some(key)) => same(&it.key, key),
            _ => false,
        };
        let at = unit.folders.iter().position(named);
        match (change, at) {
            (Change::Create, _) => {
                let name = object.filled("Name").unwrap_or_default().to_owned();
                let parent_id: Option<u64> = object.number("ParentFolder/ID");
                let Some(parent) = unit.folders.iter().find(|it| Some(it.id) == parent_id).cloned() else {
                    return Fate::bad(2, "The parent folder does not exist.");
                };
                if name.is_empty() {
                    return Fate::bad(2, "A folder needs a name.");
                }
                if unit.folders.iter().any(|it| it.parent == parent.id && same(&it.name, &name)) {
                    return Fate::bad(2, "A folder of this name exists already.");
                }
                let content_type = object.filled("ContentType").unwrap_or(&parent.content_type);
                if content_type != parent.content_type {
                    return Fate::bad(
                        2,
                        format!("A folder of the content type {content_type} cannot be in one of {}.", parent.content_type),
                    );
                }
                let id = unit.folders.iter().map(|it| it.id).max().unwrap_or(0) + 1;
                let key = object.filled("CustomerKey").map_or_else(|| object_id.to_uppercase(), str::to_owned);
                unit.folders.push(Folder {
                    id,
                    object_id: object_id.clone(),
                    key,
                    name,
                    description: object.filled("Description").unwrap_or_default().to_owned(),
                    content_type: content_type.to_owned(),
                    parent: parent.id,
                    created_ms: now_ms,
                    modified_ms: now_ms,
                });
                Fate {
                    new_id: id,
                    new_object_id: Some(object_id.clone()),
                    echo: Some(echo_of(object, Some(&object_id))),
                    ..Fate::good("Folder created successfully.")
                }
            }
            (_, None) => Fate::bad(3, "The folder does not exist."),
            (Change::Update, Some(at)) => {
                let folder = &mut unit.folders[at];
                if let Some(name) = object.filled("Name") {
                    name.clone_into(&mut folder.name);
                }
                if let Some(description) = object.value("Description") {
                    description.clone_into(&mut folder.description);
                }
                folder.modified_ms = now_ms;
                Fate::good("Folder updated successfully.")
            }
            (Change::Delete, Some(at)) => {
                let folder = &unit.folders[at];
                let in_use = unit.folders.iter().any(|it| it.parent == folder.id)
                    || unit.data_extensions.iter().any(|it| it.category_id == folder.id);
                if folder.parent == 0 || in_use {
                    return Fate::bad(2, "The folder cannot be deleted: it is a root, or something is in it.");
                }
                unit.folders.remove(at);
                Fate::good("Folder deleted successfully.")
            }
        }
    }
}
