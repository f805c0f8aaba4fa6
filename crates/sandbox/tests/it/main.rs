//! The sandbox, tested from outside.

mod doors_http;
mod doors_proxy;
mod doors_s3;
mod doors_sftp;
mod doors_support;
mod model_faults;
mod model_files;
mod model_imports;
mod model_inspect;
mod model_keys;
mod model_properties;
mod model_rest;
mod model_rows;
mod model_schema;
mod model_soap;
mod model_support;
mod model_token;
mod model_types;
