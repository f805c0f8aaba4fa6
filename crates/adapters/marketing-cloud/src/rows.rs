//! Rows of a data extension: read by SOAP, counted by REST.

use outflow_domain::{DataExtensionKey, FieldName};
use outflow_ports::{CloudError, RowFilter, RowPage, RowQuery};

use crate::{
    columns::no_such_data_extension,
    describe::describe,
    failure::Privacy,
    rest::{RestCall, count_of, segment},
    session::Session,
    soap::{Element, Filter, PAGES_MAX, Page, Retrieve},
};

/// Reads one page of rows.
pub(crate) async fn read_rows(session: &Session, query: &RowQuery, from: Option<&str>) -> Result<RowPage, CloudError> {
    let key = &query.data_extension;
    let action = format!("read rows of the data extension `{key}`");
    let filter = match &query.filter {
        RowFilter::All => None,
        RowFilter::Keys(keys) => match keys_filter(&query.key_fields, keys) {
            Some(filter) => Some(filter),
            None => return Ok(RowPage::default()),
        },
    };
    let properties: Vec<&str> = query.fields.iter().map(FieldName::as_str).collect();
    let mut question = Retrieve::of(&rows_of(key), &properties, filter);
    question.from = from.map(str::to_owned);
    let columns = Columns::of(&query.fields);
    let Page { items, next } = session.retrieve_page(&action, Privacy::Rows, &question, |it| Some(columns.read(it))).await?;
    Ok(RowPage { rows: items, next })
}

fn rows_of(key: &DataExtensionKey) -> String {
    format!("DataExtensionObject[{key}]")
}

/// The rows of those keys: `IN` for a key of one field, otherwise one of the keys with each of its fields. `None` where no key is asked for.
pub(crate) fn keys_filter(fields: &[FieldName], keys: &[Vec<String>]) -> Option<Filter> {
    match fields {
        [] => None,
        [field] => {
            let values: Vec<String> = keys.iter().filter_map(|it| it.first().cloned()).collect();
            (!values.is_empty()).then(|| Filter::OneOf { property: field.as_str().to_owned(), values })
        }
        fields => {
            let one =
                |key: &Vec<String>| Filter::all(fields.iter().zip(key).map(|(name, text)| Filter::equals(name.as_str(), text)).collect());
            Filter::any(keys.iter().filter_map(one).collect())
        }
    }
}

/// Where each asked field stands in a row.
struct Columns {
    folded: Vec<String>,
}

impl Columns {
    fn of(fields: &[FieldName]) -> Self {
        Self { folded: fields.iter().map(FieldName::folded).collect() }
    }

    fn read(&self, row: Element<'_, '_>) -> Vec<Option<String>> {
        let mut texts = vec![None; self.folded.len()];
        for (at, property) in row.children("Properties").flat_map(|it| it.children("Property")).enumerate() {
            let Some(name) = property.text("Name") else { continue };
            // Answers keep the order of the question, as far as is known.
            let is_there = |it: &usize| self.folded.get(*it).is_some_and(|folded| folded.eq_ignore_ascii_case(&name));
            let place = Some(at).filter(is_there).or_else(|| {
                let name = name.to_lowercase();
                self.folded.iter().position(|it| *it == name)
            });
            if let Some(text) = place.and_then(|it| texts.get_mut(it)) {
                *text = property.text("Value");
            }
        }
        texts
    }
}

/// How many rows there are: by REST, or by reading a field of each where REST does not tell.
pub(crate) async fn row_count(session: &Session, key: &DataExtensionKey) -> Result<u64, CloudError> {
    let action = format!("count the rows of the data extension `{key}`");
    let path = format!("data/v1/customobjectdata/key/{}/rowset?$page=1&$pagesize=1", segment(key.as_str()));
    match session.rest(&RestCall::get(&action, path).about_rows()).await {
        Ok(answer) => {
            let count = answer.get("count").and_then(count_of);
            count.ok_or_else(|| CloudError::Unreadable { action, message: "`count` is missing".to_owned() })
        }
        Err(failure) if matches!(failure.error, CloudError::Forbidden { .. } | CloudError::Refused { .. }) => {
            count_by_reading(session, key, &action).await
        }
        Err(failure) => Err(failure.into()),
    }
}

async fn count_by_reading(session: &Session, key: &DataExtensionKey, action: &str) -> Result<u64, CloudError> {
    let there = describe(session, key).await?.ok_or_else(|| no_such_data_extension(action))?;
    let Some(field) = there.primary_key().next().or(there.fields.first()) else { return Ok(0) };
    let mut question = Retrieve::of(&rows_of(&there.key), &[field.name.as_str()], None);
    let mut count = 0;
    for _ in 0..PAGES_MAX {
        let page = session.retrieve_page(action, Privacy::Rows, &question, |_| Some(())).await?;
        count += page.items.len() as u64;
        match page.next {
            Some(next) => question.from = Some(next),
            None => return Ok(count),
        }
    }
    Err(CloudError::Unreadable { action: action.to_owned(), message: "the pages do not end".to_owned() })
}
