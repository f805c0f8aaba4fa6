//! The keys that mappings of a project have: one table that decoding, the JSON Schema and the documentation all read.

/// The keys of one kind of mapping.
pub(crate) struct Shape {
    /// Its name in the JSON Schema.
    pub id: &'static str,
    /// What it is, in a sentence such as "… is not a key of *an activation*".
    pub what: &'static str,
    /// What it is for.
    pub about: &'static str,
    pub keys: &'static [Key],
    /// Groups of keys of which exactly one must be there.
    pub exactly_one: &'static [&'static [&'static str]],
}

/// One key.
pub(crate) struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub is_required: bool,
    /// The value when the key is absent, as a person would write it.
    pub default: Option<&'static str>,
    pub about: &'static str,
    pub example: &'static str,
}

/// What stands behind a key.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A text; `${NAME}` in it stands for a variable of the environment.
    Text,
    /// A whole number.
    Integer { min: i64, max: i64 },
    /// Digits, as a number or as text.
    Digits,
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A value of a field, as text, number, `true` or `false`.
    Value,
    /// One of these words, or a mapping of one kind.
    ChoiceOr(&'static [&'static str], &'static Shape),
    /// `${NAME}` or `file:path`, and nothing else.
    Secret,
    /// A size with its unit.
    Size,
    /// A duration with its units.
    Duration,
    /// A number of rows, or a share.
    Limit,
    /// One text, or a list of them.
    Texts,
    /// A mapping of one kind.
    Object(&'static Shape),
    /// Names, each with a mapping of one kind.
    Named(&'static Shape),
    /// Fields of the data extension, each with a column of the model.
    Columns,
    /// The same, where more than the column may be said of a field.
    FilledFields(&'static Shape),
    /// Fields of the data extension, each with its type.
    FieldTypes,
}

impl Key {
    /// A key that may be absent.
    pub const fn optional(name: &'static str, kind: Kind, example: &'static str, about: &'static str) -> Self {
        Self { name, kind, is_required: false, default: None, about, example }
    }

    /// A key that must be there.
    pub const fn required(name: &'static str, kind: Kind, example: &'static str, about: &'static str) -> Self {
        Self { name, kind, is_required: true, default: None, about, example }
    }

    /// A key that may be absent and then has this value.
    pub const fn with_default(name: &'static str, kind: Kind, default: &'static str, example: &'static str, about: &'static str) -> Self {
        Self { name, kind, is_required: false, default: Some(default), about, example }
    }
}

impl Shape {
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|it| it.name == name)
    }
}

/// The shape and all below it, from the outside in, each once.
pub(crate) fn all_below(root: &'static Shape) -> Vec<&'static Shape> {
    let mut shapes = vec![root];
    let mut index = 0;
    while let Some(shape) = shapes.get(index).copied() {
        for key in shape.keys {
            if let Kind::Object(inner) | Kind::Named(inner) | Kind::FilledFields(inner) | Kind::ChoiceOr(_, inner) = key.kind
                && !shapes.iter().any(|it| it.id == inner.id)
            {
                shapes.push(inner);
            }
        }
        index += 1;
    }
    shapes
}

impl Kind {
    /// The type in a person's words.
    pub fn for_people(self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Digits => "digits".into(),
            Self::Boolean => "`true` or `false`".into(),
            Self::Choice(words) => words.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" or "),
            Self::Value => "a value: text, a number, `true` or `false`".into(),
            Self::ChoiceOr(words, shape) => format!("{}, or a mapping: {}", Self::Choice(words).for_people(), shape.what),
            Self::Secret => "a secret: `${NAME}` or `file:path`".into(),
            Self::Size => "a size such as `100MB`".into(),
            Self::Duration => "a duration such as `2h`".into(),
            Self::Limit => "a number of rows such as `1000`, or a share such as `5 %`".into(),
            Self::Texts => "a text or a list of texts".into(),
            Self::Object(shape) => format!("a mapping: {}", shape.what),
            Self::Named(shape) => format!("a mapping from names to {} each", shape.what),
            Self::Columns => "a mapping from fields of the data extension to columns of the model".into(),
            Self::FilledFields(_) => {
                "a mapping from fields of the data extension to columns of the model, or to mappings with a `column` each".into()
            }
            Self::FieldTypes => "a mapping from fields of the data extension to their types, such as `Text(36)`".into(),
        }
    }
}
