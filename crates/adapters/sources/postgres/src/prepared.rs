//! A query that was checked and whose columns are known.

use std::{collections::HashSet, sync::Arc};

use arrow_schema::{Schema, SchemaRef};
use outflow_ports::SourceError;
use tokio_postgres::Client;

use crate::{columns::Form, errors::Blame};

/// A read-only query with its columns.
pub(crate) struct Prepared {
    /// The columns as Arrow sees them.
    pub schema: SchemaRef,
    /// How to read each column.
    pub forms: Vec<Form>,
    /// The statement that gives the rows as binary COPY.
    pub copy: String,
}

impl Prepared {
    /// Checks `sql` within the open transaction, without running it.
    pub async fn new(client: &Client, sql: &str, blame: &Blame) -> Result<Self, SourceError> {
        let sql = without_final_semicolons(sql);
        // The extended protocol parses one statement alone and refuses a second, so nothing can hide behind a closing parenthesis.
        let statement = client.prepare(sql).await.map_err(|error| blame.query(&error, sql))?;
        if !statement.params().is_empty() {
            return Err(blame.refused("it has parameters like `$1`; write the values into the query"));
        }
        // Only what gives rows and writes none can stand in a FROM clause.
        let columns = statement.columns();
        let from = format!("FROM (\n{sql}\n) AS q");
        if columns.is_empty() || client.prepare(&format!("SELECT 1 {from}")).await.is_err() {
            return Err(blame.not_read_only("write a SELECT (or WITH … SELECT, VALUES, TABLE) that gives columns"));
        }

        let mut fields = Vec::with_capacity(columns.len());
        let mut forms = Vec::with_capacity(columns.len());
        let mut names = HashSet::new();
        for column in columns {
            let form = Form::of(column).ok_or_else(|| SourceError::UnsupportedType {
                source_name: blame.source_name.clone(),
                column: column.name().to_owned(),
                type_name: column.type_().name().to_owned(),
            })?;
            if !names.insert(column.name()) {
                return Err(blame.refused(format!("two of its columns are called `{}`; give one another name with AS", column.name())));
            }
            fields.push(form.field(column.name()));
            forms.push(form);
        }
        let copy = copy_statement(&forms, &from);
        Ok(Self { schema: Arc::new(Schema::new(fields)), forms, copy })
    }
}

/// `COPY (SELECT c1, c2::text FROM (…) AS q(c1, c2)) TO STDOUT (FORMAT binary)`. Columns are renamed by position, so that names
/// need no quoting and may be odd (`?column?`).
fn copy_statement(forms: &[Form], from: &str) -> String {
    let names: Vec<String> = (1..=forms.len()).map(|at| format!("c{at}")).collect();
    let wanted: Vec<String> = names
        .iter()
        .zip(forms)
        .map(|(name, form)| if *form == Form::CastToText { format!("{name}::text") } else { name.clone() })
        .collect();
    format!("COPY (SELECT {} {from}({})) TO STDOUT (FORMAT binary)", wanted.join(", "), names.join(", "))
}

fn without_final_semicolons(sql: &str) -> &str {
    sql.trim_end_matches(|it: char| it == ';' || it.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::{Form, copy_statement, without_final_semicolons};

    #[test]
    fn columns_whose_binary_form_is_not_ours_are_cast_by_the_server() {
        let copy = copy_statement(&[Form::Int64, Form::CastToText], "FROM (\nSELECT 1\n) AS q");
        assert_eq!(copy, "COPY (SELECT c1, c2::text FROM (\nSELECT 1\n) AS q(c1, c2)) TO STDOUT (FORMAT binary)");
    }

    #[test]
    fn a_semicolon_at_the_end_is_no_second_statement() {
        assert_eq!(without_final_semicolons("SELECT ';' ; \n;"), "SELECT ';'");
    }
}
