//! The one-time import: `/data/v1/async/import`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, Rest, not_found, unknown_object};
use crate::model::Model;
use crate::model::clock::{server_ms, us_text};
use crate::model::http::HttpAnswer;
use crate::model::imports::{
    ColumnAction, Control, FieldMap, Import, ImportOrigin, ImportPlan, ImportStatus, MapSource, MappingType, RowVerdict, UpdateType,
    day_first,
};
use crate::model::switches::{FinishedStatus, RestImport};
use crate::model::types::RowError;

impl Model {
    pub(super) fn rest_import(&mut self, rest: &Rest<'_>, tail: &[&str]) -> Answer {
        match self.switches.rest_import {
            RestImport::Missing => return Err(not_found()),
            RestImport::Forbidden => return Err(HttpAnswer::rest_error(403, 20002, "Insufficient Privileges")),
            RestImport::Nested | RestImport::Flat => {}
        }
        match (rest.request.method.as_str(), tail) {
            ("POST", []) => self.start_rest_import(rest),
            ("GET", [id, what]) => {
                rest.needs("automations_read")?;
                let id: u64 = id.parse().map_err(|_| HttpAnswer::rest_error(400, 10001, &format!("Parameter {id} is invalid.")))?;
                let known = |it: &&Import| it.account_id == rest.grant.account_id && it.origin == ImportOrigin::Rest;
                if self.imports.get(id).filter(known).is_none() {
                    return Err(not_found());
                }
                self.imports.polled(id);
                let request_id = self.ids.guid();
                let import = self.imports.get(id).ok_or_else(not_found)?;
                match *what {
                    "summary" => Ok(self.import_summary(import, &request_id)),
                    "validationsummary" => Ok(validation_summary(import, &request_id)),
                    "validationresult" => Ok(self.validation_result(rest, import, &request_id)),
                    _ => Err(not_found()),
                }
            }
            _ => Err(not_found()),
        }
    }

    fn start_rest_import(&mut self, rest: &Rest<'_>) -> Answer {
        for scope in ["automations_read", "automations_execute", "data_extensions_write"] {
            rest.needs(scope)?;
        }
        let account_id = rest.grant.account_id;
        let asked = Asked::read(&rest.body()?, self.switches.rest_import)?;
        let request_id = self.ids.guid();
        let key = asked.require("target.key")?;
        let target = self.de_id_of(account_id, &format!("key:{key}")).ok_or_else(|| unknown_object(&request_id, &format!("key:{key}")))?;
        let location_key = asked.require("transport.key")?;
        let unit = self.units.get(&account_id).ok_or_else(not_found)?;
        let location = unit.location(&location_key).ok_or_else(|| invalid(&format!("The file location {location_key} does not exist.")))?;
        let mut plan = asked.plan(self.switches.rest_import_manual_map)?;
        plan.target = target;
        plan.location = location.key.clone();
        plan.delete_file = self.switches.rest_import_deletes_file && location.type_id() == 0;
        if plan.update_type == UpdateType::ColumnBased && self.switches.control_columns_refused {
            return Err(invalid("The updateType ColumnBased is not available."));
        }
        let id = self.start_import(account_id, ImportOrigin::Rest, plan, rest.now_ms);
        Ok(HttpAnswer::json(200, &json!({ "id": id, "requestId": request_id, "resultMessages": [] })))
    }

    fn import_summary(&self, import: &Import, request_id: &str) -> HttpAnswer {
        let date = |ms: i64| us_text(server_ms(ms, self.switches.server_offset_hours));
        let counts = import.reported();
        let finished = match self.switches.finished_status {
            FinishedStatus::Completed => "Completed",
            FinishedStatus::Success => "Success",
            FinishedStatus::ErrorWithErrors if 0 < counts.errors => "Error",
            FinishedStatus::ErrorWithErrors => "Completed",
        };
        let status = match &import.status {
            ImportStatus::New => "New",
            ImportStatus::Processing => "Processing",
            ImportStatus::Completed => finished,
            ImportStatus::Error(_) => "Error",
        };
        HttpAnswer::json(
            200,
            &json!({
                "summary": {
                    "id": import.object_id,
                    "importId": import.id,
                    "importStatus": status,
                    "startDate": date(import.started_ms),
                    "endDate": import.ended_ms.map(date),
                    "totalRows": counts.total,
                    "successfulRows": counts.successful,
                    "errors": counts.errors,
                    "duplicateRows": counts.duplicated,
                    "restrictedRows": counts.restricted,
                    "targetId": import.plan.target,
                    "targetKey": import.target_key,
                    "targetUpdateType": import.plan.update_type.name(),
                },
                "requestId": request_id,
                "resultMessages": [],
            }),
        )
    }

