//! The SOAP door: what it reads, what it writes.

use outflow_sandbox::model::{Door, HttpRequest, Switches};

use crate::model_support::{Cloud, between, simple};

fn post(cloud: &mut Cloud, envelope: &str) -> (u16, String) {
    let request = HttpRequest::new("POST", "/service.asmx", envelope.replace("TOKEN", &cloud.token));
    let answer = cloud.model.http(Door::Any, &request, cloud.now);
    (answer.status, answer.text())
}

#[test]
fn every_known_dialect_of_envelope_is_understood() {
    let body_first = r#"<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body><RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>DataExtension</ObjectType><Properties>Name</Properties><Filter xsi:type="SimpleFilterPart"><Property>CustomerKey</Property><SimpleOperator>equals</SimpleOperator><Value>people</Value></Filter></RetrieveRequest></RetrieveRequestMsg></Body><Header><fueloauth xmlns="http://exacttarget.com">TOKEN</fueloauth></Header></Envelope>"#;
    let prefixed = r#"<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:etns="http://exacttarget.com" xmlns:ns0="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns1="http://exacttarget.com/wsdl/partnerAPI"><SOAP-ENV:Header><etns:fueloauth>TOKEN</etns:fueloauth></SOAP-ENV:Header><ns0:Body><ns1:RetrieveRequestMsg><ns1:RetrieveRequest><ns1:ObjectType>DataExtension</ns1:ObjectType><ns1:Filter xsi:type="ns1:SimpleFilterPart"><ns1:Value>people</ns1:Value><ns1:Property>CustomerKey</ns1:Property><ns1:SimpleOperator>equals</ns1:SimpleOperator></ns1:Filter><ns1:Properties>Name</ns1:Properties></ns1:RetrieveRequest></ns1:RetrieveRequestMsg></ns0:Body></SOAP-ENV:Envelope>"#;
    let nested_token =
        prefixed.replace("<etns:fueloauth>TOKEN</etns:fueloauth>", "<etns:fueloauth><_value_1>TOKEN</_value_1></etns:fueloauth>");
    let soap12 = body_first.replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope");
    for envelope in [body_first, prefixed, &nested_token, &soap12] {
        let mut cloud = Cloud::with_people("Id:Text(10)!");
        let (status, text) = post(&mut cloud, envelope);
        assert_eq!(status, 200, "{text}");
        assert_eq!(between(&text, "<Name>", "<"), "people", "{envelope}");
    }
}

#[test]
fn an_answer_has_the_recorded_header_and_prefixes() {
    let mut cloud = Cloud::with_people("Id:Text(10)!");
    let text = cloud.soap("<RetrieveRequestMsg><RetrieveRequest><ObjectType>DataExtension</ObjectType><Properties>CustomerKey</Properties></RetrieveRequest></RetrieveRequestMsg>");
    for piece in [
        "<soap:Envelope ",
        "<soap:Header><wsa:Action>RetrieveResponse</wsa:Action><wsa:MessageID>urn:uuid:",
        "<wsa:RelatesTo>urn:uuid:",
        "<wsu:Created>2026-11-23T10:10:07Z</wsu:Created><wsu:Expires>2026-11-23T10:15:07Z</wsu:Expires>",
        r#"<soap:Body><RetrieveResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><OverallStatus>OK</OverallStatus><RequestID>"#,
        r#"<Results xsi:type="DataExtension"><PartnerKey xsi:nil="true"/><ObjectID xsi:nil="true"/><CustomerKey>people</CustomerKey></Results>"#,
    ] {
        assert!(text.contains(piece), "{piece}\n{text}");
    }
}

#[test]
fn an_unknown_object_type_has_its_known_text() {
    let (status, _) = Cloud::new().retrieve("DataExtensionX", "Name", "");
    assert_eq!(status, "Error: Unable to find a handler for object type: DataExtensionX. Object types are case-sensitive, check spelling.");
}

#[test]
fn unknown_properties_are_named() {
    let mut cloud = Cloud::with_people("Id:Text(10)!");
    let (status, _) = cloud.retrieve("DataExtension", "Name Colour", "");
    assert_eq!(status, "Error: The Request Property(s) Colour do not match with the fields of DataExtension retrieve");
    let (status, _) = cloud.retrieve("DataExtensionObject[people]", "Id Colour", "");
    assert_eq!(status, "Error: Invalid column name 'Colour'.");
}

#[test]
fn what_is_no_envelope_is_a_client_fault() {
    let mut cloud = Cloud::new();
    for bad in ["", "<a/>", "not xml", "<Envelope/>"] {
        let (status, text) = post(&mut cloud, bad);
        assert_eq!(status, 500);
        assert!(text.contains("<faultcode>soap:Client</faultcode>"), "{text}");
    }
}

#[test]
fn metadata_filters_combine() {
    let mut cloud = Cloud::new();
    for key in ["alpha", "beta", "gamma"] {
        cloud.table(key, "Id:Text(10)!");
    }
    let operand = |name: &str, filter: &str| filter.replace("<Filter ", &format!("<{name} ")).replace("</Filter>", &format!("</{name}>"));
    let complex = |op: &str, left: &str, right: &str, more: &str| {
        let more =
            if more.is_empty() { String::new() } else { format!("<AdditionalOperands>{}</AdditionalOperands>", operand("Operand", more)) };
        format!(
            r#"<Filter xsi:type="ComplexFilterPart">{}<LogicalOperator>{op}</LogicalOperator>{}{more}</Filter>"#,
            operand("LeftOperand", left),
            operand("RightOperand", right),
        )
    };
    let is = |key: &str| simple("CustomerKey", "equals", &[key]);
    let any_in = simple("CustomerKey", "IN", &["ALPHA", "gamma", "delta"]);
    let cases = [
        (is("BETA"), "beta"),
        (any_in.clone(), "alpha gamma"),
        (simple("Name", "like", &["%et%"]), "beta"),
        (simple("Name", "notEquals", &["beta"]), "alpha gamma"),
        (complex("OR", &is("alpha"), &is("beta"), ""), "alpha beta"),
        (complex("OR", &is("alpha"), &is("beta"), &is("gamma")), "alpha beta gamma"),
        (complex("AND", &any_in, &simple("Name", "beginsWith", &["g"]), ""), "gamma"),
    ];
    for (filter, expected) in cases {
        let (status, found) = cloud.retrieve("DataExtension", "CustomerKey", &filter);
        let keys: Vec<&str> = found.iter().map(|it| it.trim_start_matches("CustomerKey=")).collect();
        assert_eq!((status.as_str(), keys.join(" ").as_str()), ("OK", expected), "{filter}");
    }
}

