//! Requests as they leave: members in the order of the partner WSDL, values escaped.

use outflow_domain::{FieldType, InsertMode, NewColumn, Route};
use outflow_marketing_cloud::{Method, definition_key};
use outflow_ports::{MarketingCloud, RowFilter, RowQuery};

use crate::fake::*;

/// The body's one element, without its namespace.
pub fn body_of(seen: &Seen) -> String {
    assert_eq!(seen.method, Method::Post);
    assert_eq!((seen.host.as_str(), seen.target.as_str()), ("mc0.soap.marketingcloudapis.com", "/Service.asmx"));
    let head = concat!(
        r#"<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">"#,
        r#"<Header><fueloauth xmlns="http://exacttarget.com">token-1</fueloauth></Header><Body>"#
    );
    let body = seen.body.strip_prefix(head).and_then(|it| it.strip_suffix("</Body></Envelope>")).expect("an envelope");
    assert!(body.contains(r#" xmlns="http://exacttarget.com/wsdl/partnerAPI">"#));
    body.replacen(r#" xmlns="http://exacttarget.com/wsdl/partnerAPI""#, "", 1)
}

fn rows_query(key_fields: &[&str], filter: RowFilter) -> RowQuery {
    let names = |it: &[&str]| it.iter().map(|it| field_name(it)).collect();
    RowQuery { data_extension: key(), key_fields: names(key_fields), fields: names(&["Id", "Email"]), filter }
}

/// The request that reads rows by these keys.
fn filter_of(key_fields: &[&str], keys: &[&[&str]]) -> String {
    let keys = keys.iter().map(|it| it.iter().map(|it| (*it).to_owned()).collect()).collect();
    let world = World::answering([found("DataExtensionObject", &[])]);
    run(world.cloud.read_rows(&rows_query(key_fields, RowFilter::Keys(keys)), None)).unwrap();
    let body = body_of(&world.calls()[0]);
    let begin = body.find("<Filter").unwrap();
    body[begin..].split("</RetrieveRequest>").next().unwrap().to_owned()
}

#[test]
fn a_retrieve_names_type_properties_and_filter() {
    let world = World::answering([found("DataExtension", &[])]);
    run(world.cloud.describe(&key())).unwrap();
    let seen = &world.calls()[0];
    assert_eq!(seen.header("SOAPAction"), "Retrieve");
    assert_eq!(seen.header("Content-Type"), "text/xml; charset=utf-8");
    let body = body_of(seen);
    assert!(body.starts_with(
        "<RetrieveRequestMsg><RetrieveRequest><ObjectType>DataExtension</ObjectType><Properties>ObjectID</Properties><Properties>CustomerKey</Properties>"
    ));
    assert!(body.ends_with(concat!(
        r#"<Filter xsi:type="SimpleFilterPart"><Property>CustomerKey</Property><SimpleOperator>equals</SimpleOperator>"#,
        "<Value>loyalty</Value></Filter></RetrieveRequest></RetrieveRequestMsg>"
    )));
}

#[test]
fn rows_are_asked_for_by_the_names_of_their_fields() {
    let world = World::answering([found("DataExtensionObject", &[])]);
    run(world.cloud.read_rows(&rows_query(&["Id"], RowFilter::All), None)).unwrap();
    assert_eq!(
        body_of(&world.calls()[0]),
        "<RetrieveRequestMsg><RetrieveRequest><ObjectType>DataExtensionObject[loyalty]</ObjectType><Properties>Id</Properties><Properties>Email</Properties></RetrieveRequest></RetrieveRequestMsg>"
    );
}

#[test]
fn a_further_page_repeats_the_question_with_the_number_of_the_one_before() {
    let world = World::answering([found("DataExtensionObject", &[])]);
    run(world.cloud.read_rows(&rows_query(&["Id"], RowFilter::All), Some("page-id"))).unwrap();
    let body = body_of(&world.calls()[0]);
    assert!(
        body.ends_with("<Properties>Email</Properties><ContinueRequest>page-id</ContinueRequest></RetrieveRequest></RetrieveRequestMsg>")
    );
}

#[test]
fn keys_of_one_field_are_asked_for_with_in() {
    assert_eq!(
        filter_of(&["Id"], &[&["007"], &["8"]]),
        r#"<Filter xsi:type="SimpleFilterPart"><Property>Id</Property><SimpleOperator>IN</SimpleOperator><Value>007</Value><Value>8</Value></Filter>"#
    );
    assert_eq!(
        filter_of(&["Id"], &[&["007"]]),
        r#"<Filter xsi:type="SimpleFilterPart"><Property>Id</Property><SimpleOperator>equals</SimpleOperator><Value>007</Value></Filter>"#
    );
}

#[test]
fn keys_of_several_fields_are_asked_for_with_or_of_and() {
    let part = |element: &str, property: &str, value: &str| {
        format!(
            r#"<{element} xsi:type="SimpleFilterPart"><Property>{property}</Property><SimpleOperator>equals</SimpleOperator><Value>{value}</Value></{element}>"#
        )
    };
    let both = |element: &str, shop: &str, id: &str| {
        let (left, right) = (part("LeftOperand", "Shop", shop), part("RightOperand", "Id", id));
        format!(r#"<{element} xsi:type="ComplexFilterPart">{left}<LogicalOperator>AND</LogicalOperator>{right}</{element}>"#)
    };
    let (left, right) = (both("LeftOperand", "a", "1"), both("RightOperand", "b", "2"));
    assert_eq!(
        filter_of(&["Shop", "Id"], &[&["a", "1"], &["b", "2"]]),
        format!(r#"<Filter xsi:type="ComplexFilterPart">{left}<LogicalOperator>OR</LogicalOperator>{right}</Filter>"#)
    );
    assert_eq!(filter_of(&["Shop", "Id"], &[&["a", "1"]]), both("Filter", "a", "1"));
}

#[test]
fn a_thousand_composite_keys_nest_a_few_deep() {
    let keys: Vec<Vec<String>> = (0..1000).map(|it| vec!["shop".to_owned(), it.to_string()]).collect();
    let keys: Vec<Vec<&str>> = keys.iter().map(|it| it.iter().map(String::as_str).collect()).collect();
    let keys: Vec<&[&str]> = keys.iter().map(Vec::as_slice).collect();
    let filter = filter_of(&["Shop", "Id"], &keys);
    let mut deepest = 0;
    filter.match_indices("ComplexFilterPart").fold(0_i32, |_, (at, _)| {
        let opened = filter[..at].matches("Operand xsi:type").count() as i32;
        let closed = filter[..at].matches("</LeftOperand>").count() as i32 + filter[..at].matches("</RightOperand>").count() as i32;
        deepest = deepest.max(opened - closed);
        0
    });
    assert!((8..=12).contains(&deepest), "{deepest}");
    assert_eq!(filter.matches("<LogicalOperator>AND<").count(), 1000);
    assert_eq!(filter.matches("<LogicalOperator>OR<").count(), 999);
}

#[test]
fn values_are_escaped_and_freed_of_what_xml_cannot_carry() {
    let filter = filter_of(&["Id"], &[&["a<b>&\"c'\u{1}\u{FFFE}d\r\n😀"]]);
    assert!(filter.contains("<Value>a&lt;b&gt;&amp;\"c'd&#13;\n😀</Value>"), "{filter}");
}

#[test]
fn new_columns_are_fields_without_an_object_id() {
    let columns = [
        ("Notes", FieldType::Text { units_max: Some(254) }),
        ("Free", FieldType::Text { units_max: None }),
        ("Amount", FieldType::Decimal { precision: 18, scale: 2 }),
        ("Visits", FieldType::Number),
    ];
    let columns = columns.map(|(name, field_type)| NewColumn { name: field_name(name), field_type });
    let more = |ordinal, name, kind, length: &str| field(ordinal, name, kind, length);
    let after = fields(&[
        more(0, "Notes", "Text", "<MaxLength>254</MaxLength>"),
        more(1, "Free", "Text", ""),
        more(2, "Amount", "Decimal", "<MaxLength>18</MaxLength>").replace("<Scale>0<", "<Scale>2<"),
        more(3, "Visits", "Number", ""),
    ]);
    let done = acted("UpdateResponse", "<StatusCode>OK</StatusCode><StatusMessage>Data Extension updated.</StatusMessage>", "OK");
    let world = World::answering([data_extension(), fields(&[]), done, data_extension(), after]);
    run(world.cloud.add_columns(&key(), &columns)).unwrap();
    let tail = "<IsRequired>false</IsRequired><IsPrimaryKey>false</IsPrimaryKey>";
    assert_eq!(world.calls()[2].header("SOAPAction"), "Update");
    assert_eq!(
        body_of(&world.calls()[2]),
        format!(
            concat!(
                r#"<UpdateRequest><Options/><Objects xsi:type="DataExtension"><CustomerKey>loyalty</CustomerKey><Fields>"#,
                "<Field><Name>Notes</Name><MaxLength>254</MaxLength>{0}<FieldType>Text</FieldType></Field>",
                "<Field><Name>Free</Name>{0}<FieldType>Text</FieldType></Field>",
                "<Field><Name>Amount</Name><Scale>2</Scale><MaxLength>18</MaxLength>{0}<FieldType>Decimal</FieldType></Field>",
                "<Field><Name>Visits</Name>{0}<FieldType>Number</FieldType></Field>",
                "</Fields></Objects></UpdateRequest>"
            ),
            tail
        )
    );
}

#[test]
fn a_definition_names_one_literal_file_and_maps_each_field() {
    let definition = "<ObjectID>d</ObjectID><CustomerKey>outflow_loyalty-members</CustomerKey><AllowErrors>true</AllowErrors><FileSpec>outflow_20261123_1.csv</FileSpec>";
    let done = acted("CreateResponse", "<StatusCode>OK</StatusCode><StatusMessage>ImportDefinition created.</StatusMessage>", "OK");
    let world = World::answering([data_extension(), found("ImportDefinition", &[]), done, found("ImportDefinition", &[definition])]);
    run(world.cloud.prepare_import(&order(Route::Soap), 1)).unwrap();
    assert_eq!(world.calls()[2].header("SOAPAction"), "Create");
    assert_eq!(
        body_of(&world.calls()[2]),
        concat!(
            r#"<CreateRequest><Options/><Objects xsi:type="ImportDefinition"><CustomerKey>outflow_loyalty-members</CustomerKey>"#,
            "<Name>outflow_loyalty-members</Name><Description>[outflow generation 1] Kept by Outflow; changed before each import.</Description>",
            r#"<AllowErrors>true</AllowErrors><DestinationObject xsi:type="DataExtension"><ObjectID>de-1</ObjectID></DestinationObject>"#,
            "<FieldMappingType>ManualMap</FieldMappingType><FieldMaps>",
            "<FieldMap><SourceName>Id</SourceName><DestinationName>Id</DestinationName></FieldMap>",
            "<FieldMap><SourceName>Email</SourceName><DestinationName>Email</DestinationName></FieldMap></FieldMaps>",
            "<FileSpec>outflow_20261123_1.csv</FileSpec><FileType>CSV</FileType>",
            "<RetrieveFileTransferLocation><CustomerKey>ExactTarget Enhanced FTP</CustomerKey></RetrieveFileTransferLocation>",
            "<UpdateType>AddAndUpdate</UpdateType><HeaderLines>1</HeaderLines><StandardQuotedStrings>true</StandardQuotedStrings>",
            "<DateFormattingLocale><LocaleCode>en-US</LocaleCode></DateFormattingLocale></Objects></CreateRequest>"
        )
    );
}

#[test]
fn a_definition_is_started_by_its_key() {
    let world = World::answering([fault("Client", "no")]);
    run(world.cloud.start_import(&order(Route::Soap))).unwrap_err();
    assert_eq!(world.calls()[0].header("SOAPAction"), "Perform");
    assert_eq!(
        body_of(&world.calls()[0]),
        concat!(
            r#"<PerformRequestMsg><Options/><Action>start</Action><Definitions><Definition xsi:type="ImportDefinition">"#,
            "<CustomerKey>outflow_loyalty-members</CustomerKey></Definition></Definitions></PerformRequestMsg>"
        )
    );
}

#[test]
fn a_one_time_import_nests_its_members() {
    let world = World::answering([json_reply(200, serde_json::json!({ "id": 1 }))]);
    let order = outflow_domain::ImportOrder { insert: InsertMode::UpdateOnly, ..order(Route::Rest) };
    run(world.cloud.start_import(&order)).unwrap();
    let seen = &world.calls()[0];
    assert_eq!((seen.host.as_str(), seen.target.as_str()), ("mc0.rest.marketingcloudapis.com", "/data/v1/async/import"));
    assert_eq!(seen.header("Authorization"), "Bearer token-1");
    let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    let wanted = serde_json::json!({
        "source": { "fileInfo": { "specifier": "outflow_20261123_1.csv", "contentType": "CSV", "hasMultipleFiles": false, "standardQuotedStrings": true } },
        "target": { "type": "DataExtension", "key": "loyalty", "updateType": "UpdateButDoNotAdd" },
        "mapping": { "allowErrors": true, "fieldMappingType": "InferFromColumnHeadings" },
        "transport": { "key": "ExactTarget Enhanced FTP" },
    });
    assert_eq!(body, wanted);
}

#[test]
fn a_definition_key_is_short_and_unlike_any_other() {
    let key = |name: &str| definition_key(&name.parse().unwrap());
    assert_eq!(key("loyalty"), "outflow_loyalty");
    assert_eq!(key("a123456789012345678901234567"), "outflow_a123456789012345678901234567");
    let long = key("a1234567890123456789012345678");
    assert!(long.starts_with("outflow_a12345678901234_") && long.len() == 36, "{long}");
    // Keys compare without case, names do not.
    assert_ne!(key("Loyalty").to_lowercase(), key("loyalty"));
    assert_ne!(key("Loyalty").to_lowercase(), key("lOyalty").to_lowercase());
    let names: Vec<String> = (0..200).map(|it| key(&format!("{}{it}", "n".repeat(50)))).collect();
    let different: std::collections::HashSet<&String> = names.iter().collect();
    assert_eq!(different.len(), 200);
    assert!(names.iter().all(|it| it.len() <= 36));
}
