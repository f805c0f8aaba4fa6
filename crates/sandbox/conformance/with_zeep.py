"""The whole way by zeep, which is strict: it refuses an element the WSDL does not have at that place.

Every SOAP answer is also validated against the schema inside the WSDL, by lxml.
"""

import lxml.etree as etree
import requests
import zeep
from zeep.plugins import Plugin

from facts import FTP, ROWS, csv_bytes, fact, poll, put_by_sftp, ready, refused, s3

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
PARTNER = "http://exacttarget.com/wsdl/partnerAPI"
settings = ready()


class Judge(Plugin):
    """Holds every answer against the schema."""

    def __init__(self, wsdl):
        schemas = etree.fromstring(wsdl).findall(".//{http://www.w3.org/2001/XMLSchema}schema")
        wanted = [it for it in schemas if it.get("targetNamespace") == PARTNER]
        self.schema = etree.XMLSchema(etree.fromstring(etree.tostring(wanted[0])))
        self.valid = 0

    def ingress(self, envelope, http_headers, operation):
        for payload in envelope.find(f"{SOAP}Body"):
            if payload.tag == f"{SOAP}Fault":
                continue
            if not self.schema.validate(etree.fromstring(etree.tostring(payload))):
                faults = [f"{it.line}: {it.message}" for it in self.schema.error_log]
                fact(f"the answer of {operation.name} is valid", faults, [])
            self.valid += 1
        return envelope, http_headers


wsdl_url = settings["soap_url"] + "etframework.wsdl"
wsdl = requests.get(wsdl_url, timeout=30)
fact("zeep: the WSDL is served", wsdl.status_code, 200)
judge = Judge(wsdl.content)
client = zeep.Client(wsdl_url, plugins=[judge], settings=zeep.Settings(strict=True))
types = client.type_factory(PARTNER)
credentials = {key: settings[key] for key in ("client_id", "client_secret", "account_id")}
answer = requests.post(settings["auth_url"] + "v2/token", json=credentials | {"grant_type": "client_credentials"}, timeout=30)
token = answer.json()
fact("zeep: a token is given", (answer.status_code, token["token_type"]), (200, "Bearer"))
fact("zeep: the instance URL ends in a slash", token["soap_instance_url"], settings["soap_url"])


def header(text):
    element = etree.Element("{http://exacttarget.com}fueloauth")
    element.text = text
    return [element]


def call(operation, **arguments):
    return getattr(client.service, operation)(_soapheaders=header(token["access_token"]), **arguments)


def retrieve(kind, properties, where=None, **more):
    request = types.RetrieveRequest(ObjectType=kind, Properties=properties, Filter=where, **more)
    return call("Retrieve", RetrieveRequest=request)


def equals(property, *values):
    return types.SimpleFilterPart(Property=property, SimpleOperator="equals", Value=list(values))


def field(name, **more):
    return types.DataExtensionField(Name=name, FieldType="Text", **more)


refused(
    "zeep: a wrong token is the fault `Token Expired`",
    lambda: client.service.Retrieve(
        _soapheaders=header("nonsense"), RetrieveRequest=types.RetrieveRequest(ObjectType="DataExtension", Properties=["Name"])
    ),
    "Token Expired",
)

# The data extension.
fields = [field("Id", MaxLength=36, IsPrimaryKey=True, IsRequired=True), field("Name", MaxLength=50)]
members = types.DataExtension(CustomerKey="members", Name="Members", Fields={"Field": fields})
created = call("Create", Options=types.CreateOptions(), Objects=[members])
fact("zeep: a data extension is created", (created["OverallStatus"], created["Results"][0]["StatusCode"]), ("OK", "OK"))
again = call("Create", Options=types.CreateOptions(), Objects=[members])
fact("zeep: a second one of that key is not", again["Results"][0]["StatusCode"], "Error")
city = types.DataExtension(CustomerKey="members", Fields={"Field": [field("City", MaxLength=50)]})
updated = call("Update", Options=types.UpdateOptions(), Objects=[city])
fact("zeep: a field is added", (updated["OverallStatus"], updated["Results"][0]["StatusCode"]), ("OK", "OK"))
found = retrieve("DataExtension", ["CustomerKey", "Name", "ObjectID", "IsSendable"], equals("CustomerKey", "members"))
fact("zeep: it is found by its key", [it["Name"] for it in found["Results"]], ["Members"])
columns = retrieve(
    "DataExtensionField",
    ["Name", "FieldType", "MaxLength", "IsPrimaryKey", "IsRequired", "Ordinal", "ObjectID", "CustomerKey"],
    equals("DataExtension.CustomerKey", "members"),
)
fact(
    "zeep: its fields are as they were made",
    sorted((it["Name"], it["FieldType"], it["MaxLength"], it["IsPrimaryKey"]) for it in columns["Results"]),
    [("City", "Text", 50, False), ("Id", "Text", 36, True), ("Name", "Text", 50, False)],
)
described = call("Describe", DescribeRequests={"ObjectDefinitionRequest": [{"ObjectType": "DataExtensionField"}]})
fact("zeep: an object type is described", described["ObjectDefinition"][0]["ObjectType"], "DataExtensionField")
unknown = retrieve("NoSuchThing", ["Name"])
fact(
    "zeep: an unknown object type is said in OverallStatus",
    unknown["OverallStatus"],
    "Error: Unable to find a handler for object type: NoSuchThing. Object types are case-sensitive, check spelling.",
)
folders = retrieve("DataFolder", ["ID", "Name", "ContentType"], equals("ContentType", "dataextension"))
fact("zeep: the root folder is there", [it["Name"] for it in folders["Results"]], ["Data Extensions"])

