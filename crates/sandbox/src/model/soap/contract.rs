//! The SOAP contract: types, members and their order, as the partner WSDL has them (2017 and later copies agree
//! on these). One table serves both ways: answers are put into its order, and the WSDL is written from it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use super::element::Element;

/// Each line is `Name [< Base] : member:Type …`. A member's type is a name of this table or `x:` and an XML
/// Schema type; `?` may be absent, `*` may repeat, `~` may be nil; `{…}` is a nameless inner type; `(…|…)` is
/// a choice. A line with `=` lists the values of an enumeration. A line with `!` is a message element.
const CONTRACT: &str = "
APIObject : Client:ClientID? PartnerKey:x:string?~ PartnerProperties:APIProperty?* CreatedDate:x:dateTime? ModifiedDate:x:dateTime?~ ID:x:int? ObjectID:x:string?~ CustomerKey:x:string? Owner:Owner? CorrelationID:x:string? ObjectState:x:string?
ClientID : ClientID:x:int? ID:x:int? PartnerClientKey:x:string? UserID:x:int? PartnerUserKey:x:string? CreatedBy:x:int? ModifiedBy:x:int? EnterpriseID:x:long? CustomerKey:x:string?
Owner : Client:ClientID? FromName:x:string? FromAddress:x:string?
APIProperty : Name:x:string Value:x:string
NullAPIProperty < APIProperty :
Attribute < APIObject : Name:x:string Value:x:string
Locale < APIObject : LocaleCode:x:string?
AsyncResponseType = None email FTP HTTPPost
RespondWhen = Never OnError Always OnConversationError OnConversationComplete OnCallComplete
AsyncResponse : ResponseType:AsyncResponseType ResponseAddress:x:string RespondWhen:RespondWhen? IncludeResults:x:boolean? IncludeObjects:x:boolean? OnlyIncludeBase:x:boolean?
RequestType = Synchronous Asynchronous
Priority = Low Medium High
SaveAction = AddOnly Default Nothing UpdateAdd UpdateOnly Delete
SaveOption : PropertyName:x:string SaveAction:SaveAction
Options : Client:ClientID? SendResponseTo:AsyncResponse?* SaveOptions?{SaveOption:SaveOption?*} Priority:x:byte? ConversationID:x:string? SequenceCode:x:int? CallsInConversation:x:int? ScheduledTime:x:dateTime? RequestType:RequestType? QueuePriority:Priority?
ContainerID : APIObject:APIObject?
CreateOptions < Options : Container:ContainerID?
UpdateOptions < Options : Container:ContainerID? Action:x:string?
DeleteOptions < Options :
PerformOptions < Options : Explanation:x:string?
RetrieveOptions < Options : BatchSize:x:int? IncludeObjects:x:boolean? OnlyIncludeBase:x:boolean?
SystemStatusOptions < Options :
Result : StatusCode:x:string StatusMessage:x:string OrdinalID:x:int? ErrorCode:x:int? RequestID:x:string? ConversationID:x:string? OverallStatusCode:x:string? RequestType:RequestType? ResultType:x:string? ResultDetailXML:x:string?
CreateResult < Result : NewID:x:int NewObjectID:x:string? PartnerKey:x:string? Object:APIObject? CreateResults:CreateResult?* ParentPropertyName:x:string?
UpdateResult < Result : Object:APIObject UpdateResults:UpdateResult?* ParentPropertyName:x:string?
DeleteResult < Result : Object:APIObject
TaskResult : StatusCode:x:string StatusMessage:x:string OrdinalID:x:int? ErrorCode:x:int? ID:x:string? InteractionObjectID:x:string?
PerformResult < Result : Object:APIObject Task:TaskResult
FilterPart :
SimpleOperators = equals notEquals greaterThan lessThan isNull isNotNull greaterThanOrEqual lessThanOrEqual between IN like existsInString existsInStringAsAWord notExistsInString beginsWith endsWith contains notContains isAnniversary isNotAnniversary greaterThanAnniversary lessThanAnniversary
LogicalOperators = OR AND
SimpleFilterPart < FilterPart : Property:x:string SimpleOperator:SimpleOperators Value:x:string?* DateValue:x:dateTime?*
ComplexFilterPart < FilterPart : LeftOperand:FilterPart LogicalOperator:LogicalOperators RightOperand:FilterPart? AdditionalOperands?{Operand:FilterPart?*}
RetrieveRequest : ClientIDs:ClientID?* ObjectType:x:string Properties:x:string?* Filter:FilterPart? RespondTo:AsyncResponse?* PartnerProperties:APIProperty?* ContinueRequest:x:string? QueryAllAccounts:x:boolean? RetrieveAllSinceLastBatch:x:boolean? RepeatLastResult:x:boolean? Options:RetrieveOptions?
ObjectDefinitionRequest : Client:ClientID? ObjectType:x:string?
ArrayOfObjectDefinitionRequest : ObjectDefinitionRequest:ObjectDefinitionRequest?*~
SoapType = xsd:string xsd:boolean xsd:double xsd:dateTime
PropertyType = string boolean double datetime
PicklistItem : IsDefaultValue:x:boolean? Label:x:string? Value:x:string?
PropertyDefinition < APIObject : Name:x:string? DataType:x:string? ValueType:SoapType? PropertyType:PropertyType? IsCreatable:x:boolean? IsUpdatable:x:boolean? IsRetrievable:x:boolean? IsQueryable:x:boolean? IsFilterable:x:boolean? IsPartnerProperty:x:boolean? IsAccountProperty:x:boolean? PartnerMap:x:string? Markups:APIProperty?* Precision:x:int? Scale:x:int? Label:x:string? Description:x:string? DefaultValue:x:string? MinLength:x:int? MaxLength:x:int? MinValue:x:string? MaxValue:x:string? IsRequired:x:boolean? IsViewable:x:boolean? IsEditable:x:boolean? IsNillable:x:boolean? IsRestrictedPicklist:x:boolean? PicklistItems?{PicklistItem:PicklistItem?*} IsSendTime:x:boolean? DisplayOrder:x:int? References?{Reference:APIObject?*} RelationshipName:x:string? Status:x:string? IsContextSpecific:x:boolean?
ObjectDefinition : ObjectType:x:string? Name:x:string? IsCreatable:x:boolean? IsUpdatable:x:boolean? IsRetrievable:x:boolean? IsQueryable:x:boolean? IsReference:x:boolean? ReferencedType:x:string? IsPropertyCollection:x:string? IsObjectCollection:x:boolean? Properties:PropertyDefinition?* ExtendedProperties?{ExtendedProperty:PropertyDefinition?*} ChildObjects:ObjectDefinition?*
DataExtensionFieldType = Text Number Date Boolean EmailAddress Phone Decimal Locale Base16Encrypted Base16EncryptedEmail
DateTimeUnitOfMeasure = Days Weeks Months Years
DataExtensionFieldStorageType = Unspecified Plain Obfuscated Encrypted
DataExtensionField < PropertyDefinition : Ordinal:x:int? IsPrimaryKey:x:boolean? FieldType:DataExtensionFieldType? DataExtension:DataExtension? StorageType:DataExtensionFieldStorageType?
DataExtensionTemplate < APIObject : Name:x:string? Description:x:string?
DataExtension < APIObject : Name:x:string? Description:x:string? IsSendable:x:boolean? IsTestable:x:boolean? SendableDataExtensionField:DataExtensionField? SendableSubscriberField:Attribute? Template:DataExtensionTemplate? DataRetentionPeriodLength:x:int? DataRetentionPeriodUnitOfMeasure:x:int? RowBasedRetention:x:boolean? ResetRetentionPeriodOnImport:x:boolean? DeleteAtEndOfRetentionPeriod:x:boolean? RetainUntil:x:string? Fields?{Field:DataExtensionField?*} DataRetentionPeriod:DateTimeUnitOfMeasure? CategoryID:x:long? Status:x:string?
ObjectExtension < APIObject : Type:x:string? Properties?{Property:APIProperty?*}
DataExtensionObject < ObjectExtension : Name:x:string? Keys?{Key:APIProperty?*}
DataExtensionError : Name:x:string? ErrorCode:x:integer ErrorMessage:x:string?
DataExtensionCreateResult < CreateResult : ErrorMessage:x:string? KeyErrors?{KeyError:DataExtensionError?*} ValueErrors?{ValueError:DataExtensionError?*}
DataExtensionUpdateResult < UpdateResult : ErrorMessage:x:string? KeyErrors?{KeyError:DataExtensionError?*} ValueErrors?{ValueError:DataExtensionError?*}
DataExtensionDeleteResult < DeleteResult : ErrorMessage:x:string? KeyErrors?{KeyError:DataExtensionError?*}
DataFolder < APIObject : ParentFolder:DataFolder? Name:x:string? Description:x:string? ContentType:x:string? IsActive:x:boolean? IsEditable:x:boolean? AllowChildren:x:boolean?
FileTransferLocation < APIObject :
InteractionBaseObject < APIObject : Name:x:string? Description:x:string? Keyword:x:string?
InteractionDefinition < InteractionBaseObject : InteractionObjectID:x:string?
FieldMap : (SourceName:x:string|SourceOrdinal:x:int) DestinationName:x:string
FileType = CSV TAB Other
ImportDefinitionSubscriberImportType = Email SMS
ImportDefinitionUpdateType = AddAndUpdate AddAndDoNotUpdate UpdateButDoNotAdd Merge Overwrite ColumnBased
ImportDefinitionColumnBasedActionType = AddAndUpdate AddButDoNotUpdate Delete Skip UpdateButDoNotAdd
ImportDefinitionColumnBasedAction : Value:x:string? Action:ImportDefinitionColumnBasedActionType?
ImportDefinitionFieldMappingType = InferFromColumnHeadings MapByOrdinal ManualMap
ImportDefinitionAutoGenerateDestination : DataExtensionTarget:DataExtension ErrorIfExists:x:boolean?
ImportDefinition < InteractionDefinition : AllowErrors:x:boolean? DestinationObject:APIObject? FieldMappingType:ImportDefinitionFieldMappingType? FieldMaps?{FieldMap:FieldMap?*} FileSpec:x:string? FileType:FileType? Notification:AsyncResponse? RetrieveFileTransferLocation:FileTransferLocation? SubscriberImportType:ImportDefinitionSubscriberImportType? UpdateType:ImportDefinitionUpdateType? MaxFileAge:x:int? MaxFileAgeScheduleOffset:x:int? MaxImportFrequency:x:int? Delimiter:x:string? HeaderLines:x:int? AutoGenerateDestination:ImportDefinitionAutoGenerateDestination? ControlColumn:x:string? ControlColumnDefaultAction:ImportDefinitionColumnBasedActionType? ControlColumnActions?{ControlColumnAction:ImportDefinitionColumnBasedAction?*} EndOfLineRepresentation:x:string? NullRepresentation:x:string? StandardQuotedStrings:x:boolean? Filter:x:string? DateFormattingLocale:Locale? DeleteFile:x:boolean? SourceObject:APIObject? DestinationType:x:int? SubscriptionDefinitionId:x:string? EncodingCodePage:x:int? SmsMemberSharedShortCodeId:x:string?
ImportResultsSummary < APIObject : ImportDefinitionCustomerKey:x:string? StartDate:x:string? EndDate:x:string? DestinationID:x:string? NumberSuccessful:x:int? NumberDuplicated:x:int? NumberErrors:x:int? NumberRestricted:x:int? TotalRows:x:int? ImportType:x:string? ImportStatus:x:string? TaskResultID:x:int?
SystemStatusType = OK UnplannedOutage InMaintenance
SystemStatusResult < Result : SystemStatus:SystemStatusType
VersionInfoResponse : Version:x:string VersionDate:x:dateTime Notes:x:string
! CreateRequest : Options:CreateOptions Objects:APIObject*
! CreateResponse : Results:CreateResult* RequestID:x:string? OverallStatus:x:string
! UpdateRequest : Options:UpdateOptions Objects:APIObject*
! UpdateResponse : Results:UpdateResult* RequestID:x:string? OverallStatus:x:string
! DeleteRequest : Options:DeleteOptions Objects:APIObject*
! DeleteResponse : Results:DeleteResult* RequestID:x:string? OverallStatus:x:string
! RetrieveRequestMsg : RetrieveRequest:RetrieveRequest
! RetrieveResponseMsg : OverallStatus:x:string RequestID:x:string? Results:APIObject?*
! DefinitionRequestMsg : DescribeRequests:ArrayOfObjectDefinitionRequest?
! DefinitionResponseMsg : ObjectDefinition:ObjectDefinition?* RequestID:x:string?
! PerformRequestMsg : Options:PerformOptions? Action:x:string? Definitions?{Definition:APIObject?*}
! PerformResponseMsg : Results?{Result:PerformResult?*} OverallStatus:x:string OverallStatusMessage:x:string RequestID:x:string?
! VersionInfoRequestMsg : IncludeVersionHistory:x:boolean
! VersionInfoResponseMsg : VersionInfo:VersionInfoResponse RequestID:x:string?
! SystemStatusRequestMsg : Options:SystemStatusOptions?
! SystemStatusResponseMsg : Results?{Result:SystemStatusResult?*} OverallStatus:x:string OverallStatusMessage:x:string RequestID:x:string?
";

