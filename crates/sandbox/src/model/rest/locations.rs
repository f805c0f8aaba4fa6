//! File locations by REST: the old list, the new list, and one by its key.

use serde_json::{Value, json};

use super::{Answer, Rest, not_found};
use crate::model::Model;
use crate::model::files::{FileStore, StoreKind};
use crate::model::http::HttpAnswer;
use crate::model::locations::{Bucket, Cloud, Location, LocationKind};

/// Longest key of a file location.
const KEY_CHARS_MAX: usize = 36;

impl Model {
    pub(super) fn rest_locations(&mut self, rest: &Rest<'_>, path: &[&str]) -> Answer {
        let reads = rest.request.method == "GET";
        rest.needs(if reads { "file_locations_read" } else { "file_locations_write" })?;
        match (rest.request.method.as_str(), path) {
            ("GET", ["automation", "v1", "ftplocations"]) => Ok(self.old_list(rest)),
            ("GET", ["data", "v1", "filetransferlocations"]) => Ok(self.new_list(rest)),
            ("POST", ["data", "v1", "filetransferlocation"]) => self.create_location(rest),
            (method, ["data", "v1", "filetransferlocation", key]) => self.one_location(rest, method, key),
            _ => Err(not_found()),
        }
    }

    fn old_list(&self, rest: &Rest<'_>) -> HttpAnswer {
        let locations = self.units.get(&rest.grant.account_id).map_or(&[][..], |unit| &unit.locations);
        let items: Vec<Value> = locations
            .iter()
            .map(|it| {
                let mut item = json!({ "id": it.id, "locationTypeId": it.type_id(), "name": it.name });
                match &it.kind {
                    LocationKind::EnhancedFtp => item["relPath"] = it.name.clone().into(),
                    LocationKind::ExternalSftp { url, .. } => item["locationUrl"] = url.clone().into(),
                    LocationKind::Bucket(bucket) => {
                        let scheme = match bucket.cloud {
                            Cloud::Aws => "S3",
                            Cloud::Azure => "Azure",
                            Cloud::Gcp => "GCP",
                        };
                        item["locationUrl"] = format!("{scheme}://{}/{}", bucket.name, bucket.relative_path).into();
                    }
                }
                item
            })
            .collect();
        HttpAnswer::json(200, &json!({ "page": 1, "pageSize": 50.max(items.len()), "count": items.len(), "items": items }))
    }

    fn new_list(&mut self, rest: &Rest<'_>) -> HttpAnswer {
        let (page, page_size) = rest.paging(50, 500);
        let request_id = self.ids.guid();
        let locations = self.units.get(&rest.grant.account_id).map_or(&[][..], |unit| &unit.locations);
        let all: Vec<Value> = locations.iter().filter_map(location_json).collect();
        let count = all.len();
        let items: Vec<Value> = all.into_iter().skip((page - 1) * page_size).take(page_size).collect();
        HttpAnswer::json(
            200,
            &json!({
                "page": page, "pageSize": page_size, "count": count, "items": items,
                "requestId": request_id, "resultMessages": [],
            }),
        )
    }

    fn create_location(&mut self, rest: &Rest<'_>) -> Answer {
        let body = rest.body()?;
        let asked = body.get("fileTransferLocation").ok_or_else(|| invalid("fileTransferLocation"))?;
        let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = text("name");
        let key = if text("customerKey").is_empty() { name.clone() } else { text("customerKey") };
        if name.is_empty() || KEY_CHARS_MAX < key.chars().count() {
            return Err(invalid(if name.is_empty() { "name" } else { "customerKey" }));
        }
        let kind = kind_of(asked)?;
        let id = self.ids.guid();
        let unit = self.units.get_mut(&rest.grant.account_id).ok_or_else(not_found)?;
        if unit.location(&key).is_some() {
            return Err(HttpAnswer::rest_error(400, 10006, &format!("A file location with the key {key} already exists.")));
        }
        let location = Location { id, key, name, description: text("description"), kind };
        if let Some(store) = location.store() {
            self.stores.entry(store).or_insert_with(|| FileStore::new(StoreKind::Bucket));
        }
        let answer = location_json(&location);
        unit.locations.push(location);
        Ok(self.wrapped(answer))
    }

    fn one_location(&mut self, rest: &Rest<'_>, method: &str, key: &str) -> Answer {
        let unit = self.units.get_mut(&rest.grant.account_id).ok_or_else(not_found)?;
        let at = unit.locations.iter().position(|it| it.key.eq_ignore_ascii_case(key)).ok_or_else(|| invalid("customerKey"))?;
        match method {
            "GET" => {
                let answer = location_json(&unit.locations[at]);
                Ok(self.wrapped(answer))
            }
            "PATCH" => {
                let body = rest.body()?;
                let asked = body.get("fileTransferLocation").ok_or_else(|| invalid("fileTransferLocation"))?;
                let mut location = unit.locations[at].clone();
                for (name, into) in [("name", &mut location.name), ("description", &mut location.description)] {
                    if let Some(text) = asked.get(name).and_then(Value::as_str) {
                        text.clone_into(into);
                    }
                }
                if asked.get("locationType").is_some() {
                    location.kind = kind_of(asked)?;
                }
                if let Some(store) = location.store() {
                    self.stores.entry(store).or_insert_with(|| FileStore::new(StoreKind::Bucket));
                }
                let answer = location_json(&location);
                unit.locations[at] = location;
                Ok(self.wrapped(answer))
            }
            "DELETE" if unit.locations[at].kind == LocationKind::EnhancedFtp => Err(invalid("customerKey")),
            "DELETE" => {
                unit.locations.remove(at);
                Ok(self.wrapped(None))
            }
            _ => Err(not_found()),
        }
    }

