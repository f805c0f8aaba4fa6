//! The inspect door: JSON for tests and curious people, never part of the service.
//!
//! | call | what it does |
//! |---|---|
//! | `GET /__inspect/data-extensions` | all data extensions with their fields and row counts |
//! | `POST /__inspect/data-extensions` | makes one ([`super::DataExtensionSpec`]) |
//! | `GET /__inspect/data-extensions/{key}` | one |
//! | `GET /__inspect/data-extensions/{key}/rows?skip=&limit=` | its columns and rows as they are read back |
//! | `GET /__inspect/journal?after=` · `DELETE` | the calls; forgets them |
//! | `GET /__inspect/imports` · `GET …/{id}` | imports with the verdicts on their rows |
//! | `POST /__inspect/imports/{id}/release` | lets a held import begin |
//! | `GET` · `PUT` · `PATCH /__inspect/switches` | the switches; `PUT` resets those it leaves out |
//! | `GET` · `POST` · `DELETE /__inspect/faults` · `DELETE …/{id}` | the faults |
//! | `POST /__inspect/write` | another writer acts ([`super::OtherWrite`]) |
//! | `GET /__inspect/files/{location}?prefix=` | names and sizes of files |
//! | `GET` · `PUT` · `DELETE /__inspect/files/{location}/{path}` | one file |
//! | `POST /__inspect/expire-tokens` | every token expires |

use serde_json::{Value, json};

use super::Model;
use super::data_extension::{DataExtension, DataExtensionSpec};
use super::faults::{Fault, OtherWrite};
use super::http::{HttpAnswer, HttpRequest};
use super::imports::{Import, ImportOrigin, ImportStatus};
use super::switches::Switches;

type Answer = Result<HttpAnswer, HttpAnswer>;