/// Operation, request element, response element.
const OPERATIONS: [(&str, &str, &str); 8] = [
    ("Create", "CreateRequest", "CreateResponse"),
    ("Retrieve", "RetrieveRequestMsg", "RetrieveResponseMsg"),
    ("Update", "UpdateRequest", "UpdateResponse"),
    ("Delete", "DeleteRequest", "DeleteResponse"),
    ("Describe", "DefinitionRequestMsg", "DefinitionResponseMsg"),
    ("Perform", "PerformRequestMsg", "PerformResponseMsg"),
    ("VersionInfo", "VersionInfoRequestMsg", "VersionInfoResponseMsg"),
    ("GetSystemStatus", "SystemStatusRequestMsg", "SystemStatusResponseMsg"),
];

#[derive(Debug)]
struct Member {
    name: String,
    content: Content,
    optional: bool,
    repeats: bool,
    nillable: bool,
    in_choice: bool,
}

#[derive(Debug)]
enum Content {
    Type(String),
    Inner(Vec<Member>),
}

#[derive(Debug)]
enum Definition {
    Complex { base: Option<String>, members: Vec<Member> },
    Enumeration(Vec<String>),
    Message(Vec<Member>),
}

#[derive(Debug)]
struct Contract {
    definitions: Vec<(String, Definition)>,
    by_name: HashMap<String, usize>,
}

