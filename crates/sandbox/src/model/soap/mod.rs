//! The SOAP door.

mod change;
mod contract;
mod de_change;
mod definition_change;
mod describe;
mod element;
mod filter;
mod folder_change;
mod perform;
mod read;
mod records;
mod retrieve;
mod row_change;
mod row_retrieve;
mod write;

pub use definition_change::blank_definition;
pub use read::SoapRequest;
pub use retrieve::Continuation;
pub use row_retrieve::NUMBER_COLUMN;

use super::Model;
use super::http::HttpAnswer;
use change::Change;
use element::Element;
use write::{Body, SoapFault, Style, envelope};

const XML: &str = "text/xml; charset=utf-8";

impl Model {
    /// Answers a SOAP request.
    pub(super) fn soap(&mut self, request: &SoapRequest, now_ms: i64) -> HttpAnswer {
        let grant = request.token.as_deref().and_then(|it| self.tokens.grant(it, now_ms)).cloned();
        let Some(grant) = grant else {
            let message = if request.token.is_some() { "Token Expired" } else { "Login failed" };
            return self.soap_fault("Security", message, now_ms);
        };
        let message = &request.message;
        let answer = match request.operation() {
            "Retrieve" => self.retrieve(message, &grant, now_ms),
            "Create" => self.change(Change::Create, message, &grant, now_ms),
            "Update" => self.change(Change::Update, message, &grant, now_ms),
            "Delete" => self.change(Change::Delete, message, &grant, now_ms),
            "Perform" => self.perform(message, &grant, now_ms),
            "Describe" => self.describe(message),
            "VersionInfo" => self.version(),
            "GetSystemStatus" => self.system_status(),
            _ => {
                let text = format!("The message {} is not modelled by this sandbox.", message.name);
                return self.soap_fault("Client", &text, now_ms);
            }
        };
        self.soap_answer(answer, now_ms)
    }

    fn soap_answer(&mut self, mut message: Element, now_ms: i64) -> HttpAnswer {
        contract::put_in_order(&mut message);
        debug_assert_eq!(contract::check(&message), Ok(()), "the answer breaks the contract");
        let style = Style { carriage_returns_lost: self.switches.soap_loses_carriage_returns };
        HttpAnswer::of(200, XML, envelope(&Body::Message(&message), &mut self.ids, now_ms, style))
    }

    /// A SOAP fault: HTTP 500.
    pub(super) fn soap_fault(&mut self, code: &str, message: &str, now_ms: i64) -> HttpAnswer {
        let fault = SoapFault {
            code: code.to_owned(),
            message: message.to_owned(),
            detail: (code == "Server").then(|| (2, message.to_owned())),
            actor: self.service_url(),
        };
        let style = Style { carriage_returns_lost: false };
        HttpAnswer::of(500, XML, envelope(&Body::Fault(&fault), &mut self.ids, now_ms, style))
    }

    /// The WSDL of what is modelled, pointing at this sandbox.
    pub(super) fn wsdl(&self) -> HttpAnswer {
        HttpAnswer::of(200, XML, contract::wsdl(&self.service_url()))
    }

    fn service_url(&self) -> String {
        format!("{}/Service.asmx", self.config.urls.soap.trim_end_matches('/'))
    }

    fn version(&mut self) -> Element {
        let info = Element::new("VersionInfo")
            .with_text("Version", env!("CARGO_PKG_VERSION"))
            .with_text("VersionDate", "2026-01-01T00:00:00")
            .with_text("Notes", "Outflow sandbox");
        Element::new("VersionInfoResponseMsg").with(info).with_text("RequestID", self.ids.guid())
    }

    fn system_status(&mut self) -> Element {
        let result = Element::new("Result")
            .with_text("StatusCode", "OK")
            .with_text("StatusMessage", "System Status Retrieved")
            .with_text("SystemStatus", "OK");
        Element::new("SystemStatusResponseMsg")
            .with(Element::new("Results").with(result))
            .with_text("OverallStatus", "OK")
            .with_text("OverallStatusMessage", "")
            .with_text("RequestID", self.ids.guid())
    }
}
