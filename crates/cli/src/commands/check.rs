//! `outflow check`: every problem of the project at once, and with `--connect` of everything it talks to.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use outflow_domain::{
    FieldName, FileName, InsertMode, Mapping, MappingProblem, NewDataExtension,
    mapping::{missing_of_key, most_similar},
};
use outflow_engine::{EngineError, Warning};
use outflow_ports::{CloudError, FileContent, Query, RowFilter, RowQuery};
use outflow_project::{Activation, Connection, Project};
use outflow_rows::{flag_problem, model_columns};
use serde_json::{Value, json};

use super::{Done, machine};
use crate::{
    args::{Arguments, Check, Output},
    assemble::{self, Machine},
    exit::Exit,
    output::{self, count_of},
    project,
};

/// The permissions that running an activation takes, by the service's names: <https://developer.salesforce.com/docs/atlas.en-us.mc-apis.meta/mc-apis/rest-permissions-and-scopes.htm>.
const SCOPES: [&str; 5] = ["data_extensions_read", "data_extensions_write", "automations_read", "automations_write", "automations_execute"];

/// What was tested, and how it went.
struct Fact {
    what: String,
    /// What is wrong, if anything.
    problem: Option<String>,
    /// What is not as it should be, and hinders no run.
    warning: Option<String>,
}

impl Fact {
    const fn new(what: String, problem: Option<String>) -> Self {
        Self { what, problem, warning: None }
    }
}

pub async fn check(arguments: &Arguments, wanted: &Check) -> Done {
    let project = project::load(arguments)?;
    let mut facts = Vec::new();
    if wanted.connect {
        let machine = machine(arguments, &project)?;
        facts = connect(&project, &machine, wanted.canary).await;
    }
    let problems = facts.iter().filter(|it| it.problem.is_some()).count();
    match arguments.output {
        Output::Json => {
            let facts: Vec<Value> = facts
                .iter()
                .map(|it| json!({ "what": it.what, "ok": it.problem.is_none(), "problem": it.problem, "warning": it.warning }))
                .collect();
            output::json(&json!({ "problems": [], "connect": facts }));
        }
        Output::Text => {
            output::text(&format!(
                "The project is sound: {}, {}, {}, {}, {}.",
                count_of(project.sources.len() as u64, "source", "sources"),
                count_of(project.models.len() as u64, "model", "models"),
                count_of(project.segments.len() as u64, "segment", "segments"),
                count_of(project.destinations.len() as u64, "destination", "destinations"),
                count_of(project.activations.len() as u64, "activation", "activations")
            ));
            for it in &facts {
                match (&it.problem, &it.warning) {
                    (Some(problem), _) => output::text(&format!("  PROBLEM  {}: {problem}", it.what)),
                    (None, Some(warning)) => output::text(&format!("  WARNING  {}: {warning}", it.what)),
                    (None, None) => output::text(&format!("  ok       {}", it.what)),
                }
            }
        }
    }
    Ok(if problems == 0 { Exit::Success } else { Exit::Failed })
}

async fn connect(project: &Project, machine: &Machine, canary: bool) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (name, source) in &project.sources {
        let what = format!("source `{name}` answers");
        let problem = match assemble::source(name, source, &project.folder, machine) {
            Ok(source) => source.check().await.err().map(|it| it.to_string()),
            Err(error) => Some(error.to_string()),
        };
        facts.push(Fact::new(what, problem));
    }
    let mut reachable = BTreeSet::new();
    for connection in project.connections.values() {
        if connection_facts(connection, machine, canary, &mut facts).await {
            reachable.insert(connection.name.clone());
        }
    }
    for activation in project.activations.values() {
        if reachable.contains(&project.route(activation).1.name) {
            let fits = fits(project, activation, machine).await;
            let what = format!("activation `{}` fits its model and data extension", activation.name());
            match fits {
                Ok(Fit::There) => {
                    facts.push(Fact::new(what, None));
                    facts.extend(rows_fact(project, activation, machine).await);
                }
                Ok(Fit::Created(new)) => {
                    facts.push(Fact::new(what, None));
                    facts.push(creation_fact(project, activation, machine, &new).await);
                }
                Err(problem) => facts.push(Fact::new(what, Some(problem))),
            }
        }
    }
    facts
}

