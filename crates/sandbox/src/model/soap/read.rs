//! Reads requests: any prefixes or none, header before or after the body, either envelope version.

use super::element::Element;

/// A SOAP request, taken apart.
#[derive(Clone, Debug)]
pub struct SoapRequest {
    /// The token in `fueloauth`, wherever below it the text stands.
    pub token: Option<String>,
    /// The only element of the body.
    pub message: Element,
}

impl SoapRequest {
    /// Takes an envelope apart, or says why it is none.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|_| "The request is not UTF-8.".to_owned())?;
        let document = roxmltree::Document::parse(text.trim_start_matches('\u{feff}'))
            .map_err(|error| format!("The request is not well-formed XML: {error}"))?;
        let envelope = document.root_element();
        if envelope.tag_name().name() != "Envelope" {
            return Err("The request is not a SOAP envelope.".to_owned());
        }
        let part = |name: &str| envelope.children().find(|it| it.is_element() && it.tag_name().name() == name);
        let token = part("Header")
            .and_then(|header| header.descendants().find(|it| it.tag_name().name() == "fueloauth"))
            .map(|it| element(it, 0).whole_text().trim().to_owned())
            .filter(|it| !it.is_empty());
        let message = part("Body")
            .and_then(|body| body.children().find(roxmltree::Node::is_element))
            .map(|it| element(it, 0))
            .ok_or_else(|| "The SOAP body is empty.".to_owned())?;
        Ok(Self { token, message })
    }

    /// The operation, which the message's name tells; clients disagree about the `SOAPAction` header.
    pub fn operation(&self) -> &'static str {
        match self.message.name.as_str() {
            "RetrieveRequestMsg" => "Retrieve",
            "CreateRequest" => "Create",
            "UpdateRequest" => "Update",
            "DeleteRequest" => "Delete",
            "PerformRequestMsg" => "Perform",
            "DefinitionRequestMsg" => "Describe",
            "VersionInfoRequestMsg" => "VersionInfo",
            "SystemStatusRequestMsg" => "GetSystemStatus",
            "ConfigureRequestMsg" => "Configure",
            "ExecuteRequestMsg" => "Execute",
            "ScheduleRequestMsg" => "Schedule",
            "QueryRequestMsg" => "Query",
            "ExtractRequestMsg" => "Extract",
            _ => "Unknown",
        }
    }

    /// What the request is about: an object type, for faults and the journal.
    pub fn object(&self) -> String {
        let kind_of = |it: &Element| it.kind.clone();
        let found = match self.operation() {
            "Retrieve" => self.message.value("RetrieveRequest/ObjectType").map(str::to_owned),
            "Create" | "Update" | "Delete" => self.message.child("Objects").and_then(kind_of),
            "Perform" => self.message.child("Definitions").and_then(|it| it.child("Definition")).and_then(kind_of),
            "Describe" => self.message.value("DescribeRequests/ObjectDefinitionRequest/ObjectType").map(str::to_owned),
            _ => None,
        };
        found.unwrap_or_default()
    }
}

/// Deeper nesting than any message has; what is below is dropped.
const DEPTH_MAX: usize = 64;

fn element(node: roxmltree::Node<'_, '_>, depth: usize) -> Element {
    const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
    let children: Vec<Element> = if depth < DEPTH_MAX {
        node.children().filter(roxmltree::Node::is_element).map(|it| element(it, depth + 1)).collect()
    } else {
        Vec::new()
    };
    let text = if children.is_empty() { node.children().filter_map(|it| it.text()).collect() } else { String::new() };
    Element {
        name: node.tag_name().name().to_owned(),
        kind: node.attribute((XSI, "type")).map(|it| it.rsplit(':').next().unwrap_or(it).to_owned()),
        nil: matches!(node.attribute((XSI, "nil")), Some("true" | "1")),
        text,
        children,
    }
}
