"""One boto3 operation a call, with boto3's default settings: boto.py ENDPOINT COMMAND ARGS..."""
import sys
import boto3
from botocore.config import Config

endpoint, command, *args = sys.argv[1:]
signature = {"presign4": Config(signature_version="s3v4")}.get(command)
s3 = boto3.client("s3", endpoint_url=endpoint, config=signature)

if command == "mkbucket":
    s3.create_bucket(Bucket=args[0])
elif command == "rmbucket":
    s3.delete_bucket(Bucket=args[0])
elif command == "put":
    file, bucket, key = args
    s3.upload_file(file, bucket, key)
elif command == "get":
    bucket, key, file = args
    s3.download_file(bucket, key, file)
elif command == "list":
    bucket, prefix = args
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": 2}):
        for o in page.get("Contents", []):
            print(o["Key"])
elif command == "copy":
    bucket, source, key = args
    s3.copy({"Bucket": bucket, "Key": source}, bucket, key)
elif command == "delete":
    bucket, key = args
    s3.delete_object(Bucket=bucket, Key=key)
elif command in ("presign", "presign4"):
    bucket, key = args
    print(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=600))
else:
    sys.exit(f"unknown command {command}")
