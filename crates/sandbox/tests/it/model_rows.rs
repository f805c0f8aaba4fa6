//! Rows as SOAP objects.

use crate::model_support::{Cloud, between, simple};

fn row(kind: &str, more: &str, properties: &[(&str, &str)]) -> String {
    let all: String =
        properties.iter().map(|(name, value)| format!("<Property><Name>{name}</Name><Value>{value}</Value></Property>")).collect();
    format!(
        r#"<{kind}>{more}<Objects xsi:type="DataExtensionObject"><CustomerKey>people</CustomerKey><Properties>{all}</Properties></Objects></{kind}>"#
    )
}

const UPSERT: &str = "<Options><SaveOptions><SaveOption><PropertyName>*</PropertyName><SaveAction>UpdateAdd</SaveAction></SaveOption></SaveOptions></Options>";

#[test]
fn rows_are_created_updated_and_deleted() {
    let mut cloud = Cloud::with_people("Id:Text(10)! Name:Text(5) Age:Number");
    let text = cloud.soap(&row("CreateRequest", "", &[("Id", "a"), ("Name", "Ada"), ("Age", "36")]));
    assert!(text.contains("<StatusMessage>Created DataExtensionObject</StatusMessage>"), "{text}");
    let text = cloud.soap(&row("CreateRequest", "", &[("Id", "A")]));
    assert_eq!(between(&text, "<ErrorCode>", "<"), "2");
    assert!(between(&text, "<ErrorMessage>", "<").contains("primary key"), "{text}");
    cloud.soap(&row("UpdateRequest", "", &[("Id", "A"), ("Name", "Ida")]));
    assert_eq!(cloud.rows("people"), "A|Ida|36");
    let text = cloud.soap(&row("UpdateRequest", "", &[("Id", "b"), ("Name", "Bob")]));
    assert_eq!(between(&text, "<OverallStatus>", "<"), "Error");
    cloud.soap(&row("UpdateRequest", UPSERT, &[("Id", "b"), ("Name", "Bob")]));
    assert_eq!(cloud.rows("people"), "A|Ida|36; b|Bob|~");
    let delete = |key: &str| {
        format!(
            r#"<DeleteRequest><Objects xsi:type="DataExtensionObject"><CustomerKey>people</CustomerKey><Keys><Key><Name>{key}</Name><Value>a</Value></Key></Keys></Objects></DeleteRequest>"#
        )
    };
    assert!(cloud.soap(&delete("Name")).contains("<ErrorMessage>Keys Not Found</ErrorMessage>"));
    assert!(cloud.soap(&delete("Id")).contains("<StatusCode>OK</StatusCode>"));
    assert_eq!(cloud.rows("people"), "b|Bob|~");
}

