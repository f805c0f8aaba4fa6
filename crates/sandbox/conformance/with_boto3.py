"""The S3 door, met by boto3."""

import io
import os

from boto3.s3.transfer import TransferConfig

from facts import fact, ready, refused, s3

settings = ready()["s3"]
bucket = settings["bucket"]
client = s3(settings)
key = "my/path/ünïc ode+&.csv"
client.put_object(Bucket=bucket, Key=key, Body=b"hello")
fact("boto3: the bytes come back", client.get_object(Bucket=bucket, Key=key)["Body"].read(), b"hello")
part = client.get_object(Bucket=bucket, Key=key, Range="bytes=1-3")
fact("boto3: a range is a part", (part["Body"].read(), part["ContentRange"]), (b"ell", "bytes 1-3/5"))
names = lambda answer: [it["Key"] for it in answer["Contents"]]
fact("boto3: an odd key is listed as it is (v2)", names(client.list_objects_v2(Bucket=bucket)), [key])
fact("boto3: an odd key is listed as it is (v1)", names(client.list_objects(Bucket=bucket)), [key])
refused(
    "boto3: If-None-Match: * does not replace",
    lambda: client.put_object(Bucket=bucket, Key=key, Body=b"x", IfNoneMatch="*"),
    "PreconditionFailed",
)
big = os.urandom(17 << 20)
client.upload_fileobj(io.BytesIO(big), bucket, "in/big", Config=TransferConfig(multipart_threshold=8 << 20))
fact("boto3: parts become one object", client.get_object(Bucket=bucket, Key="in/big")["Body"].read() == big)
fact("boto3: its tag tells the parts", client.head_object(Bucket=bucket, Key="in/big")["ETag"].endswith('-3"'))
client.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
fact("boto3: a copy has the same tag", *(client.head_object(Bucket=bucket, Key=it)["ETag"] for it in ("copy", key)))
pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
fact("boto3: pages join", [name for page in pages for name in names(page)], ["copy", "in/big", key])
rolled = client.list_objects_v2(Bucket=bucket, Delimiter="/")
fact("boto3: prefixes roll up", [it["Prefix"] for it in rolled["CommonPrefixes"]], ["in/", "my/"])
for checksum in ("CRC32", "CRC32C", "SHA1", "SHA256"):
    try:
        client.put_object(Bucket=bucket, Key="sum", Body=b"hello", ChecksumAlgorithm=checksum)
    except Exception as error:
        if "MissingDependency" in type(error).__name__:
            continue
        raise
    fact(f"boto3: a {checksum} sum is taken", client.head_object(Bucket=bucket, Key="sum")["ContentLength"], 5)
gone = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": it} for it in ("copy", "sum", "never")]})
fact("boto3: removing many, also what is not there", len(gone["Deleted"]), 3)
url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60)
import requests

fact("boto3: a signed URL opens the object", requests.get(url, timeout=30).content, b"hello")
refused("boto3: a wrong secret", lambda: s3(settings, secret="wrong").list_objects_v2(Bucket=bucket), "SignatureDoesNotMatch")
refused("boto3: a wrong region", lambda: s3(settings, region="us-east-1").list_objects_v2(Bucket=bucket), "AuthorizationHeaderMalformed")
refused("boto3: a missing bucket", lambda: client.put_object(Bucket="nothing-here", Key="a", Body=b""), "NoSuchBucket")
refused("boto3: a missing key", lambda: client.get_object(Bucket=bucket, Key="nothing"), "NoSuchKey")
