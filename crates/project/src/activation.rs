//! What is kept in step: a model or segment, and a destination.

use jiff::tz::TimeZone;
use outflow_domain::{
    FieldName, FieldWish, Flag, ImportRoute, InsertMode, Name, OnExit, WhenNull,
    activation::{IMPORT_DEADLINE_S, PART_BYTES_MAX},
    field_type::DECIMAL_DIGITS_MAX,
};

use crate::{
    context::Context,
    destination::Destination,
    entries::{Entries, Named, WordOr, parsed, text_of},
    guards::{GUARDS, guards},
    model::columns,
    nearest::nearest,
    problem::{Code, Place},
    reference::Text,
    shape::{Key, Kind, Shape},
    yaml::{Entry, Span, Value},
};

pub(crate) static ACTIVATION: Shape = Shape {
    id: "activation",
    what: "an activation",
    about: "Keeps the rows of a model or segment in step with a data extension.",
    keys: &[
        Key::required("from", Kind::Text, "loyalty_members", "The name of the model or segment."),
        Key::required("to", Kind::Text, "loyalty", "The name of the destination."),
        Key::required(
            "insert",
            Kind::Boolean,
            "true",
            "Whether new records are inserted. With `false`, only rows that are already in the data extension are updated.",
        ),
        Key::required(
            "primary_key",
            Kind::Columns,
            "{ContactKey: customer_id}",
            "Each field of the data extension's primary key, and the column that fills it.",
        ),
        Key::optional(
            "fields",
            Kind::FilledFields(&FILLED_FIELD),
            "{EmailAddress: email}",
            "Other fields of the data extension, and the columns that fill them.",
        ),
        Key::optional(
            "custom_attributes",
            Kind::Texts,
            "[tier, points]",
            "Columns that are exported as fields of the same name, created in the data extension when missing.",
        ),
        Key::with_default(
            "on_exit",
            Kind::ChoiceOr(&["keep", "delete"], &ON_EXIT),
            "keep",
            "{flag: {field: IsMember, value: false, present: true}}",
            "What becomes of rows that leave the model: they stay as they are, those that this activation has made are deleted, or a field says so.",
        ),
        Key::with_default(
            "delete_adopted",
            Kind::Boolean,
            "false",
            "true",
            "Whether `on_exit: delete` also deletes rows that were in the data extension before this activation sent them.",
        ),
        Key::with_default(
            "when_null",
            WHEN_NULL,
            "clear",
            "keep",
            "What a null or blank of the model does to its field: `clear` makes the field blank, `keep` leaves it as it is, `skip_row` sends nothing \
             of the row. For all fields that do not say so themselves; never for those of the primary key.",
        ),
        Key::optional(
            "time_zone",
            Kind::Text,
            "Europe/Berlin",
            "The IANA time zone of timestamps without zone. Without it they are written as they stand.",
        ),
        Key::with_default(
            "import",
            Kind::Choice(&["auto", "rest", "soap"]),
            "auto",
            "auto",
            "The road into the import: REST, SOAP, or REST where the tenant takes it.",
        ),
        Key::with_default(
            "part_size",
            Kind::Size,
            "100MB",
            "100MB",
            "Most bytes of one file, uncompressed: `kB`, `MB`, `GB` or `KiB`, `MiB`, `GiB`; from 1 kB to 5 GB.",
        ),
        Key::with_default(
            "import_deadline",
            Kind::Duration,
            "2h",
            "1h 30m",
            "How long an import may take before the activation counts as blocked: `d`, `h`, `m`, `s`; from 1 second to 7 days.",
        ),
        Key::optional(
            "overlap",
            Kind::Choice(&["last_writer"]),
            "last_writer",
            "Allows that another activation fills the same fields of the same data extension: whichever runs last wins.",
        ),
        Key::optional(
            "guards",
            Kind::Object(&GUARDS),
            "{max_updates: 5 %}",
            "What is held back until a person has approved it. Without it, only what an empty source would mean is held.",
        ),
    ],
    exactly_one: &[],
};

/// What a null or blank may do.
const WHEN_NULL: Kind = Kind::Choice(&[WhenNull::Clear.word(), WhenNull::Keep.word(), WhenNull::SkipRow.word()]);

/// A field of which more is said than the column that fills it.
static FILLED_FIELD: Shape = Shape {
    id: "filled_field",
    what: "a field",
    about: "Says how a column fills a field. A field of which nothing but the column is to be said has it in place of this mapping.",
    keys: &[
        Key::required("column", Kind::Text, "amount", "A column of the model."),
        Key::optional(
            "round",
            Kind::Integer { min: 0, max: DECIMAL_DIGITS_MAX as i64 },
            "2",
            "Rounds numbers to so many digits after the point, half away from zero. Without it, a number with more digits than the field keeps \
             is not sent. For fields of the types Decimal and Number.",
        ),
        Key::optional(
            "when_null",
            WHEN_NULL,
            "skip_row",
            "What a null or blank of the model does to the field. Without it, what the activation says.",
        ),
    ],
    exactly_one: &[],
};

