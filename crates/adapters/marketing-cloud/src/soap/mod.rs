//! SOAP: the partner API's envelopes, out and in.
//!
//! Requests are written in the order of the partner WSDL, whose types are sequences. Answers are read by namespace, never by prefix.

mod answer;
mod element;
mod fault;
mod objects;
mod retrieve;
mod text;
mod writer;

use bytes::Bytes;

pub(crate) use self::{
    answer::{Acted, Performed, Unanswered, is_task_id, read_acted, read_each_acted, read_performed},
    element::Element,
    fault::{Fault, FaultKind},
    objects::{ApiObject, Create, Delete, StartDefinition, Update},
    retrieve::{Filter, PAGES_MAX, Page, Retrieve, read_page},
    writer::Xml,
};
use crate::{
    failure::Failure,
    http::{HttpRequest, Method},
    session::{CALL_TIMEOUT, Call, Session},
};

/// Namespace of the partner API.
pub(crate) const PARTNER: &str = "http://exacttarget.com/wsdl/partnerAPI";

/// Namespace of the token's header element.
const TOKEN: &str = "http://exacttarget.com";

/// Namespace of SOAP 1.1 envelopes.
pub(crate) const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// Namespace of SOAP 1.2 envelopes, which the service's samples use too.
pub(crate) const ENVELOPE_12: &str = "http://www.w3.org/2003/05/soap-envelope";

/// Namespace of `xsi:type` and `xsi:nil`.
pub(crate) const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What stands in the body of an envelope.
pub(crate) trait SoapRequest: Send + Sync {
    /// The method, as the `SOAPAction` header names it.
    const ACTION: &'static str;

    /// Writes the one element of the body.
    fn write(&self, xml: &mut Xml);
}

/// The whole envelope of a request.
pub(crate) fn envelope<R: SoapRequest>(token: &str, request: &R) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.element("Envelope", &[("xmlns", ENVELOPE), ("xmlns:xsi", INSTANCE)], |xml| {
        xml.element("Header", &[], |xml| xml.text_with("fueloauth", &[("xmlns", TOKEN)], token));
        xml.element("Body", &[], |xml| request.write(xml));
    });
    xml.into_bytes()
}

impl Session {
    /// Sends the request and gives the envelope of the answer.
    pub(crate) async fn soap<R: SoapRequest>(&self, call: &Call<'_>, request: &R) -> Result<Bytes, Failure> {
        let response = self
            .deliver(call, |token| {
                Some(HttpRequest {
                    method: Method::Post,
                    url: token.soap_url.join("Service.asmx").ok()?,
                    headers: vec![
                        ("Content-Type".to_owned(), "text/xml; charset=utf-8".to_owned()),
                        ("SOAPAction".to_owned(), R::ACTION.to_owned()),
                    ],
                    body: envelope(token.text.expose(), request).into(),
                    timeout: CALL_TIMEOUT,
                })
            })
            .await?;
        Ok(response.body)
    }
}
