#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| outflow_fuzzing::check("rest_answer", bytes));
