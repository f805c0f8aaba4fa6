//! Loads the project, and tells every problem when it has any.

use outflow_domain::Name;
use outflow_project::{Activation, Outline, Problem, Project};
use serde_json::{Value, json};

use crate::{
    args::{Arguments, Output},
    exit::Exit,
    output,
};

/// A variable of the environment. The one place where the program looks at it.
#[allow(clippy::disallowed_methods, reason = "the program itself reads its environment, here and nowhere else")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Loads the project, or prints every problem.
pub fn load(arguments: &Arguments) -> Result<Project, Exit> {
    match Project::load(&arguments.project, &environment) {
        Ok(project) => Ok(project),
        Err(problems) => {
            print_problems(arguments.output, &problems);
            Err(Exit::Usage)
        }
    }
}

/// What can be told of the project without the values that stand elsewhere, or every problem, printed.
pub fn outline(arguments: &Arguments) -> Result<Outline, Exit> {
    Project::outline(&arguments.project, &environment).map_err(|problems| {
        print_problems(arguments.output, &problems);
        Exit::Usage
    })
}

/// Prints problems, each with its place, the line and a hint.
pub fn print_problems(output: Output, problems: &[Problem]) {
    match output {
        Output::Json => output::json(&json!({ "problems": problems.iter().map(problem_json).collect::<Vec<_>>() })),
        Output::Text => {
            problems.iter().for_each(|it| output::error_line(&format!("{it}\n")));
            let count = problems.len();
            output::error_line(&format!("{count} problem{}", if count == 1 { "" } else { "s" }));
        }
    }
}

fn problem_json(problem: &Problem) -> Value {
    json!({
        "code": problem.code.to_string(),
        "file": problem.place.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "what": problem.what,
        "hint": problem.hint,
    })
}

/// The activation of that name, or what there is instead.
pub fn activation<'p>(project: &'p Project, name: &str, output: Output) -> Result<&'p Activation, Exit> {
    let found = name.parse::<Name>().ok().and_then(|it| project.activations.get(&it));
    found.ok_or_else(|| no_activation(name, project.activations.keys(), output))
}

/// Prints that there is no activation of that name, with what there is instead.
pub fn no_activation<'p>(name: &str, activations: impl Iterator<Item = &'p Name>, output: Output) -> Exit {
    let names: Vec<&str> = activations.map(Name::as_str).collect();
    let nearest = outflow_domain::mapping::most_similar(name, names.iter().copied());
    let hint = match (nearest, names.as_slice()) {
        (Some(nearest), _) => format!("did you mean `{nearest}`?"),
        (None, []) => "the project has no activations".to_owned(),
        (None, names) => format!("there are: {}", names.join(", ")),
    };
    output::error(output, "CLI-001", &Refused(format!("there is no activation `{name}`; {hint}")));
    Exit::Usage
}

/// Something the person asked for that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);
