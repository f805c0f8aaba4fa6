//! Configuration as code: the files of a project in, checked values or every problem with its place out.
//!
//! [`Project::load`] reads a folder and answers with a [`Project`] whose every value has been checked, or with every [`Problem`] at once, each with
//! file, line, column and what to do. It contacts nothing. Secrets are references in the files and [`outflow_domain::Secret`] in the project;
//! problems never show them. Keys are described once, in tables that decoding, [`schema`] and the documentation all read.
//!
//! `docs/reference/project-files.md` describes the format.

mod activation;
mod address;
mod connection;
mod context;
mod destination;
mod entries;
mod file_route;
mod files;
mod guards;
mod init;
mod mask;
mod model;
mod nearest;
mod overlap;
mod postgres;
mod problem;
mod project;
mod reference;
mod schema;
mod sections;
mod shape;
mod source;
mod sql;
mod units;
mod yaml;

pub use activation::{Activation, Overlap};
pub use address::is_loopback;
pub use connection::{ClientSecret, Connection, MarketingCloud, Subdomain, Tenant};
pub use destination::Destination;
pub use file_route::{FileRoute, PrivateKey, S3, ServerIdentity, Sftp};
pub use init::{InitError, init};
pub use model::{Model, Segment};
pub use postgres::{Postgres, TlsMode};
pub use problem::{Code, Place, Problem};
pub use project::{Outline, Project, Question, parse_text};
pub use schema::{reference_tables, schema};
pub use source::{FileFormat, FileLocation, FileTable, Files, S3Access, S3Credentials, Source};
