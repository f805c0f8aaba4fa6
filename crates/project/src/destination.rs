//! Where rows go: a connection and one data extension.

use outflow_domain::{
    CreateWish, DataExtensionKey, DataExtensionName, FieldType, Name, NewColumn, Period, Removes, Retention, Sendable, SubscriberField,
    TableWish,
};

use crate::{
    activation::field_name,
    context::Context,
    entries::{Entries, Named, text_of},
    problem::Code,
    reference::Text,
    shape::{Key, Kind, Shape},
    yaml::Style,
};

pub(crate) static DESTINATION: Shape = Shape {
    id: "destination",
    what: "a destination",
    about: "One data extension of a business unit, and how it is made and changed where Outflow may do that.",
    keys: &[
        Key::required("connection", Kind::Text, "marketing-cloud", "The name of the connection that leads there."),
        Key::required("data_extension", Kind::Text, "Loyalty_Members", "The external key of the data extension."),
        Key::optional(
            "create",
            Kind::Object(&CREATE),
            "{primary_key: …}",
            "How the data extension is made where it is missing, by the first run of an activation that inserts. Without it, a missing data extension is an error.",
        ),
        Key::optional(
            "fields",
            Kind::FieldTypes,
            "{EmailAddress: EmailAddress, Tier: Text(20)}",
            "Types of fields: `Text(50)`, `Text`, `Number`, `Decimal(10,2)` (in braces in quotes, for its comma), `Date`, `Boolean`, `EmailAddress`, `Phone`, `Locale`. Fields that are created have them; those that are there are held against them. Others are created with the type of their column, texts as long as the longest.",
        ),
        Key::optional(
            "widen",
            Kind::Choice(&["allow"]),
            "allow",
            "Lets a run make text fields longer, where values or `fields` ask for it. Without it, the plan only offers that.",
        ),
    ],
    exactly_one: &[],
};

pub(crate) static CREATE: Shape = Shape {
    id: "create",
    what: "`create`",
    about: "How a missing data extension is made. One that is there is left as it is.",
    keys: &[
        Key::required(
            "primary_key",
            Kind::FieldTypes,
            "{ContactKey: Text(36)}",
            "The fields of the primary key with their types; it cannot be changed later. All texts of the key have at most 450 characters together.",
        ),
        Key::optional(
            "name",
            Kind::Text,
            "Loyalty members",
            "Its name for people, unique in the business unit; the external key when absent.",
        ),
        Key::optional(
            "folder",
            Kind::Text,
            "Loyalty/Daily",
            "Its folder below the root of all data extensions; folders that are missing are made. The root when absent.",
        ),
        Key::optional(
            "sendable",
            Kind::Object(&SENDABLE),
            "{field: ContactKey}",
            "Lets messages be sent to its rows, and says whose row it is.",
        ),
        Key::optional(
            "retention",
            Kind::Object(&RETENTION),
            "{removes: each_row, days: 90}",
            "When Marketing Cloud removes rows by itself.",
        ),
    ],
    exactly_one: &[],
};

static SENDABLE: Shape = Shape {
    id: "sendable",
    what: "`sendable`",
    about: "How people are found by the rows of a data extension to which messages may be sent. Its rows may become contacts that are charged for, and deleting a row deletes no contact.",
    keys: &[
        Key::required("field", Kind::Text, "ContactKey", "The field that names a person."),
        Key::with_default(
            "subscriber",
            Kind::Choice(&["key", "id"]),
            "key",
            "key",
            "What it is equal to: the subscriber's key, or the number that Marketing Cloud gives each subscriber.",
        ),
    ],
    exactly_one: &[],
};

static RETENTION: Shape = Shape {
    id: "retention",
    what: "`retention`",
    about: "When Marketing Cloud removes rows by itself.",
    keys: &[
        Key::required(
            "removes",
            Kind::Choice(&["each_row", "all_rows", "data_extension"]),
            "each_row",
            "What is removed: each row at its own age, all rows at once, or all rows and the data extension itself.",
        ),
        Key::optional("days", Kind::Integer { min: 1, max: 9999 }, "90", "After so many days."),
        Key::optional("weeks", Kind::Integer { min: 1, max: 9999 }, "12", "After so many weeks."),
        Key::optional("months", Kind::Integer { min: 1, max: 9999 }, "6", "After so many months."),
        Key::optional("years", Kind::Integer { min: 1, max: 9999 }, "2", "After so many years."),
        Key::with_default(
            "restart_on_import",
            Kind::Boolean,
            "false",
            "true",
            "Whether each import begins the period anew. Not with `removes: each_row`.",
        ),
    ],
    exactly_one: &[&["days", "weeks", "months", "years"]],
};

/// One data extension of a business unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Its name.
    pub name: Name,
    /// The connection that leads there.
    pub connection: Name,
    /// The external key of the data extension.
    pub data_extension: DataExtensionKey,
    /// How it is made and changed.
    pub table: TableWish,
}

