//! State folder: baselines, spool and locks on a local disk; system clock and entropy
