//! Every reader of this crate behind one door each, so that hostile bytes can be tried on them. None of them may panic, whatever comes.

use outflow_domain::Secret;

use crate::{describe, http::HttpResponse, imports, rest, retry, settings::Settings, soap, token};

/// Reads an answer of the SOAP door in every way we know.
pub fn parse_soap(body: &[u8]) {
    soap::Fault::of(body);
    soap::read_page(body, |it| Some((describe::read_field(it), describe::retention(it), imports::read_result(it)))).ok();
    soap::read_acted(body, "UpdateResponse").ok();
    soap::read_acted(body, "CreateResponse").ok();
    soap::read_performed(body).ok();
}

/// Reads an answer of the REST door in every way we know.
pub fn parse_rest(body: &[u8]) {
    rest::refusal_of(body);
    if let Ok(answer) = serde_json::from_slice(body) {
        imports::read_summary(&answer);
        imports::read_refusals(&answer, &[]);
        imports::read_counts_by_code(&answer);
    }
    let response = HttpResponse { status: 429, headers: Vec::new(), body: bytes::Bytes::copy_from_slice(body) };
    retry::retry_after(&response, 0);
}

/// Reads an answer of the token endpoint.
pub fn parse_token(body: &[u8]) {
    if let Ok(settings) = Settings::for_subdomain("fuzzing", "mc0", "id", Secret::new("secret")) {
        token::read_token(body, &settings, 1, 0).ok();
    }
}