/// What becomes of rows that leave, where they do not simply stay.
static ON_EXIT: Shape = Shape {
    id: "on_exit",
    what: "`on_exit`",
    about: "Says what becomes of rows that leave the model.",
    keys: &[Key::required(
        "flag",
        Kind::Object(&FLAG),
        "{field: IsMember, value: false, present: true}",
        "Rows that leave stay, and a field says so.",
    )],
    exactly_one: &[],
};

static FLAG: Shape = Shape {
    id: "flag",
    what: "a flag",
    about: "A field that says of each row whether the model has it. It is filled by this alone, in every row.",
    keys: &[
        Key::required("field", Kind::Text, "IsMember", "The field of the data extension."),
        Key::required("value", Kind::Value, "false", "What it has in rows that have left the model."),
        Key::required(
            "present",
            Kind::Value,
            "true",
            "What it has in rows of the model, so that a row which returns is no longer flagged.",
        ),
    ],
    exactly_one: &[],
};

/// What is kept in step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// What the engine is asked for.
    pub wish: outflow_domain::Activation,
    /// The model or segment.
    pub from: Name,
    /// The destination.
    pub to: Name,
    /// Whether others may fill the same fields.
    pub overlap: Overlap,
    /// Where its name stands.
    pub place: Place,
    /// Where each field is mapped, in the order of primary key, fields and custom attributes.
    places: Vec<(FieldName, Place)>,
}

/// Whether another activation may fill the same fields of the same data extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overlap {
    /// It may not.
    #[default]
    Refused,
    /// It may; whichever runs last wins.
    LastWriter,
}

impl Activation {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.wish.name
    }

    /// Where a field is mapped, for problems that show only once the data extension is known.
    #[must_use]
    pub fn place_of(&self, field: &FieldName) -> &Place {
        self.places.iter().find(|(it, _)| it.is_same_as(field)).map_or(&self.place, |(_, place)| place)
    }

    /// The fields it fills that are not part of the primary key.
    pub fn filled_fields(&self) -> impl Iterator<Item = &FieldName> {
        self.places[self.wish.primary_key.len()..].iter().map(|(it, _)| it)
    }
}

/// A decoded activation, with the places that checks against others need.
pub(crate) struct Decoded {
    pub activation: Activation,
    /// Where each field is mapped, as in [`Activation::filled_fields`].
    pub filled: Vec<(FieldName, Span)>,
    pub span: Span,
}

