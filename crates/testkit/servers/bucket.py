"""Looks at a server past our own client: bucket.py ENDPOINT REGION COMMAND ...

    account POLICY                          makes a user under a policy; prints its keys as JSON
    make ACCESS_KEY SECRET BUCKET           makes a bucket
    get ACCESS_KEY SECRET BUCKET KEY        prints an object
    put ACCESS_KEY SECRET BUCKET KEY        makes an object of standard input
    list ACCESS_KEY SECRET BUCKET           prints the keys of all objects, and unfinished uploads, one per line
"""

import json
import sys

import boto3

endpoint, region, command, *arguments = sys.argv[1:]


def client(service, key, secret):
    return boto3.client(
        service, endpoint_url=endpoint, region_name=region, aws_access_key_id=key, aws_secret_access_key=secret
    )


if command == "account":
    iam = client("iam", "nobody", "nothing")
    iam.create_user(UserName="outflow")
    made = iam.create_access_key(UserName="outflow")["AccessKey"]
    statement = {"Effect": "Allow", "Action": arguments[0].split(","), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="outflow", PolicyName="outflow", PolicyDocument=policy)
    print(json.dumps({"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}))
else:
    key, secret, bucket, *rest = arguments
    s3 = client("s3", key, secret)
    if command == "make":
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
    elif command == "get":
        sys.stdout.buffer.write(s3.get_object(Bucket=bucket, Key=rest[0])["Body"].read())
    elif command == "put":
        s3.put_object(Bucket=bucket, Key=rest[0], Body=sys.stdin.buffer.read())
    elif command == "list":
        for found in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            print(found["Key"])
        for found in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            print("unfinished", found["Key"])
