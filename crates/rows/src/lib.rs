//! Arrow batches into canonical values, fingerprints, verdicts and CSV
