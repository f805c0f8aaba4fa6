//! Reading rows: `/data/v1/customobjectdata/…/rowset`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Answer, Rest, not_found};
use crate::model::Model;
use crate::model::clock::utc_text;
use crate::model::data_extension::DataExtension;
use crate::model::http::HttpAnswer;
use crate::model::rows::Row;

/// Tokens of row sets that are being read: token → data extension and page size.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::model) struct RowsetTokens(BTreeMap<String, (String, usize)>);

impl Model {
    pub(super) fn rest_rowset(&mut self, rest: &Rest<'_>, tail: &[&str]) -> Answer {
        rest.needs("data_extensions_read")?;
        if self.switches.row_reading_refused {
            return Err(HttpAnswer::rest_error(403, 20002, "Insufficient Privileges"));
        }
        if rest.request.method != "GET" {
            return Err(not_found());
        }
        let (mut page, mut page_size) = rest.paging(2500, 2500);
        let (id, token) = match tail {
            ["key", key, "rowset"] => {
                let id = self.de_id_of(rest.grant.account_id, &format!("key:{key}"));
                (id.ok_or_else(not_found)?, self.ids.guid())
            }
            ["token", token, "rowset"] => {
                let (id, size) = self.rowset_tokens.0.get(*token).ok_or_else(not_found)?;
                page_size = *size;
                (id.clone(), (*token).to_owned())
            }
            _ => return Err(not_found()),
        };
        page = page.max(1);
        let unit = self.units.get(&rest.grant.account_id).ok_or_else(not_found)?;
        let de = unit.data_extension_by_id(&id).ok_or_else(not_found)?;
        let filter = rest.request.query("$filter").map(|it| equality(de, &it)).transpose()?;
        let all = || de.rows.iter().filter(|row| filter.as_ref().is_none_or(|(slot, text)| shows(de, row, *slot, text)));
        let count = if filter.is_none() { de.rows.len() } else { all().count() };
        let items: Vec<Value> = all().skip((page - 1) * page_size).take(page_size).map(|row| item(de, row)).collect();
        let mut links = json!({ "self": format!("/v1/customobjectdata/token/{token}/rowset?$page={page}") });
        if page * page_size < count {
            links["next"] = format!("/v1/customobjectdata/token/{token}/rowset?$page={}", page + 1).into();
        }
        let mut answer = json!({
            "links": links,
            "requestToken": token,
            "tokenExpireDateUtc": utc_text(rest.now_ms + 86_400_000),
            "customObjectId": de.object_id,
            "customObjectKey": de.key,
            "pageSize": page_size,
            "page": page,
            "count": count,
            "top": 0,
        });
        // An empty row set has no `items` at all.
        if !items.is_empty() {
            answer["items"] = Value::Array(items);
        }
        self.rowset_tokens.0.insert(token, (id, page_size));
        Ok(HttpAnswer::json(200, &answer))
    }
}

/// `Column eq 'text'`, the one filter that is modelled.
fn equality(de: &DataExtension, filter: &str) -> Result<(usize, String), HttpAnswer> {
    let refusal = || HttpAnswer::rest_error(400, 10001, "The $filter is not supported.");
    let (name, value) = filter.split_once(" eq ").ok_or_else(refusal)?;
    let field = de.field(name.trim()).ok_or_else(refusal)?;
    let value = value.trim();
    let text = value.strip_prefix('\'').and_then(|it| it.strip_suffix('\'')).unwrap_or(value);
    Ok((field.slot, text.to_owned()))
}

fn shows(de: &DataExtension, row: &Row, slot: usize, text: &str) -> bool {
    let field = de.fields.iter().find(|it| it.slot == slot);
    field.and_then(|it| de.shown(row, it)).is_some_and(|it| it.eq_ignore_ascii_case(text))
}

fn item(de: &DataExtension, row: &Row) -> Value {
    let cells = |keys: bool| -> Map<String, Value> {
        let fields = de.fields.iter().filter(|it| it.primary_key == keys);
        fields.map(|it| (it.name.clone(), de.shown(row, it).unwrap_or_default().into())).collect()
    };
    json!({ "keys": cells(true), "values": cells(false) })
}
