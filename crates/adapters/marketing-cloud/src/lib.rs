//! Salesforce Marketing Cloud Engagement over SOAP and REST.
//!
//! [`SalesforceCloud`] keeps the promises of [`outflow_ports::MarketingCloud`]. It knows wires and nothing else: no files, no ledger, no
//! environment. It talks through an [`HttpTransport`], waits on a [`outflow_ports::Clock`] and draws its jitter from
//! [`outflow_ports::Entropy`], so that a simulated world can stand behind all three; [`ReqwestTransport`] is the one for real sockets.
//!
//! | module | what it knows |
//! |---|---|
//! | `settings` | which hosts are the tenant's own, before a secret leaves |
//! | `http` | one request, one answer, and whether a byte may have arrived |
//! | `token`, `retry`, `session` | client credentials, what may be repeated and when, a call as a whole |
//! | `soap`, `rest` | the two wires |
//! | `describe`, `tables`, `folders`, `columns`, `rows`, `deletions`, `imports`, `locations` | what we ask for, over either wire |
//! | `words` | what of the service's texts may be shown |

mod cloud;
mod columns;
mod deletions;
mod describe;
mod failure;
mod folders;
pub mod fuzzing;
mod http;
mod imports;
mod locations;
mod rest;
mod retry;
mod rows;
mod session;
mod settings;
mod soap;
mod tables;
mod token;
mod words;

pub use cloud::SalesforceCloud;
pub use http::{HttpRequest, HttpResponse, HttpTransport, Method, ReqwestTransport, TransportError, TransportOptions, UnusableOptions};
pub use imports::definition_key;
pub use settings::{ClientSecret, InvalidSettings, Settings};