impl Model {
    /// Answers the inspect door.
    pub(super) fn inspect(&mut self, request: &HttpRequest, now_ms: i64) -> HttpAnswer {
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
        let answer = match (request.method.as_str(), path.as_slice()) {
            ("GET", ["data-extensions"]) => {
                let all: Vec<Value> = self.data_extensions().map(|(account, it)| de_json(account, it)).collect();
                Ok(HttpAnswer::json(200, &json!({ "data_extensions": all })))
            }
            ("POST", ["data-extensions"]) => self.inspect_create(request, now_ms),
            ("GET", ["data-extensions", key]) => {
                self.data_extension(key).map(|it| HttpAnswer::json(200, &de_json(self.config.account_id, it))).ok_or_else(missing)
            }
            ("GET", ["data-extensions", key, "rows"]) => self.inspect_rows(request, key),
            ("GET", ["journal"]) => {
                let after = number(request, "after").unwrap_or(0) as u64;
                let calls: Vec<_> = self.journal.entries().filter(|it| after < it.number).collect();
                Ok(HttpAnswer::json(200, &json!({ "count": self.journal.count(), "calls": calls })))
            }
            ("DELETE", ["journal"]) => {
                self.journal.clear();
                Ok(HttpAnswer::empty(204))
            }
            ("GET", ["imports"]) => {
                let all: Vec<Value> = self.imports().iter().map(|it| import_json(it, false)).collect();
                Ok(HttpAnswer::json(200, &json!({ "imports": all })))
            }
            ("GET", ["imports", id]) => {
                let import = id.parse().ok().and_then(|it| self.imports.get(it));
                import.map(|it| HttpAnswer::json(200, &import_json(it, true))).ok_or_else(missing)
            }
            ("POST", ["imports", id, "release"]) => {
                let released = id.parse().is_ok_and(|it| self.release_import(it, now_ms));
                self.advance(now_ms);
                if released { Ok(HttpAnswer::empty(204)) } else { Err(missing()) }
            }
            ("GET", ["switches"]) => Ok(HttpAnswer::json(200, &json!(self.switches))),
            ("PUT", ["switches"]) => read::<Switches>(&request.body).map(|it| {
                self.set_switches(it);
                HttpAnswer::json(200, &json!(self.switches))
            }),
            ("PATCH", ["switches"]) => self.inspect_patch_switches(request),
            ("GET", ["faults"]) => Ok(HttpAnswer::json(200, &json!({ "faults": self.faults() }))),
            ("POST", ["faults"]) => read::<Fault>(&request.body).map(|it| HttpAnswer::json(201, &json!({ "id": self.add_fault(it) }))),
            ("DELETE", ["faults"]) => {
                self.clear_faults();
                Ok(HttpAnswer::empty(204))
            }
            ("DELETE", ["faults", id]) => {
                let removed = id.parse().is_ok_and(|it| self.remove_fault(it));
                if removed { Ok(HttpAnswer::empty(204)) } else { Err(missing()) }
            }
            ("POST", ["write"]) => read::<OtherWrite>(&request.body)
                .and_then(|it| self.other_write(&it, now_ms).map_err(|error| refusal(&error.to_string())))
                .map(|()| HttpAnswer::empty(204)),
            ("POST", ["expire-tokens"]) => {
                self.expire_tokens();
                Ok(HttpAnswer::empty(204))
            }
            (_, ["files", location, tail @ ..]) => self.inspect_files(request, location, &tail.join("/"), now_ms),
            _ => Err(missing()),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    fn inspect_create(&mut self, request: &HttpRequest, now_ms: i64) -> Answer {
        let spec: DataExtensionSpec = read(&request.body)?;
        let account_id = number(request, "account_id").map_or(self.config.account_id, |it| it as u64);
        let id = self.create_data_extension_in(account_id, &spec, now_ms).map_err(|it| refusal(&it.to_string()))?;
        let made = self.data_extensions().find(|(_, it)| it.object_id == id);
        made.map(|(account, it)| HttpAnswer::json(201, &de_json(account, it))).ok_or_else(missing)
    }

    fn inspect_rows(&self, request: &HttpRequest, key: &str) -> Answer {
        let de = self.data_extension(key).ok_or_else(missing)?;
        let (skip, limit) = (number(request, "skip").unwrap_or(0), number(request, "limit").unwrap_or(usize::MAX));
        let columns: Vec<&str> = de.fields.iter().map(|it| it.name.as_str()).collect();
        let rows: Vec<Value> = de
            .rows
            .iter()
            .skip(skip)
            .take(limit)
            .map(|row| {
                let values: Vec<Option<String>> = de.fields.iter().map(|it| de.shown(row, it)).collect();
                json!({ "_CustomObjectKey": row.number, "values": values })
            })
            .collect();
        Ok(HttpAnswer::json(200, &json!({ "count": de.rows.len(), "columns": columns, "rows": rows })))
    }

    fn inspect_patch_switches(&mut self, request: &HttpRequest) -> Answer {
        let patch: serde_json::Map<String, Value> = read(&request.body)?;
        let mut whole = json!(self.switches);
        for (name, value) in patch {
            whole[name] = value;
        }
        let switches = serde_json::from_value(whole).map_err(|error| refusal(&error.to_string()))?;
        self.set_switches(switches);
        Ok(HttpAnswer::json(200, &json!(self.switches)))
    }

    fn inspect_files(&mut self, request: &HttpRequest, location: &str, path: &str, now_ms: i64) -> Answer {
        let refused = |error: super::FileError| HttpAnswer::json(404, &json!({ "error": error.to_string() }));
        match (request.method.as_str(), path) {
            ("GET", "") => {
                let prefix = request.query("prefix").unwrap_or_default();
                let files = self.file_list(location, &prefix).map_err(refused)?;
                Ok(HttpAnswer::json(200, &json!({ "files": files })))
            }
            ("GET", path) => {
                let bytes = self.file_get(location, path).map_err(refused)?.to_vec();
                Ok(HttpAnswer::of(200, "application/octet-stream", bytes))
            }
            ("PUT", path) => {
                self.file_put(location, path, request.body.clone(), now_ms).map_err(refused)?;
                Ok(HttpAnswer::empty(204))
            }
            ("DELETE", path) => {
                self.file_remove(location, path).map_err(refused)?;
                Ok(HttpAnswer::empty(204))
            }
            _ => Err(missing()),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, HttpAnswer> {
    serde_json::from_slice(body).map_err(|error| refusal(&error.to_string()))
}

fn refusal(message: &str) -> HttpAnswer {
    HttpAnswer::json(400, &json!({ "error": message }))
}

fn missing() -> HttpAnswer {
    HttpAnswer::json(404, &json!({ "error": "nothing is there" }))
}

fn number(request: &HttpRequest, name: &str) -> Option<usize> {
    request.query(name)?.parse().ok()
}

fn de_json(account_id: u64, de: &DataExtension) -> Value {
    json!({
        "account_id": account_id,
        "object_id": de.object_id,
        "key": de.key,
        "name": de.name,
        "category_id": de.category_id,
        "sendable": de.sendable,
        "retention": de.retention,
        "fields": de.fields,
        "row_count": de.rows.len(),
    })
}

fn import_json(import: &Import, whole: bool) -> Value {
    let (origin, definition) = match &import.origin {
        ImportOrigin::Definition(key) => ("definition", Some(key)),
        ImportOrigin::Rest => ("rest", None),
    };
    let (status, error) = match &import.status {
        ImportStatus::New => ("new", None),
        ImportStatus::Processing => ("processing", None),
        ImportStatus::Completed => ("completed", None),
        ImportStatus::Error(error) => ("error", Some(error)),
    };
    let mut json = json!({
        "id": import.id,
        "account_id": import.account_id,
        "origin": origin,
        "definition": definition,
        "data_extension": import.target_key,
        "update_type": import.plan.update_type.name(),
        "file_spec": import.plan.file_spec,
        "files": import.files,
        "status": status,
        "error": error,
        "held": import.is_held(),
        "started_ms": import.started_ms,
        "began_ms": import.began_ms,
        "ended_ms": import.ended_ms,
        "polls": import.polls,
        "counts": import.counts,
        "refused_rows": import.verdicts.len(),
    });
    if whole {
        let verdicts: Vec<Value> = import
            .verdicts
            .iter()
            .map(|it| {
                let errors: Vec<Value> = it.errors.iter().map(|(field, error)| json!({ "field": field, "error": error.name() })).collect();
                json!({ "row": it.row, "line": it.line, "code": it.code, "errors": errors })
            })
            .collect();
        json["verdicts"] = verdicts.into();
    }
    json
}
