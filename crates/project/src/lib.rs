//! Configuration as code: YAML in, checked values or problems out