    /// Kinds that the newer routes do not know have no `fileTransferLocation`.
    fn wrapped(&mut self, location: Option<Value>) -> HttpAnswer {
        let mut answer = json!({});
        if let Some(location) = location {
            answer["fileTransferLocation"] = location;
        }
        answer["requestId"] = self.ids.guid().into();
        answer["resultMessages"] = json!([]);
        HttpAnswer::json(200, &answer)
    }
}

fn invalid(parameter: &str) -> HttpAnswer {
    HttpAnswer::rest_error(400, 10001, &format!("Parameter {parameter} is invalid."))
}

/// Secrets are never shown.
fn location_json(location: &Location) -> Option<Value> {
    let (kind, member, details) = match &location.kind {
        LocationKind::EnhancedFtp => return None,
        LocationKind::ExternalSftp { url, port, user } => (
            "ExternalSftp",
            "sFtpFileTransferLocation",
            json!({ "url": url, "portNumber": port, "userName": user, "authType": "Password" }),
        ),
        LocationKind::Bucket(bucket) => match bucket.cloud {
            Cloud::Aws => (
                "AmazonSimpleStorage",
                "awsFileTransferLocation",
                json!({
                    "regionName": bucket.place, "transferAccelerationEnabled": bucket.accelerated,
                    "authType": bucket.auth_type, "accessKeyId": bucket.access_key_id,
                    "bucketName": bucket.name, "relativePath": bucket.relative_path,
                }),
            ),
            Cloud::Azure => (
                "AzureBlobStorage",
                "azureFileTransferLocation",
                json!({
                    "storageAccountName": bucket.place, "tenantId": bucket.extra, "accessKeyId": bucket.access_key_id,
                    "authType": bucket.auth_type, "bucketName": bucket.name, "relativePath": bucket.relative_path,
                }),
            ),
            Cloud::Gcp => {
                ("GcpBlobStorage", "gcpFileTransferLocation", json!({ "bucketName": bucket.name, "relativePath": bucket.relative_path }))
            }
        },
    };
    let mut json = json!({
        "customerKey": location.key, "name": location.name, "description": location.description, "locationType": kind,
    });
    json[member] = details;
    Some(json)
}

fn kind_of(asked: &Value) -> Result<LocationKind, HttpAnswer> {
    let kind = asked.get("locationType").and_then(Value::as_str).unwrap_or_default();
    let (member, cloud) = match kind {
        "ExternalSftp" => {
            let it = asked.get("sFtpFileTransferLocation").ok_or_else(|| invalid("sFtpFileTransferLocation"))?;
            let text = |name: &str| it.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let port = it.get("portNumber").and_then(Value::as_u64).and_then(|it| u16::try_from(it).ok()).unwrap_or(22);
            return Ok(LocationKind::ExternalSftp { url: text("url"), port, user: text("userName") });
        }
        "AmazonSimpleStorage" => ("awsFileTransferLocation", Cloud::Aws),
        "AzureBlobStorage" => ("azureFileTransferLocation", Cloud::Azure),
        "GcpBlobStorage" => ("gcpFileTransferLocation", Cloud::Gcp),
        _ => return Err(invalid("locationType")),
    };
    let it = asked.get(member).ok_or_else(|| invalid(member))?;
    let text = |name: &str| it.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let relative_path = text("relativePath");
    if relative_path.starts_with('/') || relative_path.ends_with('/') {
        return Err(invalid("relativePath"));
    }
    if text("bucketName").is_empty() {
        return Err(invalid("bucketName"));
    }
    let place = if cloud == Cloud::Azure { text("storageAccountName") } else { text("regionName") };
    if cloud == Cloud::Aws && (place.is_empty() || place.contains('-')) {
        return Err(invalid("regionName"));
    }
    Ok(LocationKind::Bucket(Bucket {
        cloud,
        name: text("bucketName"),
        relative_path,
        place,
        access_key_id: text("accessKeyId"),
        extra: if cloud == Cloud::Azure { text("tenantId") } else { text("roleArn") },
        accelerated: it.get("transferAccelerationEnabled").and_then(Value::as_bool).unwrap_or(false),
        auth_type: if text("authType").is_empty() { "AccessKey".to_owned() } else { text("authType") },
    }))
}