fn contract() -> &'static Contract {
    static PARSED: OnceLock<Contract> = OnceLock::new();
    PARSED.get_or_init(|| {
        let definitions: Vec<(String, Definition)> = CONTRACT.lines().filter(|it| !it.is_empty()).map(definition).collect();
        let by_name = definitions.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        Contract { definitions, by_name }
    })
}

fn definition(line: &str) -> (String, Definition) {
    if let Some((name, values)) = line.split_once(" = ") {
        return (name.to_owned(), Definition::Enumeration(values.split_whitespace().map(str::to_owned).collect()));
    }
    let (head, body) = line.split_once(" :").unwrap_or((line, ""));
    let members = members(body);
    if let Some(name) = head.strip_prefix("! ") {
        return (name.to_owned(), Definition::Message(members));
    }
    match head.split_once(" < ") {
        Some((name, base)) => (name.to_owned(), Definition::Complex { base: Some(base.to_owned()), members }),
        None => (head.to_owned(), Definition::Complex { base: None, members }),
    }
}

fn members(body: &str) -> Vec<Member> {
    let mut all = Vec::new();
    for word in body.split_whitespace() {
        if let Some(choice) = word.strip_prefix('(') {
            let alternatives = choice.trim_end_matches(')').split('|');
            all.extend(alternatives.map(|it| Member { in_choice: true, ..member(it) }));
        } else {
            all.push(member(word));
        }
    }
    all
}

