//! What holds whatever is sent.

use std::collections::BTreeMap;

use outflow_sandbox::model::{Door, DuplicateRows, HttpRequest, IgnoredRows, Model, Switches};
use proptest::prelude::*;

use crate::model_support::Cloud;

const NAMES: [&str; 24] = [
    "Options",
    "Objects",
    "CustomerKey",
    "ObjectID",
    "Name",
    "Fields",
    "Field",
    "Keys",
    "Key",
    "Value",
    "Properties",
    "Property",
    "Definitions",
    "Definition",
    "Action",
    "RetrieveRequest",
    "ObjectType",
    "Filter",
    "LeftOperand",
    "SimpleOperator",
    "MaxLength",
    "FieldMaps",
    "ContinueRequest",
    "Moon",
];
const KINDS: [&str; 9] = [
    "",
    "DataExtension",
    "DataExtensionObject",
    "ImportDefinition",
    "DataFolder",
    "SimpleFilterPart",
    "ComplexFilterPart",
    "NullAPIProperty",
    "Moon",
];
const TEXTS: [&str; 12] =
    ["", "people", "Id", "start", "ClearData", "DataExtension", "DataExtensionObject[people]", "equals", "IN", "7", "-1", "&lt;&#1114109;"];
const MESSAGES: [&str; 8] = [
    "CreateRequest",
    "UpdateRequest",
    "DeleteRequest",
    "RetrieveRequestMsg",
    "PerformRequestMsg",
    "DefinitionRequestMsg",
    "SystemStatusRequestMsg",
    "MoonMsg",
];

fn element() -> impl Strategy<Value = String> {
    let leaf = (prop::sample::select(&NAMES[..]), prop::sample::select(&TEXTS[..]), any::<bool>()).prop_map(|(name, text, nil)| {
        let nil = if nil && text.is_empty() { r#" xsi:nil="true""# } else { "" };
        format!("<{name}{nil}>{text}</{name}>")
    });
    leaf.prop_recursive(4, 24, 4, |inner| {
        let children = prop::collection::vec(inner, 0..4);
        (prop::sample::select(&NAMES[..]), prop::sample::select(&KINDS[..]), children).prop_map(|(name, kind, children)| {
            let kind = if kind.is_empty() { String::new() } else { format!(r#" xsi:type="{kind}""#) };
            format!("<{name}{kind}>{}</{name}>", children.concat())
        })
    })
}

/// A row operation on `people`: key, value (`None` deletes), or everything cleared.
fn operation() -> impl Strategy<Value = (String, Option<String>, bool)> {
    ("[aAbBcC]{1,2} ?", prop::option::weighted(0.7, "[x-z]{0,3}"), prop::bool::weighted(0.02))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_soap_message_gets_a_well_formed_answer(
        message in prop::sample::select(&MESSAGES[..]),
        children in prop::collection::vec(element(), 0..5),
    ) {
        let mut cloud = Cloud::with_people("Id:Text(10)! Name:Text(5)");
        let answer = cloud.soap_answer(&format!("<{message}>{}</{message}>", children.concat()));
        prop_assert!(answer.status == 200 || answer.status == 500);
        prop_assert!(roxmltree::Document::parse(&answer.text()).is_ok());
    }

    #[test]
    fn no_request_breaks_the_doors(
        method in prop::sample::select(&["GET", "POST", "PUT", "PATCH", "DELETE"][..]),
        path in "/(data|automation|hub|legacy|v2|__inspect)/v1/(async|imports|customobjects|dataevents|ftplocations|filetransferlocation|import|faults|rows)/[a-z:%/$?=&]{0,20}",
        body in ".{0,60}",
    ) {
        let mut cloud = Cloud::with_people("Id:Text(10)!");
        let request = HttpRequest::new(method, &path, body).with_header("Authorization", &format!("Bearer {}", cloud.token));
        let answer = cloud.model.http(Door::Any, &request, cloud.now);
        prop_assert!((200..600).contains(&answer.status));
    }

    #[test]
    fn every_row_of_a_file_is_counted_once(
        body in "([abcA]{0,3},[0-9x]{0,3}(,y)?\r?\n){0,12}",
        update_type in prop::sample::select(&["AddAndUpdate", "AddAndDoNotUpdate", "UpdateButDoNotAdd", "Overwrite"][..]),
        duplicate_rows in prop::sample::select(&[DuplicateRows::LastWins, DuplicateRows::FirstWins, DuplicateRows::AllRefused][..]),
    ) {
        let switches = Switches { ignored_rows: IgnoredRows::Restricted, duplicate_rows, ..Switches::instant() };
        let mut cloud = Cloud::with(switches);
        cloud.table("people", "Id:Text(2)! Age:Number");
        cloud.upsert(&[("Id", "a")]);
        let id = cloud.start_rest_import(&format!("Id,Age\n{body}"), update_type);
        cloud.model.advance(cloud.now);
        let import = cloud.model.imports().last().expect("the import").clone();
        prop_assert_eq!(import.id, id);
        let counts = import.counts;
        prop_assert_eq!(counts.total, counts.successful + counts.duplicated + counts.errors + counts.restricted);
        prop_assert_eq!(counts.errors, import.verdicts.len() as u64);
        prop_assert!(import.verdicts.windows(2).all(|it| it[0].row < it[1].row));
        prop_assert!(import.verdicts.iter().all(|it| 1 <= it.row && it.row <= counts.total));
    }

    #[test]
    fn rows_behave_like_a_map_and_survive_as_bytes(operations in prop::collection::vec(operation(), 0..60)) {
        let mut cloud = Cloud::with_people("Id:Text(10)! Name:Text(5)");
        let mut naive: BTreeMap<String, (String, String)> = BTreeMap::new();
        for (key, value, clears) in operations {
            let folded = key.trim_end().to_lowercase();
            match value {
                _ if clears => {
                    cloud.model.clear_rows("people").expect("cleared");
                    naive.clear();
                }
                Some(value) => {
                    cloud.upsert(&[("Id", &key), ("Name", &value)]);
                    naive.insert(folded, (key, value));
                }
                None => {
                    let deleted = cloud.model.delete_row("people", &[("Id".to_owned(), key)].into());
                    prop_assert_eq!(deleted, Ok(naive.remove(&folded).is_some()));
                }
            }
        }
        let mut expected: Vec<String> = naive.into_values().map(|(key, value)| format!("{key}|{value}")).collect();
        expected.sort();
        for _ in 0..2 {
            let text = cloud.rows("people");
            let mut seen: Vec<String> = text.split("; ").filter(|it| !it.is_empty()).map(str::to_owned).collect();
            seen.sort();
            prop_assert_eq!(&seen, &expected);
            cloud.model = Model::restore(&cloud.model.snapshot()).expect("the state");
        }
    }
}
