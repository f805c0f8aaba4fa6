//! What every [`MarketingCloud`] promises.

use std::{collections::BTreeSet, fmt};

use async_trait::async_trait;
use outflow_domain::{
    DataExtensionKey, FieldName, FieldType, FileName, ImportCounts, ImportId, ImportOrder, ImportStatus, InsertMode, Name, NewColumn,
    NewDataExtension, NewField, Route, WiderColumn,
};

use crate::marketing_cloud::{CloudError, MarketingCloud, RowDeletion, RowFilter, RowPage, RowQuery, StartError};

/// The data extension of the suite: empty, with the fields `Id` (text of 36, the primary key), `Email` (an e-mail address) and `Points` (a
/// number).
pub const PEOPLE: &str = "promise-people";

/// Another one, empty, whose primary key is the two texts `Shop` and `Id`, with the text `Note` beside them.
pub const VISITS: &str = "promise-visits";

/// The one that the suite makes.
const MADE: &str = "promise-made";

/// More rows than fit on one page.
const ROWS_MANY: usize = 6_000;

/// Most rows of a page.
const PAGE_ROWS_MAX: usize = 2_500;

/// Questions after which something that should happen is taken for something that never will.
const QUESTIONS_MAX: u32 = 2_000;

/// What may go wrong at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The next start of an import by that road is heard and carried out, and its answer is lost.
    StartUnanswered(Route),
    /// Connections are closed before a request was read, whatever it is.
    Silence,
    /// Rows may not be read.
    RowsUnreadable,
    /// The tenant does not have the one-time REST import.
    NoRestImport,
}

/// A business unit for the suite to practise on. It holds [`PEOPLE`] and [`VISITS`], and keeps what was done to it.
#[async_trait]
pub trait Practice: fmt::Debug + Send + Sync {
    /// The backend under test.
    fn cloud(&self) -> &dyn MarketingCloud;

    /// The same with a wrong client secret.
    fn with_wrong_secret(&self) -> Box<dyn MarketingCloud>;

    /// The external key of a file location, and not of anything else.
    fn file_location(&self) -> String;

    /// Puts a file where imports from [`Practice::file_location`] find it.
    async fn put(&self, name: &FileName, text: &str);

    /// Lets time pass, so that imports get on.
    async fn wait(&self);

    /// Lets something go wrong from here on.
    async fn suffer(&self, mishap: Mishap);

    /// Everything goes well again.
    async fn recover(&self);
}

/// Every promise, one after the other. Panics at the first that is broken.
pub async fn keeps_its_promises(practice: &dyn Practice) {
    let it = Suite { practice, cloud: practice.cloud() };
    it.a_connection_names_its_tenant().await;
    it.wrong_credentials_are_told_as_such().await;
    it.lists_and_descriptions_agree().await;
    it.what_is_not_there_is_refused_and_is_no_outage().await;
    it.columns_are_added_once_and_change_nothing_else().await;
    it.a_data_extension_is_made_once_as_it_is_wanted().await;
    it.text_columns_are_made_longer_and_never_shorter().await;
    it.a_file_location_is_known_or_not_told().await;
    for route in it.cloud.routes().await.expect("roads") {
        it.the_first_import_is_the_newest(route).await;
        it.an_import_applies_its_file_and_may_be_repeated(route).await;
        it.an_update_makes_no_rows(route).await;
        it.a_refused_row_is_counted_and_perhaps_told(route).await;
        it.an_import_without_its_file_fails_and_applies_nothing(route).await;
        it.a_start_that_was_refused_began_nothing(route).await;
        it.a_start_whose_answer_was_lost_is_lost_and_not_repeated(route).await;
        it.a_start_that_nobody_answers_is_not_taken_for_refused(route).await;
    }
    it.a_road_that_is_closed_says_so().await;
    it.rows_come_page_by_page_each_once().await;
    it.rows_are_found_by_exact_keys().await;
    it.rows_are_found_by_keys_of_several_fields().await;
    it.rows_are_deleted_by_their_whole_key_and_no_others().await;
    it.many_rows_are_deleted_and_may_be_deleted_again().await;
    it.rows_that_may_not_be_read_are_forbidden().await;
    it.silence_is_an_outage().await;
}

fn key(text: &str) -> DataExtensionKey {
    text.parse().expect("a key")
}

fn field(text: &str) -> FieldName {
    text.parse().expect("a field name")
}

