//! `Retrieve`: questions, their filters, and pages of answers.

use outflow_ports::CloudError;

use super::{
    Element, PARTNER, SoapRequest, Xml,
    answer::{Status, Unanswered, read_body},
};
use crate::{
    failure::{Privacy, Refusal},
    retry::Repeat,
    session::{Call, Session},
    settings::Door,
};

/// Pages after which we stop believing that there is an end: more rows than any data extension is known to hold. Whether the request id of a
/// further page differs from the one before is not documented, so that equal ones prove nothing.
pub(crate) const PAGES_MAX: u64 = 4_000_000;

/// Which objects are meant. It may hold keys of rows, so it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    /// The property has one of the values.
    OneOf {
        /// The property.
        property: String,
        /// The values; never empty.
        values: Vec<String>,
    },
    /// Both hold.
    And(Box<Filter>, Box<Filter>),
    /// One of both holds.
    Or(Box<Filter>, Box<Filter>),
}

impl Filter {
    /// The property has that value.
    pub(crate) fn equals(property: impl Into<String>, value: impl Into<String>) -> Self {
        Self::OneOf { property: property.into(), values: vec![value.into()] }
    }

    /// All of the filters hold; `None` where there are none.
    pub(crate) fn all(filters: Vec<Self>) -> Option<Self> {
        Self::balanced(filters, &|left, right| Self::And(Box::new(left), Box::new(right)))
    }

    /// One of the filters holds; `None` where there are none.
    pub(crate) fn any(filters: Vec<Self>) -> Option<Self> {
        Self::balanced(filters, &|left, right| Self::Or(Box::new(left), Box::new(right)))
    }

    /// Joins by two and two, so that a thousand filters nest ten deep. `AdditionalOperands` would be flat, but a reader that passes over
    /// that optional member would answer with fewer rows than were asked for, and nobody would know.
    fn balanced(mut filters: Vec<Self>, join: &dyn Fn(Self, Self) -> Self) -> Option<Self> {
        match filters.len() {
            0 => None,
            1 => filters.pop(),
            count => {
                let right = Self::balanced(filters.split_off(count / 2), join)?;
                Some(join(Self::balanced(filters, join)?, right))
            }
        }
    }

    fn write(&self, xml: &mut Xml, element: &str) {
        match self {
            Self::OneOf { property, values } => xml.typed(element, "SimpleFilterPart", |xml| {
                xml.text("Property", property);
                xml.text("SimpleOperator", if values.len() == 1 { "equals" } else { "IN" });
                values.iter().for_each(|it| xml.text("Value", it));
            }),
            Self::And(left, right) => Self::write_both(xml, element, left, "AND", right),
            Self::Or(left, right) => Self::write_both(xml, element, left, "OR", right),
        }
    }

    fn write_both(xml: &mut Xml, element: &str, left: &Self, operator: &str, right: &Self) {
        xml.typed(element, "ComplexFilterPart", |xml| {
            left.write(xml, "LeftOperand");
            xml.text("LogicalOperator", operator);
            right.write(xml, "RightOperand");
        });
    }
}

/// A question for objects.
#[derive(Clone, Default)]
pub(crate) struct Retrieve<'a> {
    /// Their type.
    pub(crate) object_type: String,
    /// The properties wanted.
    pub(crate) properties: Vec<&'a str>,
    /// Which ones.
    pub(crate) filter: Option<Filter>,
    /// Where the page begins: the `RequestID` of the page before.
    pub(crate) from: Option<String>,
    /// Whether other business units' are meant too.
    pub(crate) of_all_accounts: bool,
}

impl<'a> Retrieve<'a> {
    /// Objects of a type, with a filter.
    pub(crate) fn of(object_type: &str, properties: &[&'a str], filter: Option<Filter>) -> Self {
        Self { object_type: object_type.to_owned(), properties: properties.to_vec(), filter, from: None, of_all_accounts: false }
    }
}

impl SoapRequest for Retrieve<'_> {
    const ACTION: &'static str = "Retrieve";

    fn write(&self, xml: &mut Xml) {
        xml.element("RetrieveRequestMsg", &[("xmlns", PARTNER)], |xml| {
            xml.element("RetrieveRequest", &[], |xml| {
                xml.text("ObjectType", &self.object_type);
                self.properties.iter().for_each(|it| xml.text("Properties", it));
                if let Some(filter) = &self.filter {
                    filter.write(xml, "Filter");
                }
                if let Some(from) = &self.from {
                    xml.text("ContinueRequest", from);
                }
                if self.of_all_accounts {
                    xml.text("QueryAllAccounts", "true");
                }
            });
        });
    }
}

/// A page of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    /// The objects.
    pub(crate) items: Vec<T>,
    /// Where the next page begins; `None` after the last.
    pub(crate) next: Option<String>,
}

/// Reads a page; `item` reads one object, `None` passes over it.
pub(crate) fn read_page<T>(body: &[u8], mut item: impl FnMut(Element<'_, '_>) -> Option<T>) -> Result<Page<T>, Unanswered> {
    read_body(body, "RetrieveResponseMsg", |answer| {
        let overall = answer.word("OverallStatus").ok_or_else(|| Unanswered::Unreadable("`OverallStatus` is missing".to_owned()))?;
        let next = match Status::of(&overall) {
            Status::Failed => return Err(Unanswered::Refused(Refusal { code: None, message: overall })),
            Status::Ok => None,
            Status::MoreDataAvailable => {
                let id = answer.word("RequestID");
                Some(id.ok_or_else(|| Unanswered::Unreadable("`RequestID` is missing, though there are more pages".to_owned()))?)
            }
        };
        Ok(Page { items: answer.children("Results").filter_map(&mut item).collect(), next })
    })
}

impl Session {
    /// One page of the answer.
    pub(crate) async fn retrieve_page<T>(
        &self,
        action: &str,
        privacy: Privacy,
        question: &Retrieve<'_>,
        item: impl FnMut(Element<'_, '_>) -> Option<T> + Send,
    ) -> Result<Page<T>, CloudError> {
        let call = Call { action, door: Door::Soap, repeat: Repeat::Safely, privacy };
        let body = self.soap(&call, question).await?;
        read_page(&body, item).map_err(|it| it.into_failure(action, privacy).into())
    }

    /// All pages of the answer.
    pub(crate) async fn retrieve<T>(
        &self,
        action: &str,
        mut question: Retrieve<'_>,
        mut item: impl FnMut(Element<'_, '_>) -> Option<T> + Send,
    ) -> Result<Vec<T>, CloudError>
    where
        T: Send,
    {
        let mut items = Vec::new();
        for _ in 0..PAGES_MAX {
            let page = self.retrieve_page(action, Privacy::Metadata, &question, &mut item).await?;
            items.extend(page.items);
            match page.next {
                Some(next) => question.from = Some(next),
                None => return Ok(items),
            }
        }
        Err(CloudError::Unreadable { action: action.to_owned(), message: "the pages do not end".to_owned() })
    }
}
