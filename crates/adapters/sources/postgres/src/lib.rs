//! PostgreSQL through COPY BINARY