fn fields(names: &[&str]) -> Vec<FieldName> {
    names.iter().map(|it| field(it)).collect()
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn clean(rows: u64) -> ImportCounts {
    ImportCounts { total: rows, successful: rows, ..ImportCounts::default() }
}

/// The data extension that the suite makes.
fn made() -> NewDataExtension {
    let field = |name: &str, field_type, is_primary_key| NewField { name: field(name), field_type, is_primary_key };
    NewDataExtension {
        key: key(MADE),
        name: "Promise & made".parse().expect("a name"),
        folder: None,
        sendable: None,
        retention: None,
        fields: vec![
            field("Id", FieldType::Text { units_max: Some(36) }, true),
            field("Note", FieldType::Text { units_max: Some(50) }, false),
            field("Amount", FieldType::Decimal { precision: 18, scale: 4 }, false),
        ],
    }
}

/// A word for a road, to make names with.
fn word(route: Route) -> &'static str {
    match route {
        Route::Rest => "rest",
        Route::Soap => "soap",
    }
}

struct Suite<'a> {
    practice: &'a dyn Practice,
    cloud: &'a dyn MarketingCloud,
}

impl Suite<'_> {
    // --- schema --------------------------------------------------------------------------------------

    async fn a_connection_names_its_tenant(&self) {
        let connection = self.cloud.connect().await.expect("connect");
        assert!(!connection.tenant.is_empty(), "a tenant has a name");
        assert_eq!(self.cloud.connect().await.expect("connect"), connection, "the tenant is the same at the next login");
    }

    async fn wrong_credentials_are_told_as_such(&self) {
        let stranger = self.practice.with_wrong_secret();
        let error = stranger.connect().await.expect_err("a wrong secret");
        assert!(matches!(error, CloudError::Credentials { .. }), "a person must act: {error:?}");
        let error = stranger.describe(&key(PEOPLE)).await.expect_err("a wrong secret");
        assert!(matches!(error, CloudError::Credentials { .. }), "whatever is asked: {error:?}");
    }

    async fn lists_and_descriptions_agree(&self) {
        let there = self.describe(PEOPLE).await;
        assert_eq!(there.key, key(PEOPLE));
        let told: Vec<(&str, FieldType, bool)> =
            there.fields.iter().map(|it| (it.name.as_str(), it.field_type, it.is_primary_key)).collect();
        let made = [
            ("Id", FieldType::Text { units_max: Some(36) }, true),
            ("Email", FieldType::EmailAddress, false),
            ("Points", FieldType::Number, false),
        ];
        assert_eq!(told, made, "fields come by ordinal, with type and key");
        assert!(there.fields.is_sorted_by_key(|it| it.ordinal));
        assert!(there.fields[0].is_required, "a primary key is required");
        let ids: BTreeSet<&str> = there.fields.iter().map(|it| it.id.0.as_str()).collect();
        assert_eq!(ids.len(), 3, "each field has an identity of its own");
        assert_eq!(self.describe(PEOPLE).await, there, "identities do not change from call to call");
        let list = self.cloud.list().await.expect("list");
        let listed = list.iter().find(|it| it.key == there.key).expect("a data extension that is described is listed");
        assert_eq!((&listed.name, listed.is_sendable, &listed.retention), (&there.name, there.is_sendable, &there.retention));
        assert!(list.iter().any(|it| it.key == key(VISITS)), "the list is whole");
    }

    async fn what_is_not_there_is_refused_and_is_no_outage(&self) {
        let nowhere = key("promise-nowhere");
        assert_eq!(self.cloud.describe(&nowhere).await.expect("describe"), None, "what is not there is no error to a description");
        let refused = |what: &str, error: CloudError| assert!(matches!(error, CloudError::Refused { .. }), "{what}: {error:?}");
        refused("counting", self.cloud.row_count(&nowhere).await.expect_err("no such data extension"));
        let column = NewColumn { name: field("Notes"), field_type: FieldType::Boolean };
        refused("adding", self.cloud.add_columns(&nowhere, &[column]).await.expect_err("no such data extension"));
        let query = RowQuery { data_extension: nowhere, ..people(RowFilter::All) };
        refused("reading", self.cloud.read_rows(&query, None).await.expect_err("no such data extension"));
        let query = RowQuery { fields: fields(&["Id", "NoSuchField"]), ..people(RowFilter::All) };
        refused("reading a field", self.cloud.read_rows(&query, None).await.expect_err("no such field"));
    }

    async fn columns_are_added_once_and_change_nothing_else(&self) {
        let before = self.describe(VISITS).await;
        let types = [
            FieldType::Text { units_max: Some(254) },
            FieldType::Number,
            FieldType::Decimal { precision: 18, scale: 4 },
            FieldType::Date,
            FieldType::Boolean,
            FieldType::EmailAddress,
        ];
        let columns: Vec<NewColumn> =
            types.iter().enumerate().map(|(at, it)| NewColumn { name: field(&format!("New {at} & more")), field_type: *it }).collect();
        self.cloud.add_columns(&key(VISITS), &columns).await.expect("new columns");
        let after = self.describe(VISITS).await;
        assert_eq!(after.id, before.id, "it is the same data extension");
        let (old, new) = after.fields.split_at(before.fields.len());
        assert_eq!(old, before.fields, "what was there stays as it was");
        let told: Vec<NewColumn> = new.iter().map(|it| NewColumn { name: it.name.clone(), field_type: it.field_type }).collect();
        assert_eq!(told, columns, "new columns come last, with name and type");
        assert!(new.iter().all(|it| !it.is_required && !it.is_primary_key), "new columns take rows without a value");
        self.cloud.add_columns(&key(VISITS), &columns).await.expect("columns that are there already");
        assert_eq!(self.describe(VISITS).await, after, "adding them again changes nothing");
        let other = NewColumn { name: columns[1].name.clone(), field_type: FieldType::Date };
        let error = self.cloud.add_columns(&key(VISITS), &[other]).await.expect_err("another type");
        assert!(matches!(error, CloudError::Refused { .. }), "{error:?}");
        assert_eq!(self.describe(VISITS).await, after, "a refused change changes nothing");
    }

    async fn a_data_extension_is_made_once_as_it_is_wanted(&self) {
        let wanted = made();
        self.cloud.create(&wanted).await.expect("a new data extension");
        let there = self.describe(MADE).await;
        let told: Vec<NewField> = there
            .fields
            .iter()
            .map(|it| NewField { name: it.name.clone(), field_type: it.field_type, is_primary_key: it.is_primary_key })
            .collect();
        assert_eq!(told, wanted.fields, "it has just these fields");
        assert!(there.fields.iter().all(|it| it.is_required == it.is_primary_key), "the primary key alone is required");
        assert_eq!((there.key.clone(), there.is_sendable, &there.retention), (key(MADE), false, &None));
        self.cloud.create(&wanted).await.expect("one that is there already as wanted");
        assert_eq!(self.describe(MADE).await, there, "making it again changes nothing");
        let mut other = made();
        other.fields[1].field_type = FieldType::Number;
        let error = self.cloud.create(&other).await.expect_err("one of that key with other fields");
        assert!(matches!(error, CloudError::Refused { .. }), "{error:?}");
        assert_eq!(self.describe(MADE).await, there, "a refused call changes nothing");
    }

    async fn text_columns_are_made_longer_and_never_shorter(&self) {
        let before = self.describe(MADE).await;
        let wider = |from, to| [WiderColumn { name: field("Note"), from, to }];
        self.cloud.widen_columns(&key(MADE), &wider(50, 100)).await.expect("a longer text");
        let after = self.describe(MADE).await;
        let mut expected = before;
        expected.fields[1].field_type = FieldType::Text { units_max: Some(100) };
        assert_eq!(after, expected, "the length alone is another");
        for (from, to) in [(50, 100), (50, 80)] {
            self.cloud.widen_columns(&key(MADE), &wider(from, to)).await.expect("one that is as long already");
            assert_eq!(self.describe(MADE).await, after, "no text becomes shorter");
        }
    }

    async fn a_file_location_is_known_or_not_told(&self) {
        let known = self.cloud.has_file_location(&self.practice.file_location()).await.expect("file location");
        assert!(known != Some(false), "files can be imported from there");
        let unknown = self.cloud.has_file_location("promise-nowhere").await.expect("file location");
        assert_eq!(unknown, known.map(|_| false), "who may ask for one may ask for the other");
    }

    // --- imports -------------------------------------------------------------------------------------

    async fn the_first_import_is_the_newest(&self, route: Route) {
        let csv = "\"Id\",\"Email\",\"Points\"\n\"n1\",\"\",\"\"\n";
        let order = self.order(route, "newest", csv).await;
        assert_eq!(self.cloud.newest_import(&order.activation, route).await.expect("newest"), None, "nothing was imported yet");
        assert_eq!(self.cloud.imports_since(&order.activation, route, None).await.expect("imports"), []);
        let mut started = Vec::new();
        for _ in 0..2 {
            // The import before may have used the file up.
            self.practice.put(&order.file, csv).await;
            started.push(self.start(&order).await);
            self.watch(started.last().expect("one was started")).await;
        }
        assert!(started.iter().all(|it| it.route == route), "a number knows its road");
        assert_ne!(started[0], started[1], "each import has a number of its own");
        let all = self.seen_since(&order, None, if self.cloud.can_find_imports(route) { 2 } else { 0 }).await;
        if !self.cloud.can_find_imports(route) {
            assert_eq!(all, [], "a road that cannot tell tells nothing");
            assert_eq!(self.cloud.newest_import(&order.activation, route).await.expect("newest"), None);
            return;
        }
        let ids: Vec<&ImportId> = all.iter().map(|(id, _)| id).collect();
        assert_eq!(ids, [&started[0], &started[1]], "the oldest comes first");
        assert_eq!(self.cloud.newest_import(&order.activation, route).await.expect("newest").as_ref(), Some(&started[1]));
        let second = self.seen_since(&order, Some(&started[0].id), 1).await;
        assert_eq!(second, [(started[1].clone(), ImportStatus::Completed { counts: clean(1) })], "newer ones alone");
        assert_eq!(self.cloud.imports_since(&order.activation, route, Some(&started[1].id)).await.expect("imports"), []);
        let other = self.cloud.newest_import(&name("promise-never-ran"), route).await.expect("newest");
        assert_eq!(other, None, "each activation has its own imports");
    }

    async fn an_import_applies_its_file_and_may_be_repeated(&self, route: Route) {
        let id = |it: &str| format!("{}-{it}", word(route));
        let (odd, blank) = (id("a<b>&\"c' 😀"), id("007"));
        let csv =
            format!("\"Id\",\"Email\",\"Points\"\n\"{}\",\"ada@example.com\",\"12\"\n\"{blank}\",\"\",\"-3\"\n", odd.replace('"', "\"\""));
        let order = self.order(route, "applies", &csv).await;
        self.cloud.prepare_import(&order, 1).await.expect("prepare");
        self.cloud.prepare_import(&order, 1).await.expect("preparing may be repeated");
        let before = self.count().await;
        for _ in 0..2 {
            let import = self.start(&order).await;
            assert_eq!(self.watch(&import).await, ImportStatus::Completed { counts: clean(2) }, "{route:?}");
            let told = self.cloud.refusals(&import).await.expect("refusals");
            assert!(told.is_none_or(|it| it.rows.is_empty() && it.by_code.iter().all(|(_, count)| *count == 0)), "nothing was refused");
            assert_eq!(self.count().await, before + 2, "the same file again makes no new rows");
            self.practice.put(&order.file, &csv).await;
        }
        let mut rows = self.rows_of(&[&odd, &blank, &id("nobody")]).await.rows;
        rows.sort();
        let texts: Vec<Vec<&str>> = rows.iter().map(|it| it.iter().map(|cell| cell.as_deref().unwrap_or("")).collect()).collect();
        assert_eq!(
            texts,
            [vec![blank.as_str(), "", "-3"], vec![odd.as_str(), "ada@example.com", "12"]],
            "values are there as they were sent"
        );
        // Fields may come in another order than the data extension has them.
        let turned = format!("\"Points\",\"Id\"\n\"40\",\"{blank}\"\n");
        let order = ImportOrder { fields: fields(&["Points", "Id"]), ..self.order(route, "turned", &turned).await };
        let import = self.start(&order).await;
        assert_eq!(self.watch(&import).await, ImportStatus::Completed { counts: clean(1) });
        assert_eq!(self.row_of(&blank).await[2].as_deref(), Some("40"));
        assert_eq!(self.row_of(&odd).await[1].as_deref(), Some("ada@example.com"), "other rows stay as they were");
    }

    async fn an_update_makes_no_rows(&self, route: Route) {
        let (known, unknown) = (format!("{}-known", word(route)), format!("{}-unknown", word(route)));
        let first = format!("\"Id\",\"Email\",\"Points\"\n\"{known}\",\"\",\"1\"\n");
        let import = self.start(&self.order(route, "before-update", &first).await).await;
        self.watch(&import).await;
        let both = format!("\"Id\",\"Email\",\"Points\"\n\"{known}\",\"\",\"2\"\n\"{unknown}\",\"\",\"2\"\n");
        let order = ImportOrder { insert: InsertMode::UpdateOnly, ..self.order(route, "update", &both).await };
        let import = self.start(&order).await;
        let ImportStatus::Completed { counts } = self.watch(&import).await else { panic!("an update ends well") };
        assert_eq!(counts.total, 2, "both rows were read");
        assert_eq!(self.row_of(&known).await[2].as_deref(), Some("2"), "the known row is written");
        assert!(self.rows_of(&[&unknown]).await.rows.is_empty(), "and no other");
    }

    async fn a_refused_row_is_counted_and_perhaps_told(&self, route: Route) {
        let id = |it: u32| format!("{}-refused-{it}", word(route));
        let csv = format!(
            "\"Id\",\"Email\",\"Points\"\n\"{}\",\"\",\"1\"\n\"{}\",\"sensitive-nonsense\",\"1\"\n\"{}\",\"\",\"1\"\n",
            id(1),
            id(2),
            id(3)
        );
        let order = self.order(route, "refused", &csv).await;
        let import = self.start(&order).await;
        let status = self.watch(&import).await;
        let (ImportStatus::Completed { counts } | ImportStatus::Failed { counts, .. }) = &status else { panic!("{status:?} is no end") };
        assert_eq!((counts.total, counts.successful, counts.errors), (3, 2, 1), "{route:?}");
        assert!(!counts.prove_all_applied(3));
        assert_eq!(self.rows_of(&[&id(1), &id(2), &id(3)]).await.rows.len(), 2, "the others are applied");
        let Some(list) = self.cloud.refusals(&import).await.expect("refusals") else { return };
        assert_eq!(list.rows.len(), 1, "{list:?}");
        assert!(!list.rows[0].code.is_empty());
        assert!(list.rows[0].field.as_ref().is_none_or(|it| *it == field("Email")), "{list:?}");
        assert!(list.by_code.is_empty() || list.by_code.iter().map(|(_, count)| count).sum::<u64>() == 1, "{list:?}");
        let told = format!("{list:?} {status:?}");
        assert!(!told.contains("sensitive-nonsense") && !told.contains(&id(2)), "no value is told: {told}");
    }

    async fn an_import_without_its_file_fails_and_applies_nothing(&self, route: Route) {
        let before = self.count().await;
        let order = self.order(route, "missing", "\"Id\"\n").await;
        let order = ImportOrder { file: format!("promise_{}_nowhere.csv", word(route)).parse().expect("a file name"), ..order };
        let import = self.start(&order).await;
        let status = self.watch(&import).await;
        assert!(matches!(status, ImportStatus::Failed { .. }), "{route:?}: {status:?}");
        assert_eq!(self.count().await, before);
    }

    async fn a_start_that_was_refused_began_nothing(&self, route: Route) {
        let order = self.order(route, "elsewhere", "\"Id\",\"Email\",\"Points\"\n\"elsewhere\",\"\",\"\"\n").await;
        let order = ImportOrder { file_location: "promise-nowhere".to_owned(), ..order };
        match self.cloud.prepare_import(&order, 1).await {
            Err(error) => assert!(matches!(error, CloudError::Refused { .. }), "{route:?}: {error:?}"),
            Ok(()) => {
                let error = self.cloud.start_import(&order).await.expect_err("no such file location");
                assert!(matches!(error, StartError::NotStarted { road_is_closed: false, .. }), "another file location may do: {error:?}");
            }
        }
        assert_eq!(self.cloud.imports_since(&order.activation, route, None).await.expect("imports"), []);
        assert!(self.rows_of(&["elsewhere"]).await.rows.is_empty());
    }

    async fn a_start_whose_answer_was_lost_is_lost_and_not_repeated(&self, route: Route) {
        let id = format!("{}-lost", word(route));
        let csv = format!("\"Id\",\"Email\",\"Points\"\n\"{id}\",\"\",\"1\"\n");
        let order = self.order(route, "lost", &csv).await;
        self.cloud.prepare_import(&order, 1).await.expect("prepare");
        self.practice.suffer(Mishap::StartUnanswered(route)).await;
        let error = self.cloud.start_import(&order).await.expect_err("the answer was lost");
        self.practice.recover().await;
        assert!(matches!(error, StartError::Lost { .. }), "it may have begun: {error:?}");
        self.until("the lost import applies its file", async || self.rows_of(&[&id]).await.rows.len() == 1).await;
        if self.cloud.can_find_imports(route) {
            let found = self.seen_since(&order, None, 1).await;
            assert_eq!(found.len(), 1, "it was started once");
            assert_eq!(self.watch(&found[0].0).await, ImportStatus::Completed { counts: clean(1) });
            assert_eq!(self.cloud.imports_since(&order.activation, route, None).await.expect("imports").len(), 1, "and not again");
        }
    }

    async fn a_start_that_nobody_answers_is_not_taken_for_refused(&self, route: Route) {
        let order = self.order(route, "silent", "\"Id\",\"Email\",\"Points\"\n\"silent\",\"\",\"\"\n").await;
        self.cloud.prepare_import(&order, 1).await.expect("prepare");
        self.practice.suffer(Mishap::Silence).await;
        let error = self.cloud.start_import(&order).await.expect_err("nobody answers");
        self.practice.recover().await;
        assert!(matches!(error, StartError::Lost { .. }), "nobody knows whether it was read: {error:?}");
    }

    async fn a_road_that_is_closed_says_so(&self) {
        self.practice.suffer(Mishap::NoRestImport).await;
        let order = self.order(Route::Rest, "closed", "\"Id\",\"Email\",\"Points\"\n\"closed\",\"\",\"\"\n").await;
        self.cloud.prepare_import(&order, 1).await.expect("prepare");
        let error = self.cloud.start_import(&order).await.expect_err("the tenant does not have it");
        self.practice.recover().await;
        assert!(matches!(error, StartError::NotStarted { road_is_closed: true, .. }), "the next run takes another road: {error:?}");
        assert!(self.rows_of(&["closed"]).await.rows.is_empty());
    }

    // --- rows ----------------------------------------------------------------------------------------

    async fn rows_come_page_by_page_each_once(&self) {
        let before = self.count().await;
        let rows: String = (0..ROWS_MANY).map(|it| format!("\"many-{it}\",\"{it}@example.com\",\"{it}\"\n")).collect();
        let order = self.order(Route::Soap, "many", &format!("\"Id\",\"Email\",\"Points\"\n{rows}")).await;
        let import = self.start(&order).await;
        assert_eq!(self.watch(&import).await, ImportStatus::Completed { counts: clean(ROWS_MANY as u64) });
        let count = self.count().await;
        assert_eq!(count, before + ROWS_MANY as u64, "the count is that of the rows");
        // The fields in another order than the data extension has them.
        let query = RowQuery { fields: fields(&["Points", "Id"]), ..people(RowFilter::All) };
        let (mut seen, mut from) = (BTreeSet::new(), None);
        loop {
            let page = self.cloud.read_rows(&query, from.as_deref()).await.expect("a page");
            assert!(page.rows.len() <= PAGE_ROWS_MAX, "{} rows on a page", page.rows.len());
            for row in page.rows {
                let [points, id] = row.try_into().expect("a text for each field");
                let id: String = id.expect("a key");
                if let Some(number) = id.strip_prefix("many-") {
                    assert_eq!(points.as_deref(), Some(number), "fields come in the order of the question");
                }
                assert!(seen.insert(id), "no row comes twice");
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(seen.len() as u64, count, "every row comes");
    }

    async fn rows_are_found_by_exact_keys(&self) {
        assert_eq!(self.rows_of(&[]).await, RowPage::default(), "no keys, no rows");
        assert!(self.rows_of(&["nobody", "many-"]).await.rows.is_empty(), "absent keys are left out");
        let wanted: Vec<String> = (0..500).map(|it| format!("many-{}", it * 13)).collect();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let page = self.rows_of(&wanted).await;
        assert_eq!(page.next, None, "so few rows are one page");
        let found: BTreeSet<String> = page.rows.iter().filter_map(|it| it[0].clone()).collect();
        let there = (0..500).filter(|it| it * 13 < ROWS_MANY).map(|it| format!("many-{}", it * 13)).collect();
        assert_eq!((found, page.rows.len()), (there, ROWS_MANY.div_ceil(13)), "each of them that is there, once, and no other");
    }

    async fn rows_are_found_by_keys_of_several_fields(&self) {
        let rows: String = (0..400).map(|it| format!("\"s{}\",\"{}\",\"{it}\"\n", it / 20, it % 20)).collect();
        let order = self.order(Route::Soap, "visits", &format!("\"Shop\",\"Id\",\"Note\"\n{rows}")).await;
        let order = ImportOrder { data_extension: key(VISITS), fields: fields(&["Shop", "Id", "Note"]), ..order };
        let import = self.start(&order).await;
        assert_eq!(self.watch(&import).await, ImportStatus::Completed { counts: clean(400) });
        let wanted: Vec<Vec<String>> = (0..25).map(|it| vec![format!("s{it}"), (it * 7 % 25).to_string()]).collect();
        let query = RowQuery {
            data_extension: key(VISITS),
            key_fields: fields(&["Shop", "Id"]),
            fields: fields(&["Note"]),
            filter: RowFilter::Keys(wanted),
        };
        let page = self.cloud.read_rows(&query, None).await.expect("rows by key");
        let found: BTreeSet<String> = page.rows.into_iter().flatten().flatten().collect();
        let there = (0..20).filter(|it| it * 7 % 25 < 20).map(|it| (it * 20 + it * 7 % 25).to_string()).collect();
        assert_eq!(found, there, "all fields of a key must match");
    }

    /// After [`Suite::rows_are_found_by_keys_of_several_fields`], whose rows are there.
    async fn rows_are_deleted_by_their_whole_key_and_no_others(&self) {
        let gone = [["s0", "1"], ["s1", "0"], ["s0", "nobody"]].map(|it| it.map(str::to_owned).to_vec());
        let deletion = RowDeletion { data_extension: key(VISITS), key_fields: fields(&["Shop", "Id"]), keys: gone.to_vec() };
        let before = self.cloud.row_count(&key(VISITS)).await.expect("count");
        let told = self.cloud.delete_rows(&deletion).await.expect("deleted");
        assert_eq!((told.len(), &told[0], &told[1]), (3, &None, &None), "each key is told, in order");
        assert_eq!(self.cloud.row_count(&key(VISITS)).await.expect("count"), before - 2, "two rows were there, and no other goes");
        let filter = RowFilter::Keys(gone.to_vec());
        let query = RowQuery { data_extension: key(VISITS), key_fields: fields(&["Shop", "Id"]), fields: fields(&["Note"]), filter };
        assert!(self.cloud.read_rows(&query, None).await.expect("rows by key").rows.is_empty(), "what was deleted is gone");
    }

    async fn many_rows_are_deleted_and_may_be_deleted_again(&self) {
        let ids: Vec<String> = (0..450).map(|it| format!("many-{it}")).collect();
        let keys = ids.iter().map(|it| vec![it.clone()]).collect();
        let deletion = RowDeletion { data_extension: key(PEOPLE), key_fields: fields(&["Id"]), keys };
        let before = self.count().await;
        assert_eq!(self.cloud.delete_rows(&deletion).await.expect("deleted"), vec![None; 450]);
        assert_eq!(self.cloud.delete_rows(&deletion).await.expect("what is gone may be deleted").len(), 450);
        assert_eq!(self.count().await, before - 450);
        let none = RowDeletion { keys: Vec::new(), ..deletion };
        assert!(self.cloud.delete_rows(&none).await.expect("nothing to do").is_empty());
        let elsewhere = RowDeletion { data_extension: key("promise-nowhere"), keys: vec![vec!["1".to_owned()]], ..none };
        let told = self.cloud.delete_rows(&elsewhere).await;
        assert!(!matches!(&told, Ok(it) if it[0].is_none()), "of a data extension that is not there nothing is deleted: {told:?}");
    }

    async fn rows_that_may_not_be_read_are_forbidden(&self) {
        self.practice.suffer(Mishap::RowsUnreadable).await;
        let read = self.cloud.read_rows(&people(RowFilter::All), None).await.expect_err("reading");
        let counted = self.cloud.row_count(&key(PEOPLE)).await.expect_err("counting");
        self.practice.recover().await;
        assert!(matches!(read, CloudError::Forbidden { .. }), "{read:?}");
        assert!(matches!(counted, CloudError::Forbidden { .. }), "{counted:?}");
    }

    async fn silence_is_an_outage(&self) {
        self.practice.suffer(Mishap::Silence).await;
        let described = self.cloud.describe(&key(PEOPLE)).await.expect_err("nobody answers");
        let counted = self.cloud.row_count(&key(PEOPLE)).await.expect_err("nobody answers");
        let read = self.cloud.read_rows(&people(RowFilter::All), None).await.expect_err("nobody answers");
        self.practice.recover().await;
        for error in [described, counted, read] {
            assert!(matches!(error, CloudError::Unavailable { attempts: 2.., .. }), "a question is asked again, then given up: {error:?}");
        }
        self.describe(PEOPLE).await;
    }

    // --- what the promises are told with -------------------------------------------------------------

    async fn describe(&self, text: &str) -> outflow_domain::DataExtension {
        self.cloud.describe(&key(text)).await.expect("describe").expect("a data extension of the suite")
    }

    async fn count(&self) -> u64 {
        self.cloud.row_count(&key(PEOPLE)).await.expect("count")
    }

    /// An order to import a file with this text into [`PEOPLE`]; the file lies there already. Each `what` is an activation of its own.
    async fn order(&self, route: Route, what: &str, csv: &str) -> ImportOrder {
        let file: FileName = format!("promise_{}_{what}.csv", word(route)).parse().expect("a file name");
        self.practice.put(&file, csv).await;
        ImportOrder {
            activation: name(&format!("promise-{}-{what}", word(route))),
            route,
            data_extension: key(PEOPLE),
            insert: InsertMode::InsertAndUpdate,
            file_location: self.practice.file_location(),
            file,
            fields: fields(&["Id", "Email", "Points"]),
        }
    }

    async fn start(&self, order: &ImportOrder) -> ImportId {
        self.cloud.prepare_import(order, 1).await.expect("prepare");
        self.cloud.start_import(order).await.unwrap_or_else(|error| panic!("{:?} starts: {error:?}", order.route))
    }

    /// Watches an import to its end. From its start on it has a status, and it does not go back.
    async fn watch(&self, import: &ImportId) -> ImportStatus {
        let mut is_running = false;
        for _ in 0..QUESTIONS_MAX {
            match self.cloud.import_status(import).await.expect("a status") {
                ImportStatus::Queued => assert!(!is_running, "{import} ran already"),
                ImportStatus::Running { .. } => is_running = true,
                end => {
                    assert_eq!(self.cloud.import_status(import).await.expect("a status"), end, "an end stays");
                    return end;
                }
            }
            self.practice.wait().await;
        }
        panic!("{import} does not end");
    }

    /// The imports since `newest`, once so many can be seen: fresh ones may not be listed yet.
    async fn seen_since(&self, order: &ImportOrder, newest: Option<&str>, count: usize) -> Vec<(ImportId, ImportStatus)> {
        for _ in 0..QUESTIONS_MAX {
            let seen = self.cloud.imports_since(&order.activation, order.route, newest).await.expect("imports");
            if count <= seen.len() {
                return seen;
            }
            self.practice.wait().await;
        }
        panic!("{count} imports of `{}` are never seen", order.activation);
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        for _ in 0..QUESTIONS_MAX {
            if is_so().await {
                return;
            }
            self.practice.wait().await;
        }
        panic!("it never comes to pass that {what}");
    }

    /// The one row of [`PEOPLE`] with this key, as [`Suite::rows_of`] gives it.
    async fn row_of(&self, id: &str) -> Vec<Option<String>> {
        let mut rows = self.rows_of(&[id]).await.rows;
        assert_eq!(rows.len(), 1, "`{id}` is found, and once");
        rows.remove(0)
    }

    /// The rows of [`PEOPLE`] with these keys: `Id`, `Email`, `Points`.
    async fn rows_of(&self, ids: &[&str]) -> RowPage {
        let filter = RowFilter::Keys(ids.iter().map(|it| vec![(*it).to_owned()]).collect());
        self.cloud.read_rows(&people(filter), None).await.expect("rows by key")
    }
}

fn people(filter: RowFilter) -> RowQuery {
    RowQuery { data_extension: key(PEOPLE), key_fields: fields(&["Id"]), fields: fields(&["Id", "Email", "Points"]), filter }
}
