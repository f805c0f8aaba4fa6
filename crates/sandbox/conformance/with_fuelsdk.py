"""The whole way by Salesforce's own Python SDK (as `Salesforce-FuelSDK-Sans`, which still installs), over suds."""

import os
import sys

from FuelSDK import ET_Client, ET_DataExtension, ET_DataExtension_Column, ET_DataExtension_Row
from FuelSDK.rest import ET_Get, ET_Post

from facts import FTP, ROWS, csv_bytes, fact, poll, put_by_sftp, ready, s3

settings = ready()
client = ET_Client(
    params={
        "clientid": settings["client_id"],
        "clientsecret": settings["client_secret"],
        "accountId": settings["account_id"],
        "authenticationurl": settings["auth_url"].rstrip("/"),
        "useOAuth2Authentication": "True",
        "defaultwsdl": settings["soap_url"] + "etframework.wsdl",
        "wsdl_file_local_loc": os.path.join(sys.argv[2], "etframework.wsdl"),
    }
)
fact("FuelSDK: the token names the SOAP endpoint", client.soap_endpoint.lower(), settings["soap_url"].lower() + "service.asmx")


def of(kind, **members):
    it = kind()
    it.auth_stub = client
    for name, value in members.items():
        setattr(it, name, value)
    return it


text = lambda name, length, **more: {"Name": name, "FieldType": "Text", "MaxLength": str(length), **more}
key = {"CustomerKey": "members", "Name": "members"}
columns = [text("Id", 36, IsPrimaryKey="true", IsRequired="true"), text("Name", 50)]
created = of(ET_DataExtension, props=dict(key), columns=columns).post()
fact("FuelSDK: a data extension is created", (created.status, created.results[0].StatusCode), (True, "OK"))
updated = of(ET_DataExtension, props={"CustomerKey": "members"}, columns=[text("City", 50)]).patch()
fact("FuelSDK: a field is added", (updated.status, updated.results[0].StatusCode), (True, "OK"))
found = of(
    ET_DataExtension,
    props=["CustomerKey", "Name"],
    search_filter={"Property": "CustomerKey", "SimpleOperator": "equals", "Value": "members"},
).get()
fact("FuelSDK: it is found by its key", [it.Name for it in found.results], ["members"])
# Without properties the SDK describes the type first and then asks for all that is retrievable.
fields = of(
    ET_DataExtension_Column,
    search_filter={"Property": "DataExtension.CustomerKey", "SimpleOperator": "equals", "Value": "members"},
).get()
fact("FuelSDK: its fields, with all their properties", sorted(it.Name for it in fields.results), ["City", "Id", "Name"])


def run(name, file, location):
    definition = {
        "CustomerKey": name,
        "Name": name,
        "AllowErrors": "true",
        "DestinationObject": client.soap_client.factory.create("DataExtension"),
        "FieldMappingType": "InferFromColumnHeadings",
        "FileSpec": file,
        "FileType": "CSV",
        "RetrieveFileTransferLocation": {"CustomerKey": location},
        "UpdateType": "AddAndUpdate",
        "HeaderLines": "1",
        "StandardQuotedStrings": "true",
    }
    definition["DestinationObject"].CustomerKey = "members"
    made = ET_Post(client, "ImportDefinition", definition)
    fact(f"FuelSDK: import definition `{name}` is created", (made.status, made.results[0].StatusCode), (True, "OK"))
    target = client.soap_client.factory.create("ImportDefinition")
    target.CustomerKey = name
    code, answer = client.soap_client.service.Perform(None, "start", {"Definition": [target]})
    fact(f"FuelSDK: `{name}` starts", (code, answer["OverallStatus"]), (200, "OK"))
    task = answer["Results"]["Result"][0]["Task"]["ID"]

    def ended():
        wanted = {"Property": "TaskResultID", "SimpleOperator": "equals", "Value": task}
        properties = ["TaskResultID", "ImportStatus", "TotalRows", "NumberSuccessful", "NumberErrors"]
        answer = ET_Get(client, "ImportResultsSummary", properties, wanted)
        return next((it for it in answer.results if it.ImportStatus in ("Completed", "Error")), None)

    result = poll(ended)
    return str(result.ImportStatus), int(result.TotalRows), int(result.NumberSuccessful), int(result.NumberErrors)


def rows():
    answer = of(ET_DataExtension_Row, CustomerKey="members", Name="members", props=list(ROWS[0])).get()
    read = [{str(it.Name): str(it.Value) for it in row.Properties.Property} for row in answer.results]
    return sorted(read, key=lambda row: row["Id"])


put_by_sftp(settings["sftp"], "first.csv", csv_bytes())
fact("FuelSDK: the file of the SFTP is imported", run("by_sftp", "first.csv", FTP), ("Completed", 3, 3, 0))
fact("FuelSDK: the rows are read back", rows(), ROWS)
other = {"Id": "10", "Name": "Katherine", "City": "Hampton"}
s3(settings["s3"]).put_object(Bucket=settings["s3"]["bucket"], Key="second.csv", Body=csv_bytes([other]))
location = settings["s3"]["file_location_key"]
fact("FuelSDK: the file of the bucket is imported", run("by_bucket", "second.csv", location), ("Completed", 1, 1, 0))
posted = of(ET_DataExtension_Row, CustomerKey="members", Name="members", props={"Id": "11", "Name": "Dorothy", "City": "Kansas"}).post()
fact("FuelSDK: a row is created", (posted.status, posted.results[0].StatusCode), (True, "OK"))
fact("FuelSDK: all rows are there", [row["Id"] for row in rows()], ["0007", "10", "11", "8", "9"])
deleted = of(ET_DataExtension, props={"CustomerKey": "members"}).delete()
fact("FuelSDK: the data extension is deleted", (deleted.status, deleted.results[0].StatusCode), (True, "OK"))
