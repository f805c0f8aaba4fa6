//! Files and file locations.

use outflow_sandbox::model::{ENHANCED_FTP, Effect, Fault, FileError, FileFault, FileFaultQuery, When};

use crate::model_support::Cloud;

#[test]
fn the_ftp_root_has_its_three_folders_and_keeps_them() {
    let mut cloud = Cloud::new();
    let names: Vec<String> =
        cloud.model.file_list_dir(ENHANCED_FTP, "/").expect("the root").iter().map(|it| it.name().to_owned()).collect();
    assert_eq!(names, ["Export", "Import", "Reports"]);
    let protected = Err(FileError::Protected("Import".to_owned()));
    assert_eq!(cloud.model.file_remove(ENHANCED_FTP, "/Import"), protected);
    assert_eq!(cloud.model.file_rename(ENHANCED_FTP, "Import", "In", false), protected);
}

#[test]
fn names_and_folders_are_checked() {
    let mut cloud = Cloud::new();
    for name in ["a:b", "a*b", "a<b", "a>b", "a|b", "a?b", "a\"b", "a\\b", ".."] {
        let path = format!("Import/{name}");
        assert_eq!(cloud.model.file_put(ENHANCED_FTP, &path, vec![], 0), Err(FileError::BadName(path)), "{name}");
    }
    assert_eq!(cloud.model.file_put(ENHANCED_FTP, "No/a", vec![], 0), Err(FileError::NotFound("No".to_owned())));
    assert_eq!(cloud.model.file_put("nowhere", "a", vec![], 0), Err(FileError::NoLocation("nowhere".to_owned())));
    assert_eq!(cloud.model.file_put("sandbox_s3", "a:b/../c", vec![], 0), Ok(()));
}

#[test]
fn a_file_is_written_piece_by_piece_and_renamed() {
    let mut cloud = Cloud::new();
    let model = &mut cloud.model;
    model.file_write(ENHANCED_FTP, "Import/a.part", 0, b"abc", 5).expect("written");
    model.file_write(ENHANCED_FTP, "Import/a.part", 5, b"f", 6).expect("written");
    assert_eq!(model.file_get(ENHANCED_FTP, "/Import/a.part"), Ok(&b"abc\0\0f"[..]));
    model.file_set_len(ENHANCED_FTP, "Import/a.part", 3, 7).expect("cut");
    model.file_put(ENHANCED_FTP, "Import/a.csv", b"old".to_vec(), 8).expect("stored");
    let exists = Err(FileError::Exists("Import/a.csv".to_owned()));
    assert_eq!(model.file_rename(ENHANCED_FTP, "Import/a.part", "Import/a.csv", false), exists);
    assert_eq!(model.file_rename(ENHANCED_FTP, "Import/a.part", "Import/a.csv", true), Ok(()));
    let stat = model.file_stat(ENHANCED_FTP, "Import/a.csv").expect("a location").expect("a file");
    assert_eq!((stat.size, stat.modified_ms, stat.is_dir), (3, 7, false));
    assert_eq!(model.file_stat(ENHANCED_FTP, "Import/a.part"), Ok(None));
}

#[test]
fn folders_are_made_moved_and_removed() {
    let mut cloud = Cloud::new();
    let model = &mut cloud.model;
    model.file_mkdir(ENHANCED_FTP, "Import/x", 1).expect("made");
    assert_eq!(model.file_mkdir(ENHANCED_FTP, "Import/x", 1), Err(FileError::Exists("Import/x".to_owned())));
    model.file_put(ENHANCED_FTP, "Import/x/a", vec![1], 1).expect("stored");
    assert_eq!(model.file_remove(ENHANCED_FTP, "Import/x"), Err(FileError::NotEmpty("Import/x".to_owned())));
    model.file_rename(ENHANCED_FTP, "Import/x", "Import/y", false).expect("moved");
    assert_eq!(model.file_get(ENHANCED_FTP, "Import/y/a"), Ok(&[1][..]));
    model.file_remove(ENHANCED_FTP, "Import/y/a").expect("removed");
    model.file_remove(ENHANCED_FTP, "Import/y").expect("removed");
}

#[test]
fn a_file_fault_waits_for_its_bytes_and_strikes_as_often_as_told() {
    let mut cloud = Cloud::new();
    let fault = FileFault::DropConnection { after_bytes: 100 };
    let when = When { door: Some("sftp".to_owned()), method: Some("write".to_owned()), times: Some(1), ..When::default() };
    cloud.model.add_fault(Fault { when, effect: Effect::File { fault: fault.clone() } });
    let mut ask = |door, operation, bytes_so_far| {
        cloud.model.file_fault(&FileFaultQuery { door, operation, location: ENHANCED_FTP, path: "Import/a", bytes_so_far })
    };
    assert_eq!(ask("sftp", "write", 99), None);
    assert_eq!(ask("s3", "write", 100), None);
    assert_eq!(ask("sftp", "read", 100), None);
    assert_eq!(ask("sftp", "write", 100), Some(fault));
    assert_eq!(ask("sftp", "write", 200), None);
}

#[test]
fn buckets_are_known_by_their_locations() {
    let cloud = Cloud::new();
    assert_eq!(cloud.model.buckets(), ["sandbox-drop"]);
    assert_eq!(cloud.model.location_of_bucket("sandbox-drop").map(|it| it.key.as_str()), Some("sandbox_s3"));
    assert!(cloud.model.location_of_bucket("other").is_none());
}
