//! `outflow destination`: the data extensions there are.

use outflow_domain::{DataExtensionKey, Name};
use outflow_ports::CloudError;
use outflow_project::{Connection, Project};
use serde_json::{Value, json};

use super::{Done, engine_failed, failed, machine};
use crate::{
    args::{Arguments, Destination, Output},
    assemble,
    exit::Exit,
    output::{self, number},
    project::{self, Refused},
};

pub async fn destination(arguments: &Arguments, wanted: &Destination) -> Done {
    let project = project::load(arguments)?;
    match wanted {
        Destination::List { connection } => list(arguments, &project, connection.as_deref()).await,
        Destination::Show { name, connection } => show(arguments, &project, name, connection.as_deref()).await,
    }
}

fn connections<'p>(arguments: &Arguments, project: &'p Project, wanted: Option<&str>) -> Result<Vec<&'p Connection>, Exit> {
    let Some(wanted) = wanted else { return Ok(project.connections.values().collect()) };
    let found = wanted.parse::<Name>().ok().and_then(|it| project.connections.get(&it));
    let names: Vec<&str> = project.connections.keys().map(Name::as_str).collect();
    let refused = || Refused(format!("there is no connection `{wanted}`; there are: {}", names.join(", ")));
    found.map(|it| vec![it]).ok_or_else(|| not_there(arguments.output, "CLI-007", &refused()))
}

/// What was asked for is not there: the question is wrong, not the service.
fn not_there(output: Output, code: &str, error: &(dyn std::error::Error + 'static)) -> Exit {
    output::error(output, code, error);
    Exit::Usage
}

async fn list(arguments: &Arguments, project: &Project, wanted: Option<&str>) -> Done {
    let machine = machine(arguments, project)?;
    let mut documents = Vec::new();
    let mut table = output::table(&["CONNECTION", "EXTERNAL KEY", "NAME", "SENDABLE", "RETENTION"]);
    for connection in connections(arguments, project, wanted)? {
        let cloud = assemble::cloud(connection, &machine).map_err(|it| failed(arguments.output, "CLI-003", &it))?;
        for it in cloud.list().await.map_err(|it| engine_failed(arguments.output, connection, &it.into()))? {
            let retention = it.retention.clone().unwrap_or_else(|| "-".into());
            let sendable = if it.is_sendable { "yes" } else { "no" };
            table.add_row([connection.name.as_str(), it.key.as_str(), &it.name, sendable, &retention]);
            documents.push(json!({
                "connection": connection.name.as_str(), "key": it.key.as_str(), "name": it.name, "is_sendable": it.is_sendable, "retention": it.retention,
            }));
        }
    }
    match arguments.output {
        Output::Json => output::json(&json!({ "data_extensions": documents })),
        Output::Text => output::text(&table.to_string()),
    }
    Ok(Exit::Success)
}

async fn show(arguments: &Arguments, project: &Project, name: &str, wanted: Option<&str>) -> Done {
    let machine = machine(arguments, project)?;
    let of_project = name.parse::<Name>().ok().and_then(|it| project.destinations.get(&it)).filter(|_| wanted.is_none());
    let (key, connection) = match of_project {
        Some(it) => (it.data_extension.clone(), &project.connections[&it.connection]),
        None => {
            let key: DataExtensionKey =
                name.parse().map_err(|it: outflow_domain::names::InvalidName| not_there(arguments.output, "CLI-007", &it))?;
            match connections(arguments, project, wanted)?.as_slice() {
                [only] => (key, *only),
                _ => {
                    let refused = Refused(format!(
                        "`{name}` is no destination of the project; for a data extension's key, say which one with --connection"
                    ));
                    return Err(not_there(arguments.output, "CLI-007", &refused));
                }
            }
        }
    };
    let cloud = assemble::cloud(connection, &machine).map_err(|it| failed(arguments.output, "CLI-003", &it))?;
    let found = cloud.describe(&key).await.map_err(|it| engine_failed(arguments.output, connection, &it.into()))?;
    let Some(found) = found else {
        let refused =
            Refused(format!("there is no data extension with the external key `{key}`; `outflow destination list` names those there are"));
        return Err(not_there(arguments.output, "DE-001", &refused));
    };
    let rows = match cloud.row_count(&key).await {
        Ok(rows) => Some(rows),
        // All else that is asked for may be told.
        Err(CloudError::Forbidden { .. }) => None,
        Err(other) => return Err(engine_failed(arguments.output, connection, &other.into())),
    };
    match arguments.output {
        Output::Json => {
            let fields: Vec<Value> = found
                .fields
                .iter()
                .map(|it| {
                    json!({
                        "name": it.name.as_str(), "type": it.field_type.to_string(), "is_primary_key": it.is_primary_key,
                        "is_required": it.is_required, "default": it.default,
                    })
                })
                .collect();
            output::json(&json!({
                "key": found.key.as_str(), "name": found.name, "id": found.id.0, "is_sendable": found.is_sendable, "retention": found.retention,
                "rows": rows, "fields": fields,
            }));
        }
        Output::Text => {
            let held = rows.map_or_else(|| "its rows may not be counted".to_owned(), |it| format!("{} rows", number(it)));
            output::text(&format!("{} ({}) on `{}`: {held}", found.name, found.key, connection.name));
            output::text(&format!(
                "sendable: {}, retention: {}\n",
                if found.is_sendable { "yes" } else { "no" },
                found.retention.as_deref().unwrap_or("none")
            ));
            let mut table = output::table(&["FIELD", "TYPE", "PRIMARY KEY", "REQUIRED", "DEFAULT"]);
            for it in &found.fields {
                let yes = |it: bool| if it { "yes" } else { "" };
                let default = it.default.clone().unwrap_or_default();
                table.add_row([it.name.as_str(), &it.field_type.to_string(), yes(it.is_primary_key), yes(it.is_required), &default]);
            }
            output::text(&table.to_string());
        }
    }
    Ok(Exit::Success)
}