/// Decodes an activation. `from` and `to` find what is named and have told when there is none.
pub(crate) fn activation<'d>(
    named: &Named<'_>,
    from: impl Fn(&Text, &mut Context<'_>) -> Option<Name>,
    to: impl Fn(&Text, &mut Context<'_>) -> Option<Option<&'d Destination>>,
    cx: &mut Context<'_>,
) -> Option<Decoded> {
    let entries = Entries::open(named.value, &ACTIVATION, named.span, cx)?;
    let from = entries.text("from", cx).and_then(|it| from(&it, cx));
    let destination = entries.text("to", cx).and_then(|it| to(&it, cx)).flatten();
    let insert = entries.boolean("insert", cx);
    let (primary_key, fields) = (wishes("primary_key", &entries, cx), wishes("fields", &entries, cx));
    let attributes = custom_attributes(&entries, cx);
    let (flag, deletes) = match entries.choice_or("on_exit", cx) {
        Some(WordOr::Word(word)) => (None, word == "delete"),
        Some(WordOr::Object(it)) => (flag(it, cx), false),
        None => (None, false),
    };
    let adopted = entries.boolean("delete_adopted", cx).unwrap_or(false);
    if adopted && !deletes {
        let what = "rows that leave are not deleted, so that `delete_adopted` would mean nothing";
        cx.report(Code::Conflict, entries.span_of("delete_adopted"), what).hint("remove it, or write `on_exit: delete`");
    }
    if deletes && !adopted && insert == Some(false) {
        let what = "this only updates, and so makes no rows that it could delete";
        cx.report(Code::Conflict, entries.span_of("on_exit"), what)
            .hint("write `delete_adopted: true` to delete rows that were there before, or `on_exit: keep`");
    }
    let when_null = when_null(&entries, cx).unwrap_or_default();
    let time_zone = entries.text("time_zone", cx).and_then(|it| time_zone(&it, cx));
    let import = entries.choice("import", cx).map_or(ImportRoute::Auto, |it| match it {
        "rest" => ImportRoute::Rest,
        "soap" => ImportRoute::Soap,
        _ => ImportRoute::Auto,
    });
    let part_bytes_max = entries.size("part_size", 1_000, 5_000_000_000, "1kB to 5GB", cx).unwrap_or(PART_BYTES_MAX);
    let import_deadline_s = entries.duration("import_deadline", 1, 7 * 86_400, "1s to 7d", cx).unwrap_or(IMPORT_DEADLINE_S);
    let overlap = entries.choice("overlap", cx).map_or(Overlap::Refused, |_| Overlap::LastWriter);
    if entries.is_blank("primary_key") {
        cx.report(Code::InvalidValue, entries.span_of("primary_key"), "the primary key is empty, so rows could not be told apart")
            .hint("map each field of the data extension's primary key, such as `ContactKey: customer_id`");
    }
    if insert == Some(false) && !entries.has("fields") && !entries.has("custom_attributes") && !entries.has("on_exit") {
        cx.report(Code::Conflict, entries.span_of("insert"), "this only updates, and there is nothing to update")
            .hint("add `fields` or `custom_attributes`, or write `insert: true`");
    }
    let guards = entries.object("guards", cx).map(|it| guards(it, insert, flag.is_some() || deletes, cx)).unwrap_or_default();
    let flag_wish = flag.as_ref().map(|(_, wish)| wish);
    no_field_is_filled_twice(primary_key.iter().chain(&fields).chain(&attributes).chain(flag_wish), cx);
    if let Some(destination) = destination {
        is_key_of_what_is_created(&primary_key, destination, &entries, cx);
    }
    entries.finish();
    let all = primary_key.iter().chain(&fields).chain(&attributes).chain(flag_wish);
    let places = all.map(|it| (it.wish.field.clone(), cx.place(it.span))).collect();
    let filled = fields.iter().chain(&attributes).chain(flag_wish).map(|it| (it.wish.field.clone(), it.span)).collect();
    let insert = if insert? { InsertMode::InsertAndUpdate } else { InsertMode::UpdateOnly };
    let (destination, place) = (destination?, cx.place(named.span));
    let wish = outflow_domain::Activation {
        name: named.name.clone(),
        data_extension: destination.data_extension.clone(),
        table: destination.table.clone(),
        insert,
        primary_key: primary_key.into_iter().map(|it| it.wish).collect(),
        fields: fields.into_iter().map(|it| it.wish).collect(),
        custom_attributes: attributes.into_iter().map(|it| it.wish.column).collect(),
        on_exit: match flag {
            Some((flag, _)) => OnExit::Flag(flag),
            None if deletes => OnExit::Delete { adopted },
            None => OnExit::Keep,
        },
        when_null,
        time_zone,
        import,
        part_bytes_max,
        import_deadline_s,
        guards,
    };
    let activation = Activation { wish, from: from?, to: destination.name.clone(), overlap, place, places };
    Some(Decoded { activation, filled, span: named.span })
}

/// Where the destination says how its data extension is made, its primary key is known here already.
fn is_key_of_what_is_created(primary_key: &[Wish], destination: &Destination, entries: &Entries<'_>, cx: &mut Context<'_>) {
    let Some(create) = &destination.table.create else { return };
    let whole = create.primary_key.iter().all(|key| primary_key.iter().any(|it| it.wish.field.is_same_as(&key.name)));
    let no_more = primary_key.iter().all(|it| create.primary_key.iter().any(|key| key.name.is_same_as(&it.wish.field)));
    if primary_key.is_empty() || (whole && no_more) {
        return;
    }
    let names: Vec<_> = create.primary_key.iter().map(|it| format!("`{}`", it.name)).collect();
    let what = format!("`{}` is created with the primary key {}, and this maps another one", destination.name, names.join(", "));
    cx.report(Code::Conflict, entries.span_of("primary_key"), what)
        .hint("map each field of `create.primary_key` of the destination, and no other");
}

/// A field with its column, and where it stands.
struct Wish {
    wish: FieldWish,
    span: Span,
}

/// The flag of rows that leave, and its field as one that is filled.
fn flag(on_exit: Entries<'_>, cx: &mut Context<'_>) -> Option<(Flag, Wish)> {
    let entries = on_exit.object("flag", cx);
    on_exit.finish();
    let entries = entries?;
    let field = entries.text("field", cx).and_then(|it| Some((field_name(&it, cx)?, it.span)));
    let (value, present) = (entries.value("value", cx), entries.value("present", cx));
    if let (Some(value), Some(present)) = (&value, &present)
        && value.value.trim() == present.value.trim()
    {
        cx.report(Code::Conflict, present.span, "`value` and `present` are the same, so that the flag would tell nothing")
            .hint("let rows of the model have another value than those that have left");
    }
    entries.finish();
    let (field, span) = field?;
    let wish = Wish { wish: FieldWish::new(field.clone(), "on_exit.flag"), span };
    Some((Flag { field, value: value?.value, present: present?.value }, wish))
}

/// A column of the model, for problems with one.
static COLUMN: Key = Key::required("column", Kind::Text, "email", "A column of the model.");

fn wishes(name: &str, entries: &Entries<'_>, cx: &mut Context<'_>) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for entry in entries.pairs(name, cx) {
        let field = Text { value: entry.key.clone(), raw: entry.key.clone(), span: entry.key_span, style: crate::yaml::Style::Plain };
        let field = field_name(&field, cx);
        let filled = match (&entry.value.value, entries.shape.key(name).map(|it| it.kind)) {
            (Value::Map(_), Some(Kind::FilledFields(shape))) => filled_field(entry, shape, cx),
            _ => Filled { column: text_of(&entry.value, &COLUMN, false, cx).map(|it| it.value), ..Filled::default() },
        };
        if let (Some(field), Filled { column: Some(column), round, when_null }) = (field, filled) {
            wishes.push(Wish { wish: FieldWish { field, column, round, when_null }, span: entry.key_span });
        }
    }
    wishes
}

