//! A tenant with a token, and short ways to ask it things.

use std::collections::BTreeMap;

use outflow_sandbox::model::{
    Config, DataExtensionSpec, Door, ENHANCED_FTP, FieldSpec, FieldType, HttpAnswer, HttpRequest, Model, Switches,
};
use serde_json::{Value, json};

/// 2026-11-23 10:10:07 UTC, 4:10:07 in the morning on the servers' clock.
pub const NOW: i64 = 1_795_428_607_000;

pub struct Cloud {
    pub model: Model,
    pub token: String,
    pub now: i64,
}

impl Cloud {
    pub fn new() -> Self {
        Self::with(Switches::instant())
    }

    pub fn with(switches: Switches) -> Self {
        let mut model = Model::new(Config { switches, ..Config::default() });
        let token = token(&mut model, NOW);
        Self { model, token, now: NOW }
    }

    /// A tenant whose data extension `people` has the fields of `fields` (see [`Self::table`]).
    pub fn with_people(fields: &str) -> Self {
        let mut cloud = Self::new();
        cloud.table("people", fields);
        cloud
    }

    /// Makes a data extension: `Id:Text(10)! Name:Text(50) Amount:Decimal(6,2) Born:Date*`, where `!` is a part of
    /// the primary key and `*` required.
    pub fn table(&mut self, key: &str, fields: &str) {
        let spec = DataExtensionSpec {
            key: Some(key.to_owned()),
            name: Some(key.to_owned()),
            fields: fields.split_whitespace().map(field).collect(),
            ..DataExtensionSpec::default()
        };
        self.model.create_data_extension(&spec, self.now).expect("the data extension is valid");
    }

