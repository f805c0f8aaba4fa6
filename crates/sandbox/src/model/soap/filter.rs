//! Filters of a retrieve.

use std::cmp::Ordering;

use super::element::Element;

/// A filter, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// One comparison.
    Simple {
        /// The property.
        property: String,
        /// The operator.
        operator: Operator,
        /// The values.
        values: Vec<String>,
    },
    /// All of them.
    And(Vec<Filter>),
    /// One of them.
    Or(Vec<Filter>),
}

/// A simple operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the contract say it")]
pub enum Operator {
    Equals,
    NotEquals,
    GreaterThan,
    LessThan,
    IsNull,
    IsNotNull,
    GreaterThanOrEqual,
    LessThanOrEqual,
    Between,
    In,
    Like,
    Contains,
    NotContains,
    ContainsWord,
    BeginsWith,
    EndsWith,
}

impl Operator {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "equals" => Self::Equals,
            "notEquals" => Self::NotEquals,
            "greaterThan" => Self::GreaterThan,
            "lessThan" => Self::LessThan,
            "isNull" => Self::IsNull,
            "isNotNull" => Self::IsNotNull,
            "greaterThanOrEqual" => Self::GreaterThanOrEqual,
            "lessThanOrEqual" => Self::LessThanOrEqual,
            "between" => Self::Between,
            "IN" => Self::In,
            "like" => Self::Like,
            "existsInString" | "contains" => Self::Contains,
            "notExistsInString" | "notContains" => Self::NotContains,
            "existsInStringAsAWord" => Self::ContainsWord,
            "beginsWith" => Self::BeginsWith,
            "endsWith" => Self::EndsWith,
            _ => return None,
        })
    }
}

/// A value as filters compare it.
#[derive(Clone, Debug, PartialEq)]
pub enum Comparable {
    /// Text, already folded.
    Text(String),
    /// A whole number, a moment, or a truth value.
    Whole(i64),
    /// Digits with a point, in the stored form.
    Decimal(String),
}

impl Comparable {
    fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(one), Self::Text(two)) => Some(one.cmp(two)),
            (Self::Whole(one), Self::Whole(two)) => Some(one.cmp(two)),
            (Self::Decimal(one), Self::Decimal(two)) if one == two => Some(Ordering::Equal),
            (Self::Decimal(one), Self::Decimal(two)) => {
                let (one, two): (f64, f64) = (one.parse().ok()?, two.parse().ok()?);
                // Different texts are different numbers, however near.
                one.partial_cmp(&two).map(|it| if it == Ordering::Equal { Ordering::Less } else { it })
            }
            _ => None,
        }
    }
}

impl Filter {
    /// Takes a filter apart; what is wrong with it otherwise.
    pub fn read(element: &Element) -> Result<Self, String> {
        if element.child("LeftOperand").is_some() || element.kind.as_deref() == Some("ComplexFilterPart") {
            let mut operands = Vec::new();
            for name in ["LeftOperand", "RightOperand"] {
                if let Some(operand) = element.child(name) {
                    operands.push(Self::read(operand)?);
                }
            }
            for operand in element.child("AdditionalOperands").into_iter().flat_map(|it| it.all("Operand")) {
                operands.push(Self::read(operand)?);
            }
            if operands.is_empty() {
                return Err("A complex filter has no operands.".to_owned());
            }
            return match element.filled("LogicalOperator") {
                Some("AND") => Ok(Self::And(operands)),
                Some("OR") => Ok(Self::Or(operands)),
                other => Err(format!("The logical operator {} is not known.", other.unwrap_or("(none)"))),
            };
        }
        let property = element.filled("Property").ok_or("A filter has no property.")?.to_owned();
        let name = element.filled("SimpleOperator").unwrap_or("equals");
        let operator = Operator::named(name).ok_or_else(|| format!("The operator {name} is not supported."))?;
        let values = element.all("Value").chain(element.all("DateValue")).map(|it| it.text.clone()).collect();
        Ok(Self::Simple { property, operator, values })
    }

    /// The properties it compares.
    pub fn properties(&self) -> Vec<&str> {
        match self {
            Self::Simple { property, .. } => vec![property],
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::properties).collect(),
        }
    }

    /// Whether something matches: `get` gives its value, `read` a value of the filter, as the property compares.
    pub fn matches(&self, get: &dyn Fn(&str) -> Option<Comparable>, read: &dyn Fn(&str, &str) -> Option<Comparable>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|it| it.matches(get, read)),
            Self::Or(parts) => parts.iter().any(|it| it.matches(get, read)),
            Self::Simple { property, operator, values } => {
                let value = get(property);
                let text = |it: &Option<Comparable>| match it {
                    Some(Comparable::Text(text)) => Some(text.clone()),
                    Some(Comparable::Decimal(text)) => Some(text.clone()),
                    Some(Comparable::Whole(number)) => Some(number.to_string()),
                    None => None,
                };
                let first = || values.first().and_then(|it| read(property, it));
                let compared = |at: usize| -> Option<Ordering> { value.as_ref()?.compare(&read(property, values.get(at)?)?) };
                let in_text = |test: &dyn Fn(&str, &str) -> bool| match (text(&value), text(&first())) {
                    (Some(whole), Some(part)) => test(&whole, &part),
                    _ => false,
                };
                match operator {
                    Operator::Equals if values.is_empty() => value.is_none(),
                    Operator::Equals => compared(0) == Some(Ordering::Equal),
                    // SQL: NULL is not different from anything.
                    Operator::NotEquals => compared(0).is_some_and(|it| it != Ordering::Equal),
                    Operator::GreaterThan => compared(0) == Some(Ordering::Greater),
                    Operator::LessThan => compared(0) == Some(Ordering::Less),
                    Operator::GreaterThanOrEqual => compared(0).is_some_and(|it| it != Ordering::Less),
                    Operator::LessThanOrEqual => compared(0).is_some_and(|it| it != Ordering::Greater),
                    Operator::IsNull => value.is_none(),
                    Operator::IsNotNull => value.is_some(),
                    Operator::Between => {
                        compared(0).is_some_and(|it| it != Ordering::Less) && compared(1).is_some_and(|it| it != Ordering::Greater)
                    }
                    Operator::In => (0..values.len()).any(|at| compared(at) == Some(Ordering::Equal)),
                    Operator::Like => in_text(&like),
                    Operator::Contains => in_text(&|whole, part| whole.contains(part)),
                    Operator::NotContains => value.is_some() && !in_text(&|whole, part| whole.contains(part)),
                    Operator::ContainsWord => in_text(&|whole, part| whole.split(|c: char| !c.is_alphanumeric()).any(|it| it == part)),
                    Operator::BeginsWith => in_text(&|whole, part| whole.starts_with(part)),
                    Operator::EndsWith => in_text(&|whole, part| whole.ends_with(part)),
                }
            }
        }
    }
}

/// SQL's `LIKE` with `%` and `_`; without a `%` the part may stand anywhere.
fn like(whole: &str, pattern: &str) -> bool {
    fn from(whole: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => whole.is_empty(),
            Some(('%', rest)) => (0..=whole.len()).any(|at| from(&whole[at..], rest)),
            Some(('_', rest)) => !whole.is_empty() && from(&whole[1..], rest),
            Some((c, rest)) => whole.first() == Some(c) && from(&whole[1..], rest),
        }
    }
    if !pattern.contains('%') {
        return whole.contains(pattern);
    }
    from(&whole.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>())
}
