//! From SQL to a plan that only reads.

use std::{collections::HashSet, sync::Arc};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::{
    common::TableReference,
    logical_expr::LogicalPlan,
    prelude::{SQLOptions, SessionContext},
    sql::{
        parser::{DFParserBuilder, Statement},
        sqlparser::ast,
    },
};
use outflow_ports::SourceError;

use crate::{
    errors::{Blame, text_of},
    settings::FilesSettings,
    table::Table,
};

/// A query whose tables are open.
#[derive(Debug)]
pub(crate) struct Planned {
    pub plan: LogicalPlan,
    /// The columns of the answer.
    pub schema: SchemaRef,
    /// The tables that the query reads.
    pub tables: Vec<Table>,
}

/// Plans `sql`, opening only the tables that it names.
pub(crate) async fn plan(sql: &str, settings: &FilesSettings, context: &SessionContext, blame: &Blame) -> Result<Planned, SourceError> {
    let statement = one_query(sql, blame)?;
    let mut tables = Vec::new();
    let mut opened = HashSet::new();
    for reference in context.state().resolve_table_references(&statement).map_err(|error| blame.planning(&error))? {
        // What is not known is left to the planner, which names it.
        let Some(files) = settings.tables.get(reference.table()) else { continue };
        if !opened.insert(reference.table().to_owned()) {
            continue;
        }
        let table = Table::open(files, settings, context, blame).await?;
        let provider = table.provider(&table.files).map_err(|error| blame.planning(&error))?;
        context.register_table(TableReference::bare(reference.table().to_owned()), provider).map_err(|error| blame.planning(&error))?;
        tables.push(table);
    }
    let plan = context.state().statement_to_plan(statement).await.map_err(|error| blame.planning(&error))?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|error| blame.not_read_only(text_of(&error)))?;
    let schema = answer_columns(plan.schema().as_arrow(), blame)?;
    Ok(Planned { plan, schema, tables })
}

fn one_query(sql: &str, blame: &Blame) -> Result<Statement, SourceError> {
    let mut statements =
        DFParserBuilder::new(sql).build().and_then(|mut parser| parser.parse_statements()).map_err(|error| blame.planning(&error))?;
    match (statements.pop_front(), statements.len()) {
        (Some(Statement::Statement(statement)), 0) if matches!(*statement, ast::Statement::Query(_)) => Ok(Statement::Statement(statement)),
        (None, _) => Err(blame.not_read_only("it is empty")),
        (Some(_), 0) => Err(blame.not_read_only("write a SELECT (or WITH … SELECT, VALUES)")),
        (Some(_), more) => Err(blame.not_read_only(format!("it has {} statements", more + 1))),
    }
}

/// The answer's columns without what only the engine cares for.
fn answer_columns(schema: &Schema, blame: &Blame) -> Result<SchemaRef, SourceError> {
    let mut names = HashSet::new();
    let mut fields = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        if is_no_value(field.data_type()) {
            return Err(SourceError::UnsupportedType {
                source_name: blame.source_name.clone(),
                column: field.name().clone(),
                type_name: field.data_type().to_string(),
            });
        }
        if !names.insert(field.name()) {
            return Err(blame.refused(format!("two of its columns are called `{}`; give one another name with AS", field.name())));
        }
        fields.push(Field::new(field.name(), field.data_type().clone(), true));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// Whether a column holds what is no single value that could be sent.
fn is_no_value(data_type: &DataType) -> bool {
    data_type.is_nested()
        || matches!(
            data_type,
            DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)
                | DataType::Interval(_)
                | DataType::Duration(_)
        )
}