    pub fn soap(&mut self, body: &str) -> String {
        let answer = self.soap_answer(body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    pub fn soap_answer(&mut self, body: &str) -> HttpAnswer {
        let envelope = format!(
            r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Header><fueloauth xmlns="http://exacttarget.com">{}</fueloauth></s:Header><s:Body>{}</s:Body></s:Envelope>"#,
            self.token,
            body.replacen('>', r#" xmlns="http://exacttarget.com/wsdl/partnerAPI">"#, 1),
        );
        self.model.http(Door::Any, &HttpRequest::new("POST", "/Service.asmx", envelope), self.now)
    }

    /// The overall status, and each result as `Property=value …` in the order asked for.
    pub fn retrieve(&mut self, object: &str, properties: &str, filter: &str) -> (String, Vec<String>) {
        let asked: String = properties.split_whitespace().map(|it| format!("<Properties>{it}</Properties>")).collect();
        let text = self.soap(&format!(
            "<RetrieveRequestMsg><RetrieveRequest><ObjectType>{object}</ObjectType>{asked}{filter}</RetrieveRequest></RetrieveRequestMsg>"
        ));
        (between(&text, "<OverallStatus>", "<").to_owned(), results(&text, properties))
    }

    pub fn rest(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = HttpRequest::new(method, path, body).with_header("authorization", &format!("Bearer {}", self.token));
        let answer = self.model.http(Door::Any, &request, self.now);
        (answer.status, answer.value())
    }

    pub fn inspect(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = HttpRequest::new(method, &format!("/__inspect/{path}"), body.to_string());
        let answer = self.model.http(Door::Any, &request, self.now);
        (answer.status, answer.value())
    }

    pub fn put_file(&mut self, name: &str, text: &str) {
        let path = format!("Import/{name}");
        self.model.file_put(ENHANCED_FTP, &path, text.as_bytes().to_vec(), self.now).expect("the file is stored");
    }

    /// Starts a one-time import of a file with that text into `people`; its id.
    pub fn start_rest_import(&mut self, csv: &str, update_type: &str) -> u64 {
        self.put_file("rows.csv", csv);
        let body = json!({
            "source": { "fileInfo": { "specifier": "rows.csv", "contentType": "CSV", "standardQuotedStrings": true } },
            "target": { "type": "DataExtension", "key": "people", "updateType": update_type },
            "mapping": { "allowErrors": true, "fieldMappingType": "InferFromColumnHeadings" },
            "transport": { "key": ENHANCED_FTP },
        });
        let (status, answer) = self.rest("POST", "/data/v1/async/import", body);
        assert_eq!(status, 200, "{answer}");
        answer["id"].as_u64().expect("an id")
    }

    /// Imports a CSV into `people` and tells `total/successful/duplicated/errors/restricted`.
    pub fn import(&mut self, csv: &str, update_type: &str) -> String {
        let id = self.start_rest_import(csv, update_type);
        self.summary(id)
    }

    pub fn summary(&mut self, id: u64) -> String {
        let (_, answer) = self.rest("GET", &format!("/data/v1/async/import/{id}/summary"), Value::Null);
        let it = &answer["summary"];
        format!(
            "{} {}/{}/{}/{}/{}",
            it["importStatus"].as_str().unwrap_or("?"),
            it["totalRows"],
            it["successfulRows"],
            it["duplicateRows"],
            it["errors"],
            it["restrictedRows"]
        )
    }

    /// `rowId:type` of each validation result.
    pub fn verdicts(&mut self, id: u64) -> String {
        let (_, answer) = self.rest("GET", &format!("/data/v1/async/import/{id}/validationresult"), Value::Null);
        let items = answer["items"].as_array().expect("items").clone();
        let all: Vec<String> =
            items.iter().map(|it| format!("{}:{}", it["rowId"], it["validationErrorType"].as_str().unwrap_or("?"))).collect();
        all.join(" ")
    }

    /// The rows of a data extension, `a|b`, NULL as `~`, joined by `; `.
    pub fn rows(&self, key: &str) -> String {
        let (_, rows) = self.model.rows(key).expect("the data extension is there");
        let line = |values: &[Option<String>]| {
            let cells: Vec<&str> = values.iter().map(|it| it.as_deref().unwrap_or("~")).collect();
            cells.join("|")
        };
        rows.iter().map(|it| line(&it.values)).collect::<Vec<_>>().join("; ")
    }

    /// Upserts `Name=value` pairs into `people`.
    pub fn upsert(&mut self, pairs: &[(&str, &str)]) {
        let values: BTreeMap<String, Option<String>> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect();
        self.model.upsert_row("people", &values, self.now).expect("the row is written");
    }
}

pub fn token(model: &mut Model, now: i64) -> String {
    let body = json!({
        "grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret",
    });
    let answer = model.http(Door::Auth, &HttpRequest::new("POST", "/v2/token", body.to_string()), now);
    answer.value()["access_token"].as_str().expect("a token").to_owned()
}

pub fn field(text: &str) -> FieldSpec {
    let (name, kind) = text.split_once(':').expect("Name:Type");
    let plain = kind.trim_end_matches(['!', '*']);
    let (kind_name, numbers) = plain.trim_end_matches(')').split_once('(').unwrap_or((plain, ""));
    let mut numbers = numbers.split(',').filter_map(|it| it.parse().ok());
    FieldSpec {
        name: Some(name.to_owned()),
        field_type: Some(FieldType::named(kind_name).expect("a field type")),
        max_length: numbers.next(),
        scale: numbers.next(),
        required: Some(kind.contains(['!', '*'])),
        primary_key: Some(kind.contains('!')),
        ..FieldSpec::default()
    }
}

pub fn simple(property: &str, operator: &str, values: &[&str]) -> String {
    let values: String = values.iter().map(|it| format!("<Value>{it}</Value>")).collect();
    format!(
        r#"<Filter xsi:type="SimpleFilterPart"><Property>{property}</Property><SimpleOperator>{operator}</SimpleOperator>{values}</Filter>"#
    )
}

/// Each result as `Property=value …`, for properties and for the names of row properties.
fn results(text: &str, properties: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(text).expect("well-formed");
    let results = document.descendants().filter(|it| it.tag_name().name() == "Results");
    results
        .map(|result| {
            let all: Vec<String> = properties
                .split_whitespace()
                .map(|name| format!("{name}={}", value_of(result, name).unwrap_or_else(|| "~".to_owned())))
                .collect();
            all.join(" ")
        })
        .collect()
}

fn value_of(result: roxmltree::Node<'_, '_>, name: &str) -> Option<String> {
    let child = |node: roxmltree::Node<'_, '_>, name: &str| -> Option<String> {
        let found = node.children().find(|it| it.tag_name().name() == name)?;
        (found.attribute(("http://www.w3.org/2001/XMLSchema-instance", "nil")) != Some("true"))
            .then(|| found.text().unwrap_or_default().to_owned())
    };
    let property =
        result.descendants().filter(|it| it.tag_name().name() == "Property").find(|it| child(*it, "Name").as_deref() == Some(name));
    if let Some(property) = property {
        return child(property, "Value");
    }
    match name.split_once('.') {
        Some((outer, inner)) => child(result.children().find(|it| it.tag_name().name() == outer)?, inner),
        None => child(result, name),
    }
}

pub fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).map_or(0, |at| at + start.len());
    text[from..].split(end).next().unwrap_or_default()
}