#[test]
fn null_is_set_by_a_null_property_and_an_omitted_one_stays() {
    let mut cloud = Cloud::with_people("Id:Text(10)! Name:Text(5) Age:Number");
    cloud.upsert(&[("Id", "a"), ("Name", "Ada"), ("Age", "36")]);
    cloud.soap(r#"<UpdateRequest><Objects xsi:type="DataExtensionObject"><CustomerKey>people</CustomerKey><Properties><Property><Name>Id</Name><Value>a</Value></Property><Property xsi:type="NullAPIProperty"><Name>Age</Name></Property></Properties></Objects></UpdateRequest>"#);
    assert_eq!(cloud.rows("people"), "a|Ada|~");
}

#[test]
fn bad_values_are_told_by_field_and_others_are_written() {
    let mut cloud = Cloud::with_people("Id:Text(3)! Name:Text(5) Age:Number");
    let text = cloud.soap(&row("CreateRequest", "", &[("Id", "long"), ("Name", "longer"), ("Age", "x")]));
    assert_eq!(between(between(&text, "<KeyErrors>", "</KeyErrors>"), "<Name>", "<"), "Id");
    let values = between(&text, "<ValueErrors>", "</ValueErrors>");
    assert!(values.contains("<Name>Name</Name><ErrorCode>70002</ErrorCode>"), "{text}");
    assert!(values.contains("<Name>Age</Name><ErrorCode>2</ErrorCode>"), "{text}");
    let good = r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>people</CustomerKey><Properties><Property><Name>Id</Name><Value>ok</Value></Property></Properties></Objects>"#;
    let both = row("CreateRequest", "", &[("Id", "long")]).replace("</CreateRequest>", &format!("{good}</CreateRequest>"));
    let text = cloud.soap(&both);
    assert_eq!(between(&text, "<OverallStatus>", "<"), "Has Errors");
    assert!(text.contains("<OrdinalID>1</OrdinalID>"));
    assert_eq!(cloud.rows("people"), "ok|~|~");
}

#[test]
fn rows_are_found_by_typed_filters() {
    let mut cloud = Cloud::with_people("Id:Text(10)! Age:Number Born:Date Paid:Decimal(8,2) Vip:Boolean");
    for (id, age, born, paid, vip) in
        [("a", "9", "2017-01-01", "10.00", "true"), ("b", "36", "1990-05-05", "9.50", "false"), ("c", "100", "1926-02-03", "-1", "true")]
    {
        cloud.upsert(&[("Id", id), ("Age", age), ("Born", born), ("Paid", paid), ("Vip", vip)]);
    }
    cloud.upsert(&[("Id", "d")]);
    for (property, operator, values, expected) in [
        ("Age", "greaterThan", &["9"][..], "b c"),
        ("Age", "between", &["9", "36"], "a b"),
        ("Age", "isNull", &[], "d"),
        ("Age", "isNotNull", &[], "a b c"),
        ("Born", "lessThan", &["1990-05-06"], "b c"),
        ("Born", "equals", &["5/5/1990 12:00:00 AM"], "b"),
        ("Paid", "equals", &["9.5"], "b"),
        ("Paid", "lessThan", &["9.5"], "c"),
        ("Vip", "equals", &["True"], "a c"),
        ("Id", "IN", &["C", "a", "x", "a"], "a c"),
        ("ID", "equals", &["B "], "b"),
        ("Id", "notEquals", &["b"], "a c d"),
    ] {
        let (status, found) = cloud.retrieve("DataExtensionObject[people]", "Id", &simple(property, operator, values));
        let ids: Vec<&str> = found.iter().map(|it| it.trim_start_matches("Id=")).collect();
        assert_eq!((status.as_str(), ids.join(" ").as_str()), ("OK", expected), "{property} {operator} {values:?}");
    }
}

#[test]
fn the_hidden_number_grows_and_a_remade_row_has_another() {
    let mut cloud = Cloud::with_people("Id:Text(10)!");
    cloud.upsert(&[("Id", "a")]);
    cloud.upsert(&[("Id", "b")]);
    let numbers = |cloud: &mut Cloud| cloud.retrieve("DataExtensionObject[people]", "Id _CustomObjectKey", "").1;
    assert_eq!(numbers(&mut cloud), ["Id=a _CustomObjectKey=1", "Id=b _CustomObjectKey=2"]);
    let key = [("Id".to_owned(), "a".to_owned())].into();
    assert_eq!(cloud.model.delete_row("people", &key), Ok(true));
    cloud.upsert(&[("Id", "a")]);
    assert_eq!(numbers(&mut cloud), ["Id=b _CustomObjectKey=2", "Id=a _CustomObjectKey=3"]);
    cloud.model.change_switches(|it| it.remade_rows_keep_number = true);
    let key = [("Id".to_owned(), "b".to_owned())].into();
    assert_eq!(cloud.model.delete_row("people", &key), Ok(true));
    cloud.upsert(&[("Id", "c")]);
    cloud.upsert(&[("Id", "b")]);
    assert_eq!(numbers(&mut cloud), ["Id=b _CustomObjectKey=2", "Id=a _CustomObjectKey=3", "Id=c _CustomObjectKey=4"]);
    cloud.model.change_switches(|it| it.custom_object_key_retrievable = false);
    let (status, _) = cloud.retrieve("DataExtensionObject[people]", "_CustomObjectKey", "");
    assert_eq!(status, "Error: Invalid column name '_CustomObjectKey'.");
}

#[test]
fn a_row_is_deleted_once_and_again_by_a_switch() {
    let delete = concat!(
        r#"<DeleteRequest><Options/><Objects xsi:type="DataExtensionObject"><CustomerKey>people</CustomerKey>"#,
        "<Keys><Key><Name>Id</Name><Value>a</Value></Key></Keys></Objects></DeleteRequest>"
    );
    let mut cloud = Cloud::with_people("Id:Text(10)!");
    cloud.upsert(&[("Id", "a")]);
    cloud.upsert(&[("Id", "b")]);
    let status = |cloud: &mut Cloud| between(&cloud.soap(delete), "<OverallStatus>", "<").to_owned();
    assert_eq!(status(&mut cloud), "OK");
    assert_eq!(status(&mut cloud), "Error", "it is gone");
    cloud.model.change_switches(|it| it.absent_deletes_succeed = true);
    assert_eq!(status(&mut cloud), "OK", "it is gone, and that is all that was asked for");
    assert_eq!(cloud.retrieve("DataExtensionObject[people]", "Id", "").1, ["Id=b"]);
}

#[test]
fn reading_rows_may_be_refused() {
    let mut cloud = Cloud::with_people("Id:Text(10)!");
    cloud.model.change_switches(|it| it.row_reading_refused = true);
    let (status, _) = cloud.retrieve("DataExtensionObject[people]", "Id", "");
    assert!(status.starts_with("Error: API Permission Failed"), "{status}");
}

#[test]
fn defaults_fill_absent_properties_of_new_rows_only() {
    let mut cloud = Cloud::new();
    cloud.soap(r#"<CreateRequest><Objects xsi:type="DataExtension"><Name>people</Name><CustomerKey>people</CustomerKey><Fields><Field><Name>Id</Name><IsRequired>true</IsRequired><IsPrimaryKey>true</IsPrimaryKey><MaxLength>9</MaxLength></Field><Field><Name>Tier</Name><DefaultValue>basic</DefaultValue><MaxLength>9</MaxLength></Field><Field><Name>Since</Name><FieldType>Date</FieldType><DefaultValue>Now()</DefaultValue></Field></Fields></Objects></CreateRequest>"#);
    cloud.upsert(&[("Id", "a")]);
    assert_eq!(cloud.rows("people"), "a|basic|11/23/2026 4:10:07 AM");
}

#[test]
fn everything_is_cleared_by_perform() {
    let mut cloud = Cloud::with_people("Id:Text(10)!");
    cloud.upsert(&[("Id", "a")]);
    let text = cloud.soap(r#"<PerformRequestMsg><Action>ClearData</Action><Definitions><Definition xsi:type="DataExtension"><CustomerKey>people</CustomerKey></Definition></Definitions></PerformRequestMsg>"#);
    assert_eq!(between(&text, "<OverallStatus>", "<"), "OK");
    assert_eq!(cloud.rows("people"), "");
}

#[test]
fn whole_keys_are_found_in_every_way_to_ask_for_them() {
    let mut cloud = Cloud::with_people("A:Text(9)! B:Number! C:Text(9)");
    for (a, b, c) in [("x", "1", "p"), ("x", "2", "q"), ("y", "1", "r"), ("y", "2", "s")] {
        cloud.upsert(&[("A", a), ("B", b), ("C", c)]);
    }
    let part = |name: &str, filter: &str| filter.replacen("<Filter ", &format!("<{name} "), 1).replace("</Filter>", &format!("</{name}>"));
    let both = |op: &str, left: &str, right: &str| {
        let (left, right) = (part("LeftOperand", left), part("RightOperand", right));
        format!(r#"<Filter xsi:type="ComplexFilterPart">{left}<LogicalOperator>{op}</LogicalOperator>{right}</Filter>"#)
    };
    let key = |a: &str, b: &str| both("AND", &simple("A", "equals", &[a]), &simple("B", "equals", &[b]));
    let inner = |filter: &str| filter.replace("<Filter ", "<LeftOperand ").replace("</Filter>", "</LeftOperand>");
    let either = format!(
        r#"<Filter xsi:type="ComplexFilterPart">{}<LogicalOperator>OR</LogicalOperator>{}</Filter>"#,
        inner(&key("X", "2")),
        inner(&key("y", "01")).replacen("<LeftOperand ", "<RightOperand ", 1).trim_end_matches("</LeftOperand>").to_owned()
            + "</RightOperand>",
    );
    for (filter, expected) in [
        (key("X ", "1"), "p"),
        (either, "q r"),
        (both("AND", &simple("A", "IN", &["x", "y", "z"]), &simple("B", "IN", &["2"])), "q s"),
        (both("AND", &simple("A", "equals", &["x"]), &simple("C", "notEquals", &["p"])), "q"),
        (both("OR", &key("x", "1"), &simple("C", "equals", &["s"])), "p s"),
        (both("AND", &key("x", "1"), &simple("C", "equals", &["q"])), ""),
    ] {
        let (status, found) = cloud.retrieve("DataExtensionObject[people]", "C", &filter);
        let found: Vec<&str> = found.iter().map(|it| it.trim_start_matches("C=")).collect();
        assert_eq!((status.as_str(), found.join(" ").as_str()), ("OK", expected), "{filter}");
    }
}