    fn validation_result(&self, rest: &Rest<'_>, import: &Import, request_id: &str) -> HttpAnswer {
        let (page, page_size) = rest.paging(2500, 2500);
        let mut items = Vec::new();
        for verdict in import.verdicts.iter().filter(|_| import.has_ended()) {
            let errors = if self.switches.validation_every_cell { verdict.errors.len() } else { 1 };
            for (field, error) in verdict.errors.iter().take(errors) {
                items.push(json!({
                    "rowId": self.row_id(import, verdict),
                    "validationErrorType": verdict.code.as_deref().unwrap_or(error.name()),
                    "validationErrorCodeId": error.id(),
                    "validationErrorDetails": field,
                }));
            }
        }
        items.truncate(self.switches.validation_rows_max.unwrap_or(usize::MAX));
        let count = items.len();
        let shown: Vec<Value> = items.into_iter().skip((page - 1) * page_size).take(page_size).collect();
        HttpAnswer::json(
            200,
            &json!({
                "id": import.id, "page": page, "pageSize": page_size, "count": count, "items": shown,
                "requestId": request_id, "resultMessages": [],
            }),
        )
    }

    /// The number of a row as validation results show it.
    fn row_id(&self, import: &Import, verdict: &RowVerdict) -> u64 {
        let numbering = self.switches.row_numbering;
        let header = import.plan.header_lines as u64;
        let from_one = match (numbering.physical_lines, numbering.header_counts) {
            (true, true) => verdict.line,
            (true, false) => verdict.line.saturating_sub(header),
            (false, true) => verdict.row + header,
            (false, false) => verdict.row,
        };
        if numbering.from_one { from_one } else { from_one.saturating_sub(1) }
    }
}

fn validation_summary(import: &Import, request_id: &str) -> HttpAnswer {
    let mut counts: BTreeMap<(String, u32), u64> = BTreeMap::new();
    for verdict in import.verdicts.iter().filter(|_| import.has_ended()) {
        let error = verdict.errors.first().map_or(RowError::Rejected, |(_, error)| *error);
        let name = verdict.code.clone().unwrap_or_else(|| error.name().to_owned());
        *counts.entry((name, error.id())).or_default() += 1;
    }
    let summary: Vec<Value> = counts
        .into_iter()
        .map(|((name, id), count)| json!({ "validationErrorType": name, "validationErrorCodeId": id, "errorsCount": count }))
        .collect();
    HttpAnswer::json(200, &json!({ "id": import.id, "importValidationSummary": summary, "requestId": request_id, "resultMessages": [] }))
}

fn invalid(message: &str) -> HttpAnswer {
    HttpAnswer::rest_error(400, 10001, message)
}

/// What a request asks for, by the names of the nested form.
struct Asked(BTreeMap<String, Value>);

/// Member of the nested form → member of the flat one. How the flat one is really spelled is not public; these
/// names follow the members of the summary.
const FLAT: [(&str, &str); 15] = [
    ("source.fileInfo.specifier", "specifier"),
    ("source.fileInfo.contentType", "contentType"),
    ("source.fileInfo.hasMultipleFiles", "hasMultipleFiles"),
    ("source.fileInfo.standardQuotedStrings", "standardQuotedStrings"),
    ("source.fileInfo.delimiter", "delimiter"),
    ("source.fileInfo.dateFormatLocale", "dateFormatLocale"),
    ("target.type", "targetType"),
    ("target.key", "targetKey"),
    ("target.updateType", "updateType"),
    ("target.controlColumn", "controlColumn"),
    ("target.controlColumnDefaultAction", "controlColumnDefaultAction"),
    ("mapping.allowErrors", "allowErrors"),
    ("mapping.fieldMappingType", "fieldMappingType"),
    ("mapping.fieldMappings", "fieldMappings"),
    ("transport.key", "transportKey"),
];

