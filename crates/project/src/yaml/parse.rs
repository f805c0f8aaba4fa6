//! From events to the tree.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span as EventSpan, StrInput, options};

use super::{Entry, Node, Scalar, Span, Style, Value};
use crate::{context::Context, problem::Code};

/// Collections within collections; a project needs seven.
const NESTING_MAX: usize = 32;

/// The document of a file, with every mistake told to `cx`. `None` where it is not YAML; a file without a document is an empty one.
pub(crate) fn parse(text: &str, file: usize, cx: &mut Context<'_>) -> Option<Node> {
    let options = options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: NESTING_MAX,
        block_nesting_limit: NESTING_MAX,
    };
    let mut build = Build { events: Parser::new_from_str_with_options(text, options), file, cx };
    let document = build.document().ok()?;
    Some(document.unwrap_or(Node { span: Span::at(file, 1, 1), value: Value::Null }))
}

struct Build<'t, 'c, 'e> {
    events: Parser<'t, StrInput<'t>>,
    file: usize,
    cx: &'c mut Context<'e>,
}

/// The parser cannot go on; the reason has been told.
struct Stopped;

impl<'t> Build<'t, '_, '_> {
    fn document(&mut self) -> Result<Option<Node>, Stopped> {
        let mut root = None;
        let mut documents = 0;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        let span = self.span(&span);
                        self.cx.report(Code::Unsupported, span, "a second document begins here").hint("put it into a file of its own");
                        return Ok(root);
                    }
                }
                event => root = Some(self.node(event, &span)?),
            }
        }
        Ok(root)
    }

    fn next(&mut self) -> Result<Option<(Event<'t>, EventSpan)>, Stopped> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok(it)) => Ok(Some(it)),
            Some(Err(error)) => {
                let marker = error.marker();
                let span = Span::at(self.file, marker.line().max(1), marker.col() + 1);
                self.cx.cover_like_unparsed(self.file);
                let advice = advice(&error.info(), self.cx.line(span));
                self.cx.report(Code::Syntax, span, format!("this is not YAML: {}", error.info())).hint(advice);
                Err(Stopped)
            }
        }
    }

    fn node(&mut self, event: Event<'t>, at: &EventSpan) -> Result<Node, Stopped> {
        let span = self.span(at);
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.no_anchor_no_tag(span, anchor, tag.is_some());
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                    ScalarStyle::Literal => Style::Literal,
                    ScalarStyle::Folded => Style::Folded,
                };
                match text.as_ref() {
                    "" | "~" | "null" | "Null" | "NULL" if style == Style::Plain => Value::Null,
                    _ => Value::Scalar(Scalar { text: text.into_owned(), style }),
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.no_anchor_no_tag(span, anchor, tag.is_some());
                self.list()?
            }
            Event::MappingStart(_, anchor, tag) => {
                self.no_anchor_no_tag(span, anchor, tag.is_some());
                self.map()?
            }
            _ => {
                self.cx
                    .report(Code::Unsupported, span, "a project does not take aliases (`*name`)")
                    .hint("write the value again; what many destinations share goes into a connection");
                Value::Broken
            }
        };
        Ok(Node { span, value })
    }

    fn list(&mut self) -> Result<Value, Stopped> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.node(event, &span)?);
        }
        Ok(Value::List(items))
    }

    fn map(&mut self) -> Result<Value, Stopped> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(event, &span)?;
            let Some((event, span)) = self.next()? else { break };
            let value = self.node(event, &span)?;
            let Some(text) = self.key_text(&key) else { continue };
            if let Some(line) = lines.get(&text) {
                let what = format!("`{text}` is here for the second time; the first is in line {line}");
                self.cx.cover(&value);
                self.cx.report(Code::DuplicateKey, key.span, what).hint("keep one of them");
                continue;
            }
            lines.insert(text.clone(), key.span.line);
            entries.push(Entry { key: text, key_span: key.span, value });
        }
        Ok(Value::Map(entries))
    }

    fn key_text(&mut self, key: &Node) -> Option<String> {
        match &key.value {
            Value::Scalar(it) if it.text == "<<" && it.style == Style::Plain => {
                self.cx
                    .report(Code::Unsupported, key.span, "a project does not take merge keys (`<<`)")
                    .hint("write the keys out; what many destinations share goes into a connection");
                None
            }
            Value::Scalar(it) => Some(it.text.clone()),
            Value::Broken => None,
            _ => {
                let what = format!("a key must be text, and this is {}", key.type_for_people());
                self.cx.report(Code::Unsupported, key.span, what);
                None
            }
        }
    }

    fn no_anchor_no_tag(&mut self, span: Span, anchor: usize, has_tag: bool) {
        if anchor != 0 {
            self.cx
                .report(Code::Unsupported, span, "a project does not take anchors (`&name`)")
                .hint("remove it; what many destinations share goes into a connection");
        }
        if has_tag {
            self.cx.report(Code::Unsupported, span, "a project does not take tags (`!name`)").hint("remove it; quotes make a value text");
        }
    }

    fn span(&self, it: &EventSpan) -> Span {
        let position = |it: &Marker| (it.line().max(1), it.col() + 1);
        let ((line, column), (end_line, end_column)) = (position(&it.start), position(&it.end));
        Span { file: self.file, line, column, end_line, end_column }
    }
}

/// What helps most often.
fn advice(info: &str, line: &str) -> &'static str {
    if line.contains("${") && (line.contains(['[', ',']) || line.matches('{').count() > line.matches("${").count()) {
        return "put `${NAME}` in quotes within `{…}` and `[…]`";
    }
    let helps = [
        ("mapping values are not allowed", "put a text that contains `: ` in quotes, and begin the keys of one mapping in the same column"),
        ("did not find expected key", "begin the keys of one mapping in the same column"),
        ("unclosed quote", "close the quote"),
        ("unclosed bracket", "close the bracket"),
        ("tab", "indent with spaces"),
        ("unexpected character", "put the text in quotes"),
        ("recursion limit", "a project needs no such depth"),
    ];
    helps.iter().find(|(part, _)| info.contains(part)).map_or("check indentation and quotes around here", |(_, help)| help)
}