#[test]
fn objects_and_rows_come_in_pages() {
    let mut cloud = Cloud::with_people("Id:Number!");
    for id in 0..7 {
        cloud.upsert(&[("Id", &id.to_string())]);
    }
    let ask = |more: &str| {
        format!(
            "<RetrieveRequestMsg><RetrieveRequest><ObjectType>DataExtensionObject[people]</ObjectType><Properties>Id</Properties>{more}<Options><BatchSize>3</BatchSize></Options></RetrieveRequest></RetrieveRequestMsg>"
        )
    };
    let mut text = cloud.soap(&ask(""));
    let mut statuses = Vec::new();
    let mut ids = Vec::new();
    loop {
        statuses.push(between(&text, "<OverallStatus>", "<").to_owned());
        ids.extend(text.split("<Value>").skip(1).map(|it| it.split('<').next().unwrap_or("").to_owned()));
        if statuses.last().is_some_and(|it| it != "MoreDataAvailable") {
            break;
        }
        let id = between(&text, "<RequestID>", "<").to_owned();
        text = cloud.soap(&ask(&format!("<ContinueRequest>{id}</ContinueRequest>")));
    }
    assert_eq!(statuses, ["MoreDataAvailable", "MoreDataAvailable", "OK"]);
    assert_eq!(ids, ["0", "1", "2", "3", "4", "5", "6"]);
}

#[test]
fn a_page_has_2500_rows_and_an_old_continuation_is_gone() {
    let mut cloud = Cloud::with_people("Id:Number!");
    let csv: String = std::iter::once("Id\n".to_owned()).chain((0..2501).map(|it| format!("{it}\n"))).collect();
    assert_eq!(cloud.import(&csv, "AddAndUpdate"), "Completed 2501/2501/0/0/0");
    let text = cloud.soap("<RetrieveRequestMsg><RetrieveRequest><ObjectType>DataExtensionObject[people]</ObjectType><Properties>Id</Properties></RetrieveRequest></RetrieveRequestMsg>");
    assert_eq!(text.matches("<Results ").count(), 2500);
    let id = between(&text, "<RequestID>", "<").to_owned();
    cloud.model.change_switches(|it| it.continuation_lives_s = 60);
    cloud.now += 61_000;
    let (status, _) = cloud.retrieve("DataExtension", "Name", &format!("<ContinueRequest>{id}</ContinueRequest>"));
    assert_eq!(status, format!("Error: The request {id} cannot be continued."));
}

#[test]
fn describe_lists_what_can_be_retrieved() {
    let mut cloud = Cloud::new();
    for object in ["DataExtension", "DataExtensionField", "DataFolder", "ImportDefinition", "ImportResultsSummary"] {
        let text = cloud.soap(&format!(
            "<DefinitionRequestMsg><DescribeRequests><ObjectDefinitionRequest><ObjectType>{object}</ObjectType></ObjectDefinitionRequest></DescribeRequests></DefinitionRequestMsg>"
        ));
        let names: Vec<&str> = text.split("<Name>").skip(1).map(|it| it.split('<').next().unwrap_or("")).collect();
        assert!(names.contains(&"ObjectID"), "{text}");
        let (status, _) = cloud.retrieve(object, &names.join(" "), "");
        assert_eq!(status, "OK");
    }
}

#[test]
fn the_wsdl_points_at_this_sandbox_and_imports_nothing() {
    let mut cloud = Cloud::new();
    let answer = cloud.model.http(Door::Any, &HttpRequest::new("GET", "/etframework.wsdl", ""), cloud.now);
    let text = answer.text();
    assert_eq!(answer.status, 200);
    assert!(roxmltree::Document::parse(&text).is_ok());
    assert!(text.contains(r#"<soap:address location="http://127.0.0.1/Service.asmx"/>"#));
    assert!(!text.contains("import "));
}

#[test]
fn values_survive_xml_or_lose_their_carriage_returns_by_a_switch() {
    let value = "<&\"'> a\r\nb\tc\u{1}";
    let ask = "<RetrieveRequestMsg><RetrieveRequest><ObjectType>DataExtensionObject[people]</ObjectType><Properties>Value</Properties></RetrieveRequest></RetrieveRequestMsg>";
    for (lost, expected) in [(false, "<&\"'> a\r\nb\tc"), (true, "<&\"'> a\nb\tc")] {
        let mut cloud = Cloud::with(Switches { soap_loses_carriage_returns: lost, ..Switches::instant() });
        cloud.table("people", "Id:Number! Value:Text(50)");
        cloud.upsert(&[("Id", "1"), ("Value", value)]);
        let text = cloud.soap(ask);
        let document = roxmltree::Document::parse(&text).expect("well-formed");
        let read = document.descendants().find(|it| it.tag_name().name() == "Value").and_then(|it| it.text());
        assert_eq!(read, Some(expected));
    }
}
