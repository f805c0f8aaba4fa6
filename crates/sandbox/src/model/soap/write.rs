//! Writes answers the way clients expect them literally: `soap:` on the envelope, the payload without prefix
//! in the partner namespace, members in the order of the WSDL.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::element::Element;
use crate::model::clock::utc_text;
use crate::model::ids::Ids;

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const PARTNER: &str = "http://exacttarget.com/wsdl/partnerAPI";
const WSA: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// How values with carriage returns and illegal characters are written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// A carriage return is written as it is, so that a reader turns it into a line feed.
    pub carriage_returns_lost: bool,
}

/// What goes into the body.
pub enum Body<'a> {
    /// A response message.
    Message(&'a Element),
    /// A fault.
    Fault(&'a SoapFault),
}

/// A SOAP fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoapFault {
    /// `Security`, `Server` or `Client`.
    pub code: String,
    /// The `faultstring`.
    pub message: String,
    /// `Code` and `Message` of the detail, which only server faults have.
    pub detail: Option<(i64, String)>,
    /// Where the door is.
    pub actor: String,
}

/// A whole envelope.
pub fn envelope(body: &Body<'_>, ids: &mut Ids, now_ms: i64, style: Style) -> Vec<u8> {
    let mut out = Out { writer: Writer::new(Vec::with_capacity(1024)), style };
    out.event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)));
    let namespaces = [
        ("xmlns:soap", SOAP),
        ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
        ("xmlns:xsd", "http://www.w3.org/2001/XMLSchema"),
        ("xmlns:wsa", WSA),
        ("xmlns:wsse", WSSE),
        ("xmlns:wsu", WSU),
    ];
    out.start("soap:Envelope", &namespaces);
    let action = match body {
        Body::Message(message) => action_of(&message.name),
        Body::Fault(_) => format!("{WSA}/fault"),
    };
    out.start("soap:Header", &[]);
    out.leaf("wsa:Action", &action);
    out.leaf("wsa:MessageID", &format!("urn:uuid:{}", ids.guid()));
    out.leaf("wsa:RelatesTo", &format!("urn:uuid:{}", ids.guid()));
    out.leaf("wsa:To", &format!("{WSA}/role/anonymous"));
    out.start("wsse:Security", &[]);
    out.start("wsu:Timestamp", &[("wsu:Id", &format!("Timestamp-{}", ids.guid()))]);
    out.leaf("wsu:Created", &utc_text(now_ms));
    out.leaf("wsu:Expires", &utc_text(now_ms + 300_000));
    out.end("wsu:Timestamp");
    out.end("wsse:Security");
    out.end("soap:Header");
    out.start("soap:Body", &[]);
    match body {
        Body::Message(message) => out.element(message, Some(PARTNER)),
        Body::Fault(fault) => out.fault(fault),
    }
    out.end("soap:Body");
    out.end("soap:Envelope");
    out.writer.into_inner()
}

fn action_of(message: &str) -> String {
    match message {
        "RetrieveResponseMsg" => "RetrieveResponse".to_owned(),
        "PerformResponseMsg" => "PerformResponse".to_owned(),
        "DefinitionResponseMsg" => "DescribeResponse".to_owned(),
        other => other.trim_end_matches("Msg").to_owned(),
    }
}

struct Out {
    writer: Writer<Vec<u8>>,
    style: Style,
}

impl Out {
    fn event(&mut self, event: Event<'_>) {
        // Writing into memory cannot fail.
        let _ = self.writer.write_event(event);
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let mut start = BytesStart::new(name);
        for attribute in attributes {
            start.push_attribute(*attribute);
        }
        self.event(Event::Start(start));
    }

    fn end(&mut self, name: &str) {
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn leaf(&mut self, name: &str, text: &str) {
        self.start(name, &[]);
        self.text(text);
        self.end(name);
    }

    /// Characters that XML cannot carry are left out; the service cannot send them either.
    fn text(&mut self, text: &str) {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '\r' if !self.style.carriage_returns_lost => escaped.push_str("&#xD;"),
                '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'.. => escaped.push(c),
                _ => {}
            }
        }
        self.event(Event::Text(BytesText::from_escaped(escaped)));
    }

    fn element(&mut self, element: &Element, namespace: Option<&str>) {
        let mut attributes: Vec<(&str, &str)> = Vec::new();
        if let Some(namespace) = namespace {
            attributes.push(("xmlns", namespace));
        }
        if let Some(kind) = &element.kind {
            attributes.push(("xsi:type", kind));
        }
        if element.nil {
            attributes.push(("xsi:nil", "true"));
        }
        if element.children.is_empty() && element.text.is_empty() {
            let mut empty = BytesStart::new(element.name.as_str());
            for attribute in attributes {
                empty.push_attribute(attribute);
            }
            self.event(Event::Empty(empty));
            return;
        }
        self.start(&element.name, &attributes);
        if element.children.is_empty() {
            self.text(&element.text);
        }
        for child in &element.children {
            self.element(child, None);
        }
        self.end(&element.name);
    }

    fn fault(&mut self, fault: &SoapFault) {
        self.start("soap:Fault", &[]);
        if fault.code == "Security" {
            self.start("faultcode", &[("xmlns:q0", WSSE)]);
            self.text("q0:Security");
            self.end("faultcode");
        } else {
            self.leaf("faultcode", &format!("soap:{}", fault.code));
        }
        self.leaf("faultstring", &fault.message);
        self.leaf("faultactor", &fault.actor);
        if let Some((code, message)) = &fault.detail {
            self.start("detail", &[]);
            self.start("apifault", &[("xmlns", "urn:fault.partner.exacttarget.com")]);
            self.leaf("Code", &code.to_string());
            self.leaf("Message", message);
            self.end("apifault");
            self.end("detail");
        }
        self.end("soap:Fault");
    }
}