/// Decodes a destination. `connection` finds a connection's name and has told when there is none.
pub(crate) fn destination(
    named: &Named<'_>,
    connection: impl Fn(&Text, &mut Context<'_>) -> Option<Name>,
    cx: &mut Context<'_>,
) -> Option<Destination> {
    let entries = Entries::open(named.value, &DESTINATION, named.span, cx)?;
    let connection = entries.text("connection", cx).and_then(|it| connection(&it, cx));
    let data_extension = entries.parsed("data_extension", cx);
    let given = field_types("fields", &entries, cx);
    let may_widen = entries.choice("widen", cx).is_some();
    let is_created = entries.has("create");
    let create = entries.object("create", cx).and_then(|it| create(it, data_extension.as_ref(), &given, cx));
    entries.finish();
    let given = given.into_iter().map(|(it, _)| it).collect();
    let table = TableWish { create: if is_created { Some(create?) } else { None }, given, may_widen };
    Some(Destination { name: named.name.clone(), connection: connection?, data_extension: data_extension?, table })
}

fn create(entries: Entries<'_>, key: Option<&DataExtensionKey>, given: &[(NewColumn, Text)], cx: &mut Context<'_>) -> Option<CreateWish> {
    let primary_key = field_types("primary_key", &entries, cx);
    if entries.is_blank("primary_key") {
        cx.report(Code::InvalidValue, entries.span_of("primary_key"), "the primary key is empty, so rows could not be told apart")
            .hint("name its fields with their types, such as `ContactKey: Text(36)`");
    }
    for (twice, text) in given.iter().filter(|(it, _)| primary_key.iter().any(|(key, _)| key.name.is_same_as(&it.name))) {
        cx.report(Code::Conflict, text.span, format!("`{}` is part of the primary key, which has its type already", twice.name))
            .hint("keep it in `create.primary_key` alone");
    }
    let is_named = entries.has("name");
    let name = match entries.parsed::<DataExtensionName>("name", cx) {
        Some(name) if name.as_str().starts_with('_') => {
            cx.report(Code::InvalidValue, entries.span_of("name"), format!("`{name}` cannot be the name of a data extension"))
                .hint("names that begin with `_` belong to Marketing Cloud");
            None
        }
        None if !is_named => key.and_then(|it| it.as_str().parse().ok()),
        parsed => parsed,
    };
    if name.is_none() && !is_named && key.is_some() {
        cx.report(Code::MissingKey, entries.span, "the external key is too long for a name, so `create` needs `name`");
    }
    let has = |name| entries.has(name);
    let (has_folder, has_sendable, has_retention) = (has("folder"), has("sendable"), has("retention"));
    let folder = entries.parsed("folder", cx);
    let sendable = entries.object("sendable", cx).and_then(|it| sendable(it, cx));
    let retention = entries.object("retention", cx).and_then(|it| retention(it, cx));
    entries.finish();
    let is_whole = (folder.is_some() || !has_folder) && (sendable.is_some() || !has_sendable) && (retention.is_some() || !has_retention);
    let primary_key = primary_key.into_iter().map(|(it, _)| it).collect();
    is_whole.then_some(CreateWish { name: name?, folder, primary_key, sendable, retention })
}

fn sendable(entries: Entries<'_>, cx: &mut Context<'_>) -> Option<Sendable> {
    let field = entries.text("field", cx).and_then(|it| field_name(&it, cx));
    let subscriber = match (entries.choice("subscriber", cx), entries.has("subscriber")) {
        (Some("id"), _) => Some(SubscriberField::SubscriberId),
        (Some(_), _) | (None, false) => Some(SubscriberField::SubscriberKey),
        (None, true) => None,
    };
    entries.finish();
    Some(Sendable { field: field?, subscriber: subscriber? })
}

fn retention(entries: Entries<'_>, cx: &mut Context<'_>) -> Option<Retention> {
    let removes = entries.choice("removes", cx).map(|it| match it {
        "each_row" => Removes::EachRow,
        "all_rows" => Removes::AllRows,
        _ => Removes::DataExtension,
    });
    let mut after = |period: Period| Some((u32::try_from(entries.integer(period.word(), cx)?).ok()?, period));
    let periods = [Period::Days, Period::Weeks, Period::Months, Period::Years].map(&mut after);
    let restarts_on_import = entries.boolean("restart_on_import", cx).unwrap_or(false);
    if restarts_on_import && removes == Some(Removes::EachRow) {
        cx.report(Code::Conflict, entries.span_of("restart_on_import"), "each row has its own age, which no import begins anew")
            .hint("remove it, or write `removes: all_rows`");
    }
    entries.finish();
    let (length, period) = periods.into_iter().flatten().next()?;
    Some(Retention { removes: removes?, length, period, restarts_on_import })
}

/// A type of a field, for problems with one.
static TYPE: Key = Key::required("type", Kind::Text, "Text(36)", "The type of a field.");

/// Fields with their types, each with where its name stands.
fn field_types(name: &str, entries: &Entries<'_>, cx: &mut Context<'_>) -> Vec<(NewColumn, Text)> {
    let mut found: Vec<(NewColumn, Text)> = Vec::new();
    for entry in entries.pairs(name, cx) {
        let text = Text { value: entry.key.clone(), raw: entry.key.clone(), span: entry.key_span, style: Style::Plain };
        let name = field_name(&text, cx);
        let field_type = text_of(&entry.value, &TYPE, false, cx).and_then(|it| field_type(&it, cx));
        let (Some(name), Some(field_type)) = (name, field_type) else { continue };
        if found.iter().any(|(it, _)| it.name.is_same_as(&name)) {
            cx.report(Code::FilledTwice, entry.key_span, format!("`{name}` has two types"))
                .hint("keep one of them; names of fields are compared without regard to case");
        } else {
            found.push((NewColumn { name, field_type }, text));
        }
    }
    found
}

fn field_type(text: &Text, cx: &mut Context<'_>) -> Option<FieldType> {
    match text.value.parse() {
        Ok(it) => Some(it),
        Err(why) => {
            let why: outflow_domain::InvalidFieldType = why;
            let finding = cx.report(Code::InvalidValue, text.span, text.retold(&why.to_string()));
            if text.raw.contains('(') && !text.raw.contains(')') {
                finding.hint("in braces a comma ends the value; write it in quotes: `\"Decimal(10,2)\"`");
            }
            None
        }
    }
}
