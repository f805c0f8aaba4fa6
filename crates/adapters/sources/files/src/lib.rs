//! Parquet, CSV and NDJSON files, queried with SQL
