//! The token endpoint: OAuth 2 client credentials.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Model;
use super::http::{HttpAnswer, HttpRequest};

/// The permissions of an installed package that this sandbox knows, as they stand in a token's `scope`.
pub const SCOPES: [&str; 17] = [
    "offline",
    "accounts_read",
    "automations_execute",
    "automations_read",
    "automations_write",
    "data_extensions_read",
    "data_extensions_write",
    "email_read",
    "file_locations_read",
    "file_locations_write",
    "key_manage_revoke",
    "key_manage_rotate",
    "key_manage_view",
    "list_and_subscribers_read",
    "list_and_subscribers_write",
    "tracking_events_read",
    "users_read",
];

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The business unit (MID) it acts in.
    pub account_id: u64,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Until when, in unix milliseconds.
    pub expires_ms: i64,
}

impl Grant {
    /// Whether it carries a scope.
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|it| it == scope)
    }
}

/// All tokens that may still be good.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tokens(HashMap<String, Grant>);

impl Tokens {
    /// What a token is good for now. An expired one is like one that never was.
    pub fn grant(&self, token: &str, now_ms: i64) -> Option<&Grant> {
        self.0.get(token.trim()).filter(|it| now_ms < it.expires_ms)
    }

    /// Expires all tokens.
    pub fn expire_all(&mut self) {
        self.0.clear();
    }
}

impl Model {
    /// Answers the auth door.
    pub(super) fn auth(&mut self, request: &HttpRequest, now_ms: i64) -> HttpAnswer {
        match (request.method.as_str(), request.path().to_ascii_lowercase().as_str()) {
            ("POST", "/v2/token") => self.token(request, now_ms),
            // Packages of today cannot use the endpoint of before 2019.
            ("POST", "/v1/requesttoken") => {
                HttpAnswer::json(401, &json!({ "message": "Unauthorized", "errorcode": 1, "documentation": "" }))
            }
            _ => HttpAnswer::rest_error(404, 404, "Not Found"),
        }
    }

    fn token(&mut self, request: &HttpRequest, now_ms: i64) -> HttpAnswer {
        let Some(asked) = parameters(request) else {
            return refusal(400, "invalid_request", "The request body could not be read.");
        };
        if text(&asked, "grant_type").as_deref() != Some("client_credentials") {
            return refusal(400, "unsupported_grant_type", "The grant type is not supported.");
        }
        if text(&asked, "client_id").as_deref() != Some(self.config.client_id.as_str()) {
            return refusal(401, "invalid_client", "Invalid client ID. Use the client ID in Marketing Cloud Installed Packages.");
        }
        if text(&asked, "client_secret").as_deref() != Some(self.config.client_secret.as_str()) {
            return refusal(401, "invalid_client", "Client authentication failed.");
        }
        let account_id = match text(&asked, "account_id").filter(|it| !it.is_empty()) {
            None => self.config.account_id,
            Some(given) => match given.parse().ok().filter(|it| self.units.contains_key(it)) {
                Some(known) => known,
                None => return refusal(401, "invalid_client", "Client authentication failed."),
            },
        };
        let all = SCOPES.iter().map(|it| (*it).to_owned());
        let package: Vec<String> = all.filter(|it| !self.switches.scopes_withheld.contains(it)).collect();
        let scopes: Vec<String> = match text(&asked, "scope").filter(|it| !it.trim().is_empty()) {
            None => package,
            Some(wanted) => {
                let wanted: Vec<String> = wanted.split_whitespace().map(str::to_owned).collect();
                if let Some(unknown) = wanted.iter().find(|it| !package.contains(it)) {
                    let message = format!("The requested scope '{unknown}' is not granted to this package.");
                    return refusal(400, "invalid_scope", &message);
                }
                wanted
            }
        };
        let lives_s = self.switches.token_lives_s;
        let grant = Grant { account_id, scopes, expires_ms: now_ms + lives_s * 1000 };
        let access_token = self.new_token(&grant);
        let answer = json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": lives_s,
            "scope": grant.scopes.join(" "),
            "soap_instance_url": self.instance_url(request, "soap", &self.config.urls.soap),
            "rest_instance_url": self.instance_url(request, "rest", &self.config.urls.rest),
        });
        self.tokens.0.retain(|_, it| now_ms < it.expires_ms);
        self.tokens.0.insert(access_token, grant);
        HttpAnswer::json(200, &answer)
    }

    /// Where the tenant's door is: under the service's own name for who came by one, which is by way of the proxy.
    fn instance_url(&self, request: &HttpRequest, door: &str, url: &str) -> String {
        let host = request.header("host").unwrap_or_default().to_ascii_lowercase();
        let tenant = host.strip_suffix(":443").unwrap_or(&host).strip_suffix(".auth.marketingcloudapis.com");
        tenant.map_or_else(|| with_slash(url), |tenant| format!("https://{tenant}.{door}.marketingcloudapis.com/"))
    }

    /// Three parts like a signed token; nobody should look inside, and nobody can verify it.
    fn new_token(&mut self, grant: &Grant) -> String {
        let header = json!({ "alg": "HS256", "kid": "1", "ver": "1", "typ": "JWT" });
        let payload = json!({
            "access_token": self.ids.guid(),
            "client_id": self.config.client_id,
            "eid": self.config.account_id,
            "mid": grant.account_id,
            "stack_key": "S0",
            "platform_version": 2,
            "client_type": "ServerToServer",
            "pid": self.ids.next() % 1000,
        });
        let signature: Vec<u8> = (0..4).flat_map(|_| self.ids.next().to_be_bytes()).collect();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        format!("{}.{}.{}", part(header.to_string().as_bytes()), part(payload.to_string().as_bytes()), part(&signature),)
    }
}

/// The members of a JSON object or of a form, whatever the media type claims.
fn parameters(request: &HttpRequest) -> Option<Map<String, Value>> {
    if let Ok(Value::Object(members)) = serde_json::from_slice(&request.body) {
        return Some(members);
    }
    let pairs = url::form_urlencoded::parse(&request.body);
    let members: Map<String, Value> = pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect();
    (!members.is_empty()).then_some(members)
}

/// A member as text: `account_id` comes as a number and as a string.
fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    match members.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn refusal(status: u16, error: &str, description: &str) -> HttpAnswer {
    HttpAnswer::json(
        status,
        &json!({
            "error": error,
            "error_description": description,
            "error_uri": "https://developer.salesforce.com/docs",
        }),
    )
}

/// Both instance URLs end with a slash; clients append `Service.asmx` to them as they are.
fn with_slash(url: &str) -> String {
    if url.ends_with('/') { url.to_owned() } else { format!("{url}/") }
}