/// What is said of a field.
#[derive(Default)]
struct Filled {
    column: Option<String>,
    round: Option<u8>,
    when_null: Option<WhenNull>,
}

fn filled_field(entry: &Entry, shape: &'static Shape, cx: &mut Context<'_>) -> Filled {
    let Some(entries) = Entries::open(&entry.value, shape, entry.key_span, cx) else { return Filled::default() };
    let column = entries.text("column", cx).map(|it| it.value);
    let round = entries.integer("round", cx).and_then(|it| u8::try_from(it).ok());
    let when_null = when_null(&entries, cx);
    entries.finish();
    Filled { column, round, when_null }
}

fn when_null(entries: &Entries<'_>, cx: &mut Context<'_>) -> Option<WhenNull> {
    let word = entries.choice("when_null", cx)?;
    WhenNull::ALL.into_iter().find(|it| it.word() == word)
}

fn custom_attributes(entries: &Entries<'_>, cx: &mut Context<'_>) -> Vec<Wish> {
    let texts = entries.texts("custom_attributes", cx);
    let spans: Vec<_> = texts.iter().map(|it| (it.value.clone(), it.span)).collect();
    let columns = columns(texts.clone(), cx);
    let mut wishes = Vec::new();
    for text in texts.iter().filter(|it| columns.contains(&it.value)) {
        let is_first = spans.iter().find(|(value, _)| *value == text.value).is_some_and(|(_, span)| *span == text.span);
        if let Some(field) = field_name(text, cx).filter(|_| is_first) {
            wishes.push(Wish { wish: FieldWish::new(field, text.value.as_str()), span: text.span });
        }
    }
    wishes
}

pub(crate) fn field_name(text: &Text, cx: &mut Context<'_>) -> Option<FieldName> {
    let field: FieldName = parsed(text, cx)?;
    if field.as_str().starts_with('_') {
        cx.report(Code::InvalidValue, text.span, format!("`{}` is a column of the service itself and cannot be written", text.raw))
            .hint("fields whose names begin with `_` belong to Marketing Cloud; remove it");
        return None;
    }
    Some(field)
}

fn no_field_is_filled_twice<'w>(wishes: impl Iterator<Item = &'w Wish>, cx: &mut Context<'_>) {
    let mut seen: Vec<&Wish> = Vec::new();
    for it in wishes {
        match seen.iter().find(|other| other.wish.field.is_same_as(&it.wish.field)) {
            Some(first) => {
                let what = format!("`{}` is filled twice, here and at {}", it.wish.field, cx.place(first.span));
                cx.report(Code::FilledTwice, it.span, what).hint("keep one of them; names of fields are compared without regard to case");
            }
            None => seen.push(it),
        }
    }
}

fn time_zone(text: &Text, cx: &mut Context<'_>) -> Option<String> {
    if let Some(name) = TimeZone::get(text.value.trim()).ok().and_then(|it| it.iana_name().map(str::to_owned)) {
        return Some(name);
    }
    let known: Vec<String> = jiff::tz::db().available().map(|it| it.to_string()).collect();
    let hint = nearest(&text.raw, known.iter().map(String::as_str))
        .map_or("write a name of the IANA time zone database, such as `Europe/Berlin`".into(), |it| format!("did you mean `{it}`?"));
    cx.report(Code::TimeZone, text.span, format!("`{}` is not a time zone", text.raw)).hint(hint);
    None
}