fn member(word: &str) -> Member {
    let (word, inner) = match word.split_once('{') {
        Some((head, inner)) => (head, Some(members(inner.trim_end_matches('}')))),
        None => (word, None),
    };
    let plain = word.trim_end_matches(['?', '*', '~']);
    let marks = &word[plain.len()..];
    let (name, kind) = plain.split_once(':').unwrap_or((plain, ""));
    Member {
        name: name.to_owned(),
        content: inner.map_or_else(|| Content::Type(kind.to_owned()), Content::Inner),
        optional: marks.contains('?'),
        repeats: marks.contains('*'),
        nillable: marks.contains('~'),
        in_choice: false,
    }
}

impl Contract {
    fn get(&self, name: &str) -> Option<&Definition> {
        self.by_name.get(name).map(|at| &self.definitions[*at].1)
    }

    /// Whether an empty element cannot be of that type.
    fn wants_value(&self, content: &Content) -> bool {
        match content {
            Content::Inner(_) => false,
            Content::Type(kind) if kind.starts_with("x:") => kind != "x:string",
            Content::Type(kind) => matches!(self.get(kind), Some(Definition::Enumeration(_))),
        }
    }

    /// Members of a type with those of its bases before them.
    fn members_of(&self, name: &str) -> Vec<&Member> {
        match self.get(name) {
            Some(Definition::Complex { base, members }) => {
                let mut all = base.as_ref().map_or_else(Vec::new, |base| self.members_of(base));
                all.extend(members);
                all
            }
            Some(Definition::Message(members)) => members.iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// Puts a message and all that is in it into the order of the contract. An echoed object may hold anything: what
/// the contract does not know, and blanks where it wants a number, are left out, as a typed server must.
pub fn put_in_order(message: &mut Element) {
    let contract = contract();
    let members = contract.members_of(&message.name);
    tidy(contract, message, &members);
}

fn tidy(contract: &Contract, element: &mut Element, members: &[&Member]) {
    if element.nil {
        element.children.clear();
        return;
    }
    let member_of = |name: &str| members.iter().find(|it| it.name == name);
    element.children.retain_mut(|child| {
        let Some(member) = member_of(&child.name) else { return false };
        if child.nil && !member.nillable {
            child.nil = false;
        }
        if child.kind.as_ref().is_some_and(|it| contract.get(it).is_none()) {
            child.kind = None;
        }
        let blank = child.text.trim().is_empty() && child.children.is_empty() && !child.nil;
        !(blank && member.optional && contract.wants_value(&member.content))
    });
    for member in members.iter().filter(|it| !it.optional && !it.in_choice && !it.repeats) {
        if element.child(&member.name).is_none() {
            element.children.push(Element::new(&member.name));
        }
    }
    element.children.sort_by_key(|it| members.iter().position(|member| member.name == it.name));
    for child in &mut element.children {
        let Some(member) = member_of(&child.name) else { continue };
        let inner = match (&child.kind, &member.content) {
            (Some(kind), _) | (None, Content::Type(kind)) => contract.members_of(kind),
            (None, Content::Inner(inner)) => inner.iter().collect(),
        };
        if inner.is_empty() {
            child.children.clear();
        }
        tidy(contract, child, &inner);
    }
}

/// Whether an element keeps the contract; what is wrong first, with its path.
pub fn check(message: &Element) -> Result<(), String> {
    let contract = contract();
    check_members(contract, message, &contract.members_of(&message.name), &message.name)
}

fn check_members(contract: &Contract, element: &Element, members: &[&Member], path: &str) -> Result<(), String> {
    if element.nil {
        return Ok(());
    }
    for member in members.iter().filter(|it| !it.optional && !it.in_choice && !it.repeats) {
        if element.child(&member.name).is_none() {
            return Err(format!("{path} lacks {}", member.name));
        }
    }
    let mut last = 0;
    for child in &element.children {
        let here = format!("{path}/{}", child.name);
        let at = members.iter().position(|it| it.name == child.name).ok_or_else(|| format!("{here} is unknown"))?;
        if at < last {
            return Err(format!("{here} is out of order"));
        }
        last = at;
        if child.nil && !members[at].nillable {
            return Err(format!("{here} is nil"));
        }
        let inner = match (&child.kind, &members[at].content) {
            (Some(kind), _) | (None, Content::Type(kind)) => contract.members_of(kind),
            (None, Content::Inner(inner)) => inner.iter().collect(),
        };
        check_members(contract, child, &inner, &here)?;
    }
    Ok(())
}

/// The WSDL of the operations and types above, for a service at `address`.
pub fn wsdl(address: &str) -> String {
    let contract = contract();
    let mut out = String::from(
        r#"<?xml version="1.0" encoding="utf-8"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:tns="http://exacttarget.com/wsdl/partnerAPI" targetNamespace="http://exacttarget.com/wsdl/partnerAPI">
<types>
<xsd:schema elementFormDefault="qualified" targetNamespace="http://exacttarget.com/wsdl/partnerAPI">
"#,
    );
    for (name, definition) in &contract.definitions {
        match definition {
            Definition::Enumeration(values) => {
                let _ = write!(out, r#"<xsd:simpleType name="{name}"><xsd:restriction base="xsd:string">"#);
                for value in values {
                    let _ = write!(out, r#"<xsd:enumeration value="{value}"/>"#);
                }
                out.push_str("</xsd:restriction></xsd:simpleType>\n");
            }
            Definition::Complex { base, members } => {
                let _ = write!(out, r#"<xsd:complexType name="{name}">"#);
                match base {
                    Some(base) => {
                        let _ = write!(out, r#"<xsd:complexContent><xsd:extension base="tns:{base}">"#);
                        sequence(&mut out, members);
                        out.push_str("</xsd:extension></xsd:complexContent>");
                    }
                    None => sequence(&mut out, members),
                }
                out.push_str("</xsd:complexType>\n");
            }
            Definition::Message(members) => {
                let _ = write!(out, r#"<xsd:element name="{name}"><xsd:complexType>"#);
                sequence(&mut out, members);
                out.push_str("</xsd:complexType></xsd:element>\n");
            }
        }
    }
    out.push_str("</xsd:schema>\n</types>\n");
    for (_, request, response) in OPERATIONS {
        for element in [request, response] {
            let _ = writeln!(out, r#"<message name="{element}"><part name="parameters" element="tns:{element}"/></message>"#);
        }
    }
    out.push_str("<portType name=\"Soap\">\n");
    for (operation, request, response) in OPERATIONS {
        let _ = writeln!(
            out,
            r#"<operation name="{operation}"><input message="tns:{request}"/><output message="tns:{response}"/></operation>"#
        );
    }
    out.push_str("</portType>\n<binding name=\"SoapBinding\" type=\"tns:Soap\">\n");
    out.push_str("<soap:binding style=\"document\" transport=\"http://schemas.xmlsoap.org/soap/http\"/>\n");
    for (operation, _, _) in OPERATIONS {
        let _ = writeln!(
            out,
            r#"<operation name="{operation}"><soap:operation soapAction="{operation}"/><input><soap:body parts="parameters" use="literal"/></input><output><soap:body use="literal"/></output></operation>"#
        );
    }
    let address = quick_xml::escape::escape(address);
    let _ = write!(
        out,
        r#"</binding>
<service name="PartnerAPI"><port name="Soap" binding="tns:SoapBinding"><soap:address location="{address}"/></port></service>
</definitions>
"#
    );
    out
}

fn sequence(out: &mut String, members: &[Member]) {
    out.push_str("<xsd:sequence>");
    let choice: Vec<&Member> = members.iter().filter(|it| it.in_choice).collect();
    if !choice.is_empty() {
        out.push_str("<xsd:choice>");
        choice.into_iter().for_each(|it| element(out, it));
        out.push_str("</xsd:choice>");
    }
    members.iter().filter(|it| !it.in_choice).for_each(|it| element(out, it));
    out.push_str("</xsd:sequence>");
}

fn element(out: &mut String, member: &Member) {
    let _ = write!(out, r#"<xsd:element name="{}""#, member.name);
    if member.optional {
        out.push_str(r#" minOccurs="0""#);
    }
    if member.repeats {
        out.push_str(r#" maxOccurs="unbounded""#);
    }
    if member.nillable {
        out.push_str(r#" nillable="true""#);
    }
    match &member.content {
        Content::Type(kind) => {
            let kind = kind.strip_prefix("x:").map_or_else(|| format!("tns:{kind}"), |it| format!("xsd:{it}"));
            let _ = write!(out, r#" type="{kind}"/>"#);
        }
        Content::Inner(inner) => {
            out.push_str("><xsd:complexType>");
            sequence(out, inner);
            out.push_str("</xsd:complexType></xsd:element>");
        }
    }
}
