//! From a batch to fingerprints and files.

use std::{error::Error, hint::black_box};

use outflow_rows::{CanonicalBatch, Canonicalizer, CsvEncoder, CsvFile, Scheme, WarningRules};

use super::Prepared;
use crate::data::{Customers, ROWS};

const ASCII: &str = "Customer-";
const BEYOND_ASCII: &str = "Ünïcode-ЖУК-";

fn canonical(customers: &Customers) -> Result<CanonicalBatch, Box<dyn Error>> {
    Ok(Canonicalizer::new(&customers.mapping, &customers.batch.schema())?.canonicalize(&customers.batch))
}

pub fn canonicalize() -> Result<Prepared, Box<dyn Error>> {
    canonicalized(Customers::with_keys(ASCII)?)
}

pub fn canonicalize_views() -> Result<Prepared, Box<dyn Error>> {
    canonicalized(Customers::with_keys(ASCII)?.in_views()?)
}

fn canonicalized(customers: Customers) -> Result<Prepared, Box<dyn Error>> {
    let canonicalizer = Canonicalizer::new(&customers.mapping, &customers.batch.schema())?;
    Ok(Prepared::of(ROWS, move || {
        let canonical = black_box(canonicalizer.canonicalize(&customers.batch));
        assert!(canonical.problems().is_empty(), "every cell fits");
    }))
}

pub fn fingerprints_of_ascii_keys() -> Result<Prepared, Box<dyn Error>> {
    fingerprints(&Customers::with_keys(ASCII)?)
}

pub fn fingerprints_of_views() -> Result<Prepared, Box<dyn Error>> {
    fingerprints(&Customers::with_keys(ASCII)?.in_views()?)
}

pub fn fingerprints_of_keys_beyond_ascii() -> Result<Prepared, Box<dyn Error>> {
    fingerprints(&Customers::with_keys(BEYOND_ASCII)?)
}

fn fingerprints(customers: &Customers) -> Result<Prepared, Box<dyn Error>> {
    let canonical = canonical(customers)?;
    let scheme = Scheme::derive(b"a fixed secret", "customers");
    let (mut keys, mut rows) = (Vec::with_capacity(ROWS as usize), Vec::with_capacity(ROWS as usize));
    Ok(Prepared::of(ROWS, move || {
        outflow_rows::fingerprints(&canonical, &scheme, &mut keys, &mut rows);
        black_box((&keys, &rows));
    }))
}

pub fn wide_keys() -> Result<Prepared, Box<dyn Error>> {
    let canonical = canonical(&Customers::with_keys(BEYOND_ASCII)?)?;
    let scheme = Scheme::derive(b"a fixed secret", "customers");
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    outflow_rows::fingerprints(&canonical, &scheme, &mut keys, &mut rows);
    Ok(Prepared::of(ROWS, move || {
        let mut told = 0;
        outflow_rows::wide_keys(&canonical, &scheme, &keys, |_, _| told += 1);
        assert_eq!(told, 0, "every key is the same, however it is compared");
    }))
}

pub fn look_for_warnings() -> Result<Prepared, Box<dyn Error>> {
    let customers = Customers::with_keys(ASCII)?;
    let canonical = canonical(&customers)?;
    let rules = WarningRules::new(&customers.mapping);
    let selected: Vec<u32> = (0..ROWS as u32).collect();
    Ok(Prepared::of(ROWS, move || {
        let mut told = 0;
        rules.look_at(&canonical, black_box(&selected), |_, _, _| told += 1);
        assert_eq!(told, 0, "every address is usual");
    }))
}

pub fn encode() -> Result<Prepared, Box<dyn Error>> {
    let customers = Customers::with_keys(ASCII)?;
    let canonical = canonical(&customers)?;
    let encoder = CsvEncoder::new(&customers.mapping);
    let selected: Vec<u32> = (0..ROWS as u32).collect();
    let (mut file, mut lengths) = (Vec::with_capacity(ROWS as usize * 512), Vec::with_capacity(ROWS as usize));
    Ok(Prepared::of(ROWS, move || {
        encoder.encode(&canonical, &selected, &mut file, &mut lengths);
        black_box((&file, &lengths));
    }))
}

pub fn read_again() -> Result<Prepared, Box<dyn Error>> {
    let customers = Customers::with_keys(ASCII)?;
    let selected: Vec<u32> = (0..ROWS as u32).collect();
    let mut file = Vec::new();
    CsvEncoder::new(&customers.mapping).encode(&canonical(&customers)?, &selected, &mut file, &mut Vec::new());
    Ok(Prepared::of(ROWS, move || {
        let rows = CsvFile::new(&file).filter(|it| black_box(it).is_ok()).count();
        assert_eq!(rows as u64, ROWS, "every record is read");
    }))
}