# A file by SFTP, and one in the bucket.
put_by_sftp(settings["sftp"], "first.csv", csv_bytes())
relocated = [row | {"City": "Elsewhere"} for row in ROWS[:2]]
second = {"Bucket": settings["s3"]["bucket"], "Key": "second.csv"}
s3(settings["s3"]).put_object(**second, Body=csv_bytes(relocated))


def definition(key, file, location):
    return types.ImportDefinition(
        CustomerKey=key,
        Name=key,
        AllowErrors=True,
        DestinationObject=types.DataExtension(CustomerKey="members"),
        FieldMappingType="ManualMap",
        FieldMaps={"FieldMap": [{"SourceName": it, "DestinationName": it} for it in ROWS[0]]},
        FileSpec=file,
        FileType="CSV",
        RetrieveFileTransferLocation=types.FileTransferLocation(CustomerKey=location),
        UpdateType="AddAndUpdate",
        HeaderLines=1,
        StandardQuotedStrings=True,
        DateFormattingLocale=types.Locale(LocaleCode="en-US"),
    )


RESULT = ["ImportDefinitionCustomerKey", "TaskResultID", "ImportStatus", "StartDate", "EndDate", "DestinationID"]
RESULT += ["NumberSuccessful", "NumberDuplicated", "NumberErrors", "TotalRows", "ImportType"]


def run(key, file, location):
    made = call("Create", Options=types.CreateOptions(), Objects=[definition(key, file, location)])
    fact(f"zeep: import definition `{key}` is created", made["Results"][0]["StatusCode"], "OK")
    started = call(
        "Perform",
        Options=types.PerformOptions(),
        Action="start",
        Definitions={"Definition": [types.ImportDefinition(CustomerKey=key)]},
    )
    fact(f"zeep: `{key}` starts", started["OverallStatus"], "OK")
    task = started["Results"]["Result"][0]["Task"]["ID"]

    def ended():
        rows = retrieve("ImportResultsSummary", RESULT, equals("TaskResultID", task))["Results"]
        return next((it for it in rows or [] if it["ImportStatus"] in ("Completed", "Error")), None)

    result = poll(ended)
    return result["ImportStatus"], result["TotalRows"], result["NumberSuccessful"], result["NumberErrors"]


def rows():
    answer = retrieve("DataExtensionObject[members]", list(ROWS[0]))
    read = [{it["Name"]: it["Value"] for it in row["Properties"]["Property"]} for row in answer["Results"]]
    return sorted(read, key=lambda row: row["Id"])


fact("zeep: the file of the SFTP is imported", run("by_sftp", "first.csv", FTP), ("Completed", 3, 3, 0))
fact("zeep: the rows are read back", rows(), ROWS)
location = settings["s3"]["file_location_key"]
fact("zeep: the file of the bucket is imported", run("by_bucket", "second.csv", location), ("Completed", 2, 2, 0))
fact("zeep: rows were updated, none was lost", rows(), relocated + ROWS[2:])
paged = retrieve("DataExtensionObject[members]", ["Id"], Options=types.RetrieveOptions(BatchSize=2))
fact("zeep: a page that is not the last says so", (paged["OverallStatus"], len(paged["Results"])), ("MoreDataAvailable", 2))
rest = call("Retrieve", RetrieveRequest=types.RetrieveRequest(ObjectType="DataExtensionObject[members]", Properties=["Id"], ContinueRequest=paged["RequestID"]))
fact("zeep: the next page is the rest", (rest["OverallStatus"], len(rest["Results"])), ("OK", 1))
deleted = call("Delete", Options=types.DeleteOptions(), Objects=[types.DataExtension(CustomerKey="members")])
fact("zeep: the data extension is deleted", deleted["Results"][0]["StatusCode"], "OK")
fact("zeep: every SOAP answer was valid by the WSDL's schema", 15 <= judge.valid)
