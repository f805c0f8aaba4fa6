//! A business unit and what belongs to it.

use serde::{Deserialize, Serialize};

use super::BucketConfig;
use super::data_extension::DataExtension;
use super::ids::Ids;
use super::imports::Definition;
use super::locations::{Bucket, Cloud, ENHANCED_FTP, Location, LocationKind};

/// A folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Folder {
    /// `ID`, which `CategoryID` refers to.
    pub id: u64,
    /// `ObjectID`.
    pub object_id: String,
    /// `CustomerKey`.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// `dataextension`, `shared_dataextension`, …
    pub content_type: String,
    /// The parent's id, 0 for a root.
    pub parent: u64,
    /// When it was made, unix milliseconds.
    pub created_ms: i64,
    /// When it was changed, unix milliseconds.
    pub modified_ms: i64,
}

/// A business unit.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unit {
    /// Its MID.
    pub account_id: u64,
    /// Folders in the order of their making.
    pub folders: Vec<Folder>,
    /// File locations.
    pub locations: Vec<Location>,
    /// Data extensions in the order of their making.
    pub data_extensions: Vec<DataExtension>,
    /// Import definitions in the order of their making.
    pub definitions: Vec<Definition>,
}

impl Unit {
    /// A new business unit: root folders and file locations.
    pub fn new(account_id: u64, bucket: Option<&BucketConfig>, ids: &mut Ids) -> Self {
        let roots = [
            ("Data Extensions", "dataextension"),
            ("Shared Data Extensions", "shared_dataextension"),
            ("Synchronized Data Extensions", "synchronizeddataextension"),
            ("Salesforce Data Extensions", "salesforcedataextension"),
        ];
        let first_id = 1000 + account_id % 1000 * 10;
        let folders = roots
            .iter()
            .enumerate()
            .map(|(at, (name, content_type))| Folder {
                id: first_id + at as u64,
                object_id: ids.guid(),
                key: format!("{content_type}_default"),
                name: (*name).to_owned(),
                description: String::new(),
                content_type: (*content_type).to_owned(),
                parent: 0,
                created_ms: 0,
                modified_ms: 0,
            })
            .collect();
        let mut locations = vec![Location {
            id: ids.guid(),
            key: ENHANCED_FTP.to_owned(),
            name: ENHANCED_FTP.to_owned(),
            description: String::new(),
            kind: LocationKind::EnhancedFtp,
        }];
        if let Some(it) = bucket {
            locations.push(Location {
                id: ids.guid(),
                key: it.location_key.clone(),
                name: it.location_key.clone(),
                description: String::new(),
                kind: LocationKind::Bucket(Bucket {
                    cloud: Cloud::Aws,
                    name: it.bucket.clone(),
                    relative_path: it.relative_path.clone(),
                    place: it.region.replace('-', ""),
                    access_key_id: it.access_key_id.clone(),
                    extra: String::new(),
                    accelerated: false,
                    auth_type: "AccessKey".to_owned(),
                }),
            });
        }
        Self { account_id, folders, locations, data_extensions: Vec::new(), definitions: Vec::new() }
    }

    /// The folder that takes data extensions without one.
    pub fn root_folder(&self) -> u64 {
        self.folders.first().map_or(0, |it| it.id)
    }

    /// Why a folder takes no data extension, if it does not: each content type holds its own kind, and synchronized ones are the service's.
    pub fn refusal_of_folder(&self, id: u64) -> Option<String> {
        let takes = ["dataextension", "shared_dataextension", "salesforcedataextension"];
        match self.folders.iter().find(|it| it.id == id) {
            None => Some(format!("The CategoryID {id} does not exist.")),
            Some(it) if !takes.contains(&it.content_type.as_str()) => {
                Some(format!("The folder {id} has the content type {} and takes no data extension.", it.content_type))
            }
            Some(_) => None,
        }
    }

    /// The data extension of that external key; keys compare without case.
    pub fn data_extension(&self, key: &str) -> Option<&DataExtension> {
        self.data_extensions.iter().find(|it| same(&it.key, key))
    }

    /// The same, to change it.
    pub fn data_extension_mut(&mut self, key: &str) -> Option<&mut DataExtension> {
        self.data_extensions.iter_mut().find(|it| same(&it.key, key))
    }

    /// The data extension of that ObjectID.
    pub fn data_extension_by_id(&self, id: &str) -> Option<&DataExtension> {
        self.data_extensions.iter().find(|it| it.object_id.eq_ignore_ascii_case(id))
    }

    /// The same, to change it.
    pub fn data_extension_by_id_mut(&mut self, id: &str) -> Option<&mut DataExtension> {
        self.data_extensions.iter_mut().find(|it| it.object_id.eq_ignore_ascii_case(id))
    }

    /// The import definition of that key.
    pub fn definition(&self, key: &str) -> Option<&Definition> {
        self.definitions.iter().find(|it| same(&it.key, key))
    }

    /// The file location of that key.
    pub fn location(&self, key: &str) -> Option<&Location> {
        self.locations.iter().find(|it| same(&it.key, key))
    }
}

/// External keys and names compare without case.
pub fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}