/// Tests a connection; whether its business unit can be talked to.
async fn connection_facts(connection: &Connection, machine: &Machine, canary: bool, facts: &mut Vec<Fact>) -> bool {
    let name = &connection.name;
    let mut fact = |what: String, problem: Option<String>| facts.push(Fact::new(what, problem));
    let cloud = match assemble::cloud(connection, machine) {
        Ok(cloud) => cloud,
        Err(error) => {
            fact(format!("connection `{name}` can be used"), Some(error.to_string()));
            return false;
        }
    };
    let connected = cloud.connect().await;
    let logs_in = Fact::new(format!("connection `{name}` logs in"), connected.as_ref().err().map(ToString::to_string));
    let expiring = connection.marketing_cloud.expiring(machine.today());
    facts.push(Fact { warning: (!expiring.is_empty()).then(|| expiring.join("; ")), ..logs_in });
    let mut fact = |what: String, problem: Option<String>| facts.push(Fact::new(what, problem));
    let Ok(connected) = connected else { return false };
    if !connected.scopes.is_empty() {
        for scope in SCOPES {
            let is_there = connected.scopes.iter().any(|it| it == scope);
            let problem =
                (!is_there).then(|| "missing; grant it to the installed package, new tokens have it some minutes later".to_owned());
            fact(format!("connection `{name}` has the permission `{scope}`"), problem);
        }
    }
    let location = connection.file_route.file_location();
    let problem = match cloud.has_file_location(location).await {
        Ok(Some(true)) => None,
        Ok(Some(false)) => {
            Some("Marketing Cloud knows no file location of that external key; create it in Setup > File Locations".to_owned())
        }
        Ok(None) => Some("the package may not list file locations (`file_locations_read`), so this is not known".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    fact(format!("connection `{name}` has the file location `{location}`"), problem);
    match assemble::file_store(connection, machine) {
        Ok(files) => {
            let reached = files.check().await;
            fact(format!("the file route of `{name}` can be reached"), reached.as_ref().err().map(ToString::to_string));
            if canary && reached.is_ok() {
                let problem = canary_problem(files.as_ref()).await;
                fact(format!("the file route of `{name}` takes a small file and lets it be removed"), problem);
            }
        }
        Err(error) => fact(format!("the file route of `{name}` can be used"), Some(error.to_string())),
    }
    true
}

async fn canary_problem(files: &dyn outflow_ports::FileStore) -> Option<String> {
    let name: FileName = format!("outflow_canary_{}.txt", std::process::id()).parse().ok()?;
    let put = files.put(&name, &Canary, &|_| ()).await.err().map(|it| it.to_string());
    let removed = files.remove(&name).await.err().map(|it| it.to_string());
    put.or(removed)
}

/// The file that is put and removed.
struct Canary;

const CANARY: &[u8] = b"Outflow puts this file to see whether it can, and removes it again.\n";

#[async_trait]
impl FileContent for Canary {
    fn len(&self) -> u64 {
        CANARY.len() as u64
    }

    async fn read_at(&self, offset: u64, bytes_max: usize) -> std::io::Result<bytes::Bytes> {
        let from = usize::try_from(offset).unwrap_or(CANARY.len()).min(CANARY.len());
        Ok(bytes::Bytes::from_static(&CANARY[from..(from + bytes_max).min(CANARY.len())]))
    }
}

/// Whether the rows of the data extension may be read: an update-only activation cannot do without, and others are better off.
async fn rows_fact(project: &Project, activation: &Activation, machine: &Machine) -> Option<Fact> {
    let (destination, connection) = project.route(activation);
    let cloud = assemble::cloud(connection, machine).ok()?;
    let key = &destination.data_extension;
    let fields: Vec<FieldName> = activation.wish.primary_key.iter().map(|it| it.field.clone()).collect();
    let query = RowQuery { data_extension: key.clone(), key_fields: fields.clone(), fields, filter: RowFilter::All };
    let mut fact = Fact::new(format!("the rows of data extension `{key}` can be read"), None);
    match cloud.read_rows(&query, None).await {
        Ok(_) => {}
        Err(CloudError::Forbidden { message, .. }) if activation.wish.insert == InsertMode::UpdateOnly => {
            let (activation, data_extension) = (activation.name().to_string(), key.to_string());
            fact.problem = Some(EngineError::KeysUnreadable { activation, data_extension, message }.to_string());
        }
        Err(CloudError::Forbidden { .. }) => fact.warning = Some(Warning::RowsUnreadable.sentence().to_owned()),
        Err(other) => fact.problem = Some(other.to_string()),
    }
    Some(fact)
}

/// How an activation fits.
enum Fit {
    /// Its data extension is there.
    There,
    /// A run makes its data extension.
    Created(Box<NewDataExtension>),
}

/// Whether the data extension can be made, as far as that can be asked.
async fn creation_fact(project: &Project, activation: &Activation, machine: &Machine, new: &NewDataExtension) -> Fact {
    let mut fact = Fact::new(format!("data extension `{}` is missing, and a run makes it", new.key), None);
    let Ok(cloud) = assemble::cloud(project.route(activation).1, machine) else { return fact };
    // A list that is not permitted is no reason to expect a refusal.
    let there = cloud.list().await.unwrap_or_default();
    if let Some(taken) = there.iter().find(|it| it.name.trim().to_lowercase() == new.name.as_str().to_lowercase()) {
        fact.problem = Some(format!(
            "the data extension `{}` has the name `{}` already, and names are given once; choose another `create.name`",
            taken.key, taken.name
        ));
    } else if new.retention.is_some() {
        let what = "retention takes the user permission `Manage Data Extension Retention`, which cannot be asked for";
        fact.warning = Some(what.to_owned());
    }
    fact
}

/// Whether an activation fits its model and data extension, or what is wrong.
async fn fits(project: &Project, activation: &Activation, machine: &Machine) -> Result<Fit, String> {
    let question = project.question(activation);
    let source = assemble::source(question.source_name, question.source, &project.folder, machine).map_err(|it| it.to_string())?;
    let schema = source.describe(&Query { sql: question.sql }).await.map_err(|it| it.to_string())?;
    let columns: Vec<&str> = schema.fields().iter().map(|it| it.name().as_str()).collect();
    if let Some((missing, nearest)) = missing_of_key(question.primary_key, &columns).into_iter().next() {
        let hint = nearest.map(|it| format!("; did you mean `{it}`?")).unwrap_or_default();
        return Err(format!("its model has no column `{missing}`, which `primary_key` of the model names{hint}"));
    }
    let (destination, connection) = project.route(activation);
    let cloud: Arc<_> = assemble::cloud(connection, machine).map_err(|it| it.to_string())?;
    let (key, columns) = (&destination.data_extension, model_columns(&schema));
    let all = |problems: Vec<MappingProblem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if let Some(there) = cloud.describe(key).await.map_err(|it| it.to_string())? {
        let mapping = Mapping::check(&activation.wish, &columns, &there).map_err(all)?;
        return flag_problem(&mapping).map_or(Ok(Fit::There), |it| Err(it.to_string()));
    }
    if let Some(new) = NewDataExtension::wanted(&activation.wish, &columns) {
        let mapping = Mapping::check_new(&activation.wish, &columns, &new).map_err(all)?;
        return flag_problem(&mapping).map_or_else(|| Ok(Fit::Created(Box::new(new))), |it| Err(it.to_string()));
    }
    // A list that is not permitted takes away the hint only.
    let there = cloud.list().await.unwrap_or_default();
    let nearest = most_similar(key.as_str(), there.iter().map(|it| it.key.as_str()));
    Err(EngineError::NoDataExtension { key: key.to_string(), nearest }.to_string())
}