impl Asked {
    fn read(body: &Value, form: RestImport) -> Result<Self, HttpAnswer> {
        let find = |nested: &str, flat: &str| {
            if form == RestImport::Flat {
                body.get(flat).cloned()
            } else {
                nested.split('.').try_fold(body, |it, name| it.get(name)).cloned()
            }
        };
        let members = FLAT.iter().filter_map(|(nested, flat)| Some(((*nested).to_owned(), find(nested, flat)?)));
        Ok(Self(members.collect()))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().map(str::to_owned).filter(|it| !it.is_empty())
    }

    fn require(&self, name: &str) -> Result<String, HttpAnswer> {
        self.text(name).ok_or_else(|| invalid(&format!("{name} is required.")))
    }

    fn truth(&self, name: &str, usual: bool) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(usual)
    }

    /// The plan, without target and location.
    fn plan(&self, manual_map: bool) -> Result<ImportPlan, HttpAnswer> {
        if self.text("target.type").is_some_and(|it| !it.eq_ignore_ascii_case("DataExtension")) {
            return Err(invalid("Only the target type DataExtension is modelled here."));
        }
        let update_type = self.text("target.updateType").unwrap_or_else(|| "AddAndUpdate".to_owned());
        let update_type = UpdateType::named(&update_type).ok_or_else(|| invalid(&format!("The updateType {update_type} is not known.")))?;
        let mapping = self.text("mapping.fieldMappingType").unwrap_or_else(|| "InferFromColumnHeadings".to_owned());
        let mapping = MappingType::named(&mapping)
            .filter(|it| manual_map || *it != MappingType::ManualMap)
            .ok_or_else(|| invalid(&format!("The fieldMappingType {mapping} is not supported.")))?;
        let delimiter = match self.text("source.fileInfo.contentType").as_deref().map(str::to_ascii_uppercase).as_deref() {
            None | Some("CSV") => b',',
            Some("TAB") => b'\t',
            Some("OTHER") => match self.text("source.fileInfo.delimiter").as_deref().map(str::as_bytes) {
                Some([delimiter]) => *delimiter,
                _ => return Err(invalid("The contentType OTHER needs a delimiter of one character.")),
            },
            Some(other) => return Err(invalid(&format!("The contentType {other} is not known."))),
        };
        let control = match (self.text("target.controlColumn"), update_type) {
            (Some(column), _) => {
                let default = self.text("target.controlColumnDefaultAction").as_deref().and_then(ColumnAction::named);
                Some(Control { column, default, actions: column_actions() })
            }
            (None, UpdateType::ColumnBased) => return Err(invalid("The updateType ColumnBased needs a controlColumn.")),
            (None, _) => None,
        };
        Ok(ImportPlan {
            file_spec: self.require("source.fileInfo.specifier")?,
            whole_folder: self.truth("source.fileInfo.hasMultipleFiles", false),
            update_type,
            mapping,
            maps: self.maps()?,
            delimiter,
            quoted: self.truth("source.fileInfo.standardQuotedStrings", true),
            allow_errors: self.truth("mapping.allowErrors", true),
            day_first: day_first(&self.text("source.fileInfo.dateFormatLocale").unwrap_or_default()),
            control,
            ..ImportPlan::default()
        })
    }

    fn maps(&self) -> Result<Vec<FieldMap>, HttpAnswer> {
        let Some(Value::Array(maps)) = self.0.get("mapping.fieldMappings") else { return Ok(Vec::new()) };
        maps.iter()
            .map(|it| {
                let member = |name: &str| it.get(name).and_then(Value::as_str).map(str::to_owned);
                Some(FieldMap { source: MapSource::Name(member("sourceFieldName")?), destination: member("destinationFieldName")? })
            })
            .collect::<Option<_>>()
            .ok_or_else(|| invalid("A field mapping needs sourceFieldName and destinationFieldName."))
    }
}

/// The one-time import has no actions of its own: the control column names them.
fn column_actions() -> Vec<(String, ColumnAction)> {
    use ColumnAction::{AddAndUpdate, AddButDoNotUpdate, Delete, Skip, UpdateButDoNotAdd};
    [AddAndUpdate, AddButDoNotUpdate, UpdateButDoNotAdd, Delete, Skip].map(|it| (it.name().to_owned(), it)).to_vec()
}
