//! The baseline file format: probe, seal and merge over bytes and writers
