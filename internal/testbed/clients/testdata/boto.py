"""The rows of boto3, with its default settings: boto.py ENDPOINT PROXY BUCKET DIR. Prints a line "ok NAME" or "FAIL NAME: why" a row."""
import hashlib
import io
import json
import os
import sys
import urllib.error
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, proxy, bucket, directory = sys.argv[1:]
s3 = boto3.client("s3")
ODD = ["a b+c&d=e (1) 100%25 'q'.txt", "ünï/日本語.txt", "sl//ash", "trailing/", ".", "é\u0301", "%41", "\U0001f600", "x" * 900]
BIG = os.path.join(directory, "big")
rows = []


def row(f):
    rows.append((f.__doc__, f))


def code(want, f, *args, **kwargs):
    """code wants a call to fail with that code."""
    try:
        f(*args, **kwargs)
    except ClientError as e:
        got = e.response["Error"]["Code"]
        assert got == want, f"got {got}, want {want}"
        return
    raise AssertionError(f"succeeded, want {want}")


def fetch(url, method="GET", body=None, headers={}):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method=method, headers=headers)) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def read(key, name=bucket, **kwargs):
    return s3.get_object(Bucket=name, Key=key, **kwargs)["Body"].read()


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").digest()


@row
def _():
    "make bucket"
    s3.create_bucket(Bucket=bucket)
    s3.head_bucket(Bucket=bucket)
    code("InvalidBucketName", boto3.client("s3").create_bucket, Bucket="192.168.1.1")
    s3.get_waiter("bucket_exists").wait(Bucket=bucket)


@row
def _():
    "list buckets"
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert bucket in [b.name for b in boto3.resource("s3").buckets.all()]


@row
def _():
    "location"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


@row
def _():
    "put"
    s3.put_object(Bucket=bucket, Key="hello.txt", Body=b"hello\n", ContentType="text/x-raw", Metadata={"color": "blue"})
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    s3.upload_file(os.path.join(directory, "hello.txt"), bucket, "file", ExtraArgs={"ContentLanguage": "en"})


@row
def _():
    "put odd keys"
    for key in ODD:
        s3.put_object(Bucket=bucket, Key="odd/" + key, Body=key.encode())


@row
def _():
    "put multipart"
    s3.upload_file(BIG, bucket, "big")
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-3"')


@row
def _():
    "put from a pipe"
    s3.upload_fileobj(io.BytesIO(b"hello\n"), bucket, "piped")
    s3.put_object(Bucket=bucket, Key="stream", Body=open(BIG, "rb"))


@row
def _():
    "put with checksums"
    for name in ["CRC32", "SHA1", "SHA256"]:
        s3.put_object(Bucket=bucket, Key="sum/" + name, Body=b"hello\n", ChecksumAlgorithm=name)
        assert s3.head_object(Bucket=bucket, Key="sum/" + name, ChecksumMode="ENABLED")["Checksum" + name]
    code("BadDigest", s3.put_object, Bucket=bucket, Key="sum/bad", Body=b"hello\n", ChecksumCRC32="AAAAAA==")


@row
def _():
    "put on condition"
    s3.put_object(Bucket=bucket, Key="once", Body=b"1", IfNoneMatch="*")
    code("PreconditionFailed", s3.put_object, Bucket=bucket, Key="once", Body=b"2", IfNoneMatch="*")
    etag = s3.head_object(Bucket=bucket, Key="once")["ETag"]
    s3.put_object(Bucket=bucket, Key="once", Body=b"2", IfMatch=etag)
    code("PreconditionFailed", s3.put_object, Bucket=bucket, Key="once", Body=b"3", IfMatch=etag)


@row
def _():
    "get"
    assert read("hello.txt") == b"hello\n" and read("empty") == b""
    s3.download_file(bucket, "big", "got")
    assert digest("got") == digest(BIG)
    assert hashlib.sha256(read("stream")).digest() == digest(BIG)
    code("NoSuchKey", read, "missing")


@row
def _():
    "get odd keys"
    for key in ODD:
        assert read("odd/" + key) == key.encode(), key


@row
def _():
    "get range"
    r = s3.get_object(Bucket=bucket, Key="hello.txt", Range="bytes=-3")
    assert r["Body"].read() == b"lo\n" and r["ContentRange"] == "bytes 3-5/6"
    assert len(s3.get_object(Bucket=bucket, Key="big", PartNumber=2)["Body"].read()) == 8 << 20
    code("InvalidRange", read, "hello.txt", Range="bytes=100-")


@row
def _():
    "get on condition"
    etag = s3.head_object(Bucket=bucket, Key="hello.txt")["ETag"]
    code("304", s3.get_object, Bucket=bucket, Key="hello.txt", IfNoneMatch=etag)
    code("PreconditionFailed", s3.get_object, Bucket=bucket, Key="hello.txt", IfMatch='"0"')
    assert s3.get_object(Bucket=bucket, Key="hello.txt", ResponseContentType="text/other")["ContentType"] == "text/other"


@row
def _():
    "head"
    h = s3.head_object(Bucket=bucket, Key="hello.txt")
    assert h["ContentType"] == "text/x-raw" and h["Metadata"] == {"color": "blue"} and h["ContentLength"] == 6
    code("404", s3.head_object, Bucket=bucket, Key="missing")


@row
def _():
    "attributes"
    a = s3.get_object_attributes(Bucket=bucket, Key="big", ObjectAttributes=["ETag", "ObjectSize", "ObjectParts", "Checksum", "StorageClass"])
    assert a["ObjectSize"] == 20 << 20 and a["ObjectParts"]["TotalPartsCount"] == 3, a


@row
def _():
    "list"
    r = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert "odd/" in [p["Prefix"] for p in r["CommonPrefixes"]] and "hello.txt" in [o["Key"] for o in r["Contents"]]
    r = s3.list_objects(Bucket=bucket, Delimiter="/", Marker="empty", MaxKeys=1)
    assert r["Contents"][0]["Key"] == "file" and r["IsTruncated"] and r["NextMarker"] == "file", r


@row
def _():
    "list recursively"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="odd/", PaginationConfig={"PageSize": 2})
    assert [o["Key"] for p in pages for o in p["Contents"]] == sorted(("odd/" + k for k in ODD), key=str.encode)
    pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, Prefix="odd/", PaginationConfig={"PageSize": 2})
    assert len([o["Key"] for p in pages for o in p["Contents"]]) == len(ODD)


@row
def _():
    "copy"
    s3.copy({"Bucket": bucket, "Key": "odd/" + ODD[0]}, bucket, "copied/" + ODD[0])
    assert read("copied/" + ODD[0]) == ODD[0].encode()
    s3.copy_object(Bucket=bucket, Key="red", CopySource={"Bucket": bucket, "Key": "hello.txt"}, MetadataDirective="REPLACE", Metadata={"color": "red"})
    assert s3.head_object(Bucket=bucket, Key="red")["Metadata"] == {"color": "red"}
    code("PreconditionFailed", s3.copy_object, Bucket=bucket, Key="c", CopySource=f"{bucket}/hello.txt", CopySourceIfMatch="x")


@row
def _():
    "copy multipart"
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "big.copy", Config=TransferConfig(multipart_threshold=8 << 20))
    s3.download_file(bucket, "big.copy", "got")
    assert digest("got") == digest(BIG)


@row
def _():
    "multipart by hand"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", ChecksumAlgorithm="SHA256")
    at = {"Bucket": bucket, "Key": "parts", "UploadId": upload["UploadId"]}
    parts = []
    for n, body in [(1, b"x" * (5 << 20)), (3, b"end")]:
        p = s3.upload_part(PartNumber=n, Body=body, ChecksumAlgorithm="SHA256", **at)
        parts.append({"PartNumber": n, "ETag": p["ETag"], "ChecksumSHA256": p["ChecksumSHA256"]})
    assert [p["PartNumber"] for p in s3.list_parts(**at)["Parts"]] == [1, 3]
    assert upload["UploadId"] in [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]]
    code("InvalidPart", s3.complete_multipart_upload, MultipartUpload={"Parts": [{"PartNumber": 2, "ETag": "0"}]}, **at)
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **at)
    assert s3.head_object(Bucket=bucket, Key="parts")["ContentLength"] == (5 << 20) + 3
    id = s3.create_multipart_upload(Bucket=bucket, Key="none")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="none", UploadId=id)
    code("NoSuchUpload", s3.list_parts, Bucket=bucket, Key="none", UploadId=id)


@row
def _():
    "presigned get"
    for config in [None, Config(signature_version="s3v4"), Config(signature_version="s3")]:
        url = boto3.client("s3", config=config).generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "odd/" + ODD[0]}, ExpiresIn=600)
        assert fetch(url) == (200, ODD[0].encode()), url
        assert fetch(url.replace("Signature=", "Signature=0"))[0] == 403
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "missing"})
    assert fetch(url)[0] == 404


@row
def _():
    "presigned put"
    for config in [None, Config(signature_version="s3v4")]:
        url = boto3.client("s3", config=config).generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "signed", "ContentType": "text/x"})
        assert fetch(url, "PUT", b"by url", {"Content-Type": "text/x"})[0] == 200
        assert read("signed") == b"by url"


@row
def _():
    "post form"
    for config in [None, Config(signature_version="s3v4")]:
        form = boto3.client("s3", config=config).generate_presigned_post(bucket, "form/${filename}", Conditions=[["starts-with", "$key", "form/"]])
        fields = {**form["fields"], "key": "form/${filename}"}
        body = b"".join(f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items())
        body += b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nby form\r\n--b--\r\n'
        status, answer = fetch(form["url"], "POST", body, {"Content-Type": "multipart/form-data; boundary=b"})
        assert status == 204 and read("form/a.txt") == b"by form", answer


@row
def _():
    "tags of objects"
    tags = [{"Key": "a", "Value": "1"}, {"Key": "é b", "Value": ""}]
    s3.put_object_tagging(Bucket=bucket, Key="hello.txt", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="hello.txt")["TagSet"] == tags
    assert s3.get_object(Bucket=bucket, Key="hello.txt")["TagCount"] == 2
    s3.copy_object(Bucket=bucket, Key="tagged", CopySource=f"{bucket}/hello.txt", TaggingDirective="REPLACE", Tagging="x=y")
    assert s3.get_object_tagging(Bucket=bucket, Key="tagged")["TagSet"] == [{"Key": "x", "Value": "y"}]
    s3.delete_object_tagging(Bucket=bucket, Key="hello.txt")
    assert s3.get_object_tagging(Bucket=bucket, Key="hello.txt")["TagSet"] == []


@row
def _():
    "tags of buckets"
    code("NoSuchTagSet", s3.get_bucket_tagging, Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "storage"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"][0]["Value"] == "storage"
    s3.delete_bucket_tagging(Bucket=bucket)


@row
def _():
    "public access block"
    block = {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block
    code("AccessDenied", s3.put_bucket_policy, Bucket=bucket, Policy=policy("hello.txt"))
    s3.delete_public_access_block(Bucket=bucket)


@row
def _():
    "ACLs"
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.put_object_acl(Bucket=bucket, Key="hello.txt", ACL="public-read")
    assert sorted(g["Permission"] for g in s3.get_object_acl(Bucket=bucket, Key="hello.txt")["Grants"]) == ["FULL_CONTROL", "READ"]
    assert fetch(f"{endpoint}/{bucket}/hello.txt") == (200, b"hello\n")
    acl = s3.get_object_acl(Bucket=bucket, Key="hello.txt")
    s3.put_object_acl(Bucket=bucket, Key="hello.txt", AccessControlPolicy={"Owner": acl["Owner"], "Grants": [g for g in acl["Grants"] if g["Permission"] == "FULL_CONTROL"]})
    assert fetch(f"{endpoint}/{bucket}/hello.txt")[0] == 403
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert fetch(f"{endpoint}/{bucket}")[0] == 200
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert fetch(f"{endpoint}/{bucket}")[0] == 403
    s3.delete_bucket_ownership_controls(Bucket=bucket)


def policy(key):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/{key}"}]})


@row
def _():
    "policy"
    code("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy("hello.txt"))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy("hello.txt"))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]
    assert fetch(f"{endpoint}/{bucket}/hello.txt") == (200, b"hello\n") and fetch(f"{endpoint}/{bucket}/empty")[0] == 403
    s3.delete_bucket_policy(Bucket=bucket)
    code("MalformedPolicy", s3.put_bucket_policy, Bucket=bucket, Policy="{}")


@row
def _():
    "CORS"
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.example.com"]}]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"][0]["AllowedMethods"] == ["GET"]
    ask = {"Origin": "https://www.example.com", "Access-Control-Request-Method": "GET"}
    assert fetch(f"{endpoint}/{bucket}/hello.txt", "OPTIONS", headers=ask)[0] == 200
    assert fetch(f"{endpoint}/{bucket}/hello.txt", "OPTIONS", headers={**ask, "Origin": "https://other"})[0] == 403
    s3.delete_bucket_cors(Bucket=bucket)


@row
def _():
    "lifecycle"
    rules = [{"ID": "old", "Status": "Enabled", "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "b"}]}}, "Expiration": {"Days": 30}},
             {"ID": "parts", "Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}}]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    s3.delete_bucket_lifecycle(Bucket=bucket)


@row
def _():
    "website"
    config = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}}
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=config)
    got = s3.get_bucket_website(Bucket=bucket)
    assert {k: got[k] for k in config} == config
    s3.delete_bucket_website(Bucket=bucket)


@row
def _():
    "request payment, acceleration"
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)


@row
def _():
    "encryption"
    assert s3.put_object(Bucket=bucket, Key="sse", Body=b"secret", ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"
    assert read("sse") == b"secret"
    customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    s3.upload_file(BIG, bucket, "ssec", ExtraArgs=customer)
    s3.download_file(bucket, "ssec", "got", ExtraArgs=customer)
    assert digest("got") == digest(BIG)
    code("400", s3.head_object, Bucket=bucket, Key="ssec")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.put_object(Bucket=bucket, Key="sse2", Body=b"")["ServerSideEncryption"] == "AES256"
    s3.delete_bucket_encryption(Bucket=bucket)


@row
def _():
    "storage classes"
    s3.put_object(Bucket=bucket, Key="cool", Body=b"", StorageClass="STANDARD_IA")
    assert s3.head_object(Bucket=bucket, Key="cool")["StorageClass"] == "STANDARD_IA"


@row
def _():
    "versioning"
    v = bucket + "-v"
    s3.create_bucket(Bucket=v)
    s3.put_bucket_versioning(Bucket=v, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=v)["Status"] == "Enabled"
    one, two = (s3.put_object(Bucket=v, Key="k", Body=b)["VersionId"] for b in (b"1", b"2"))
    marker = s3.delete_object(Bucket=v, Key="k")
    assert marker["DeleteMarker"]
    code("NoSuchKey", read, "k", v)
    assert read("k", v, VersionId=one) == b"1"
    r = s3.list_object_versions(Bucket=v)
    assert [o["VersionId"] for o in r["Versions"]] == [two, one] and r["DeleteMarkers"][0]["IsLatest"]
    s3.delete_object(Bucket=v, Key="k", VersionId=marker["VersionId"])
    assert read("k", v) == b"2"
    boto3.resource("s3").Bucket(v).object_versions.delete()
    s3.delete_bucket(Bucket=v)


@row
def _():
    "object lock"
    b = bucket + "-l"
    s3.create_bucket(Bucket=b, ObjectLockEnabledForBucket=True)
    v = s3.put_object(Bucket=b, Key="k", Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate="2038-01-01T00:00:00Z")["VersionId"]
    assert s3.get_object_retention(Bucket=b, Key="k")["Retention"]["Mode"] == "GOVERNANCE"
    s3.put_object_legal_hold(Bucket=b, Key="k", LegalHold={"Status": "ON"})
    code("AccessDenied", s3.delete_object, Bucket=b, Key="k", VersionId=v, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(Bucket=b, Key="k", LegalHold={"Status": "OFF"})
    code("AccessDenied", s3.delete_object, Bucket=b, Key="k", VersionId=v)
    s3.delete_object(Bucket=b, Key="k", VersionId=v, BypassGovernanceRetention=True)
    rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    s3.put_object_lock_configuration(Bucket=b, ObjectLockConfiguration=rule)
    assert s3.get_object_lock_configuration(Bucket=b)["ObjectLockConfiguration"] == rule


@row
def _():
    "logging"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


@row
def _():
    "notifications"
    assert "TopicConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


@row
def _():
    "signature version 2"
    old = boto3.client("s3", config=Config(signature_version="s3"))
    for key in ODD:
        old.put_object(Bucket=bucket, Key="v2/" + key, Body=key.encode())
        assert old.get_object(Bucket=bucket, Key="v2/" + key)["Body"].read() == key.encode(), key
    old.upload_file(BIG, bucket, "v2/big")
    assert len(old.list_objects_v2(Bucket=bucket, Prefix="v2/")["Contents"]) == len(ODD) + 1
    old.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "v2/" + k} for k in ODD]})


@row
def _():
    "virtual-host style"
    for version in ["s3v4", "s3"]:
        c = boto3.client("s3", endpoint_url="http://s3.test", config=Config(
            signature_version=version, s3={"addressing_style": "virtual"}, proxies={"http": proxy}))
        for key in ODD[:3]:
            c.put_object(Bucket=bucket, Key="virtual/" + key, Body=key.encode())
            assert c.get_object(Bucket=bucket, Key="virtual/" + key)["Body"].read() == key.encode()
        assert c.list_objects_v2(Bucket=bucket, Prefix="virtual/")["KeyCount"] == 3


@row
def _():
    "remove"
    s3.delete_object(Bucket=bucket, Key="hello.txt")
    code("NoSuchKey", read, "hello.txt")
    r = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "odd/" + k} for k in ODD] + [{"Key": "never"}]})
    assert len(r["Deleted"]) == len(ODD) + 1 and "Errors" not in r


@row
def _():
    "remove recursively"
    code("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
    boto3.resource("s3").Bucket(bucket).objects.all().delete()


@row
def _():
    "remove bucket"
    s3.delete_bucket(Bucket=bucket)
    code("404", s3.head_bucket, Bucket=bucket)


for name, f in rows:
    try:
        f()
        print("ok", name, flush=True)
    except Exception as e:
        line = e.__traceback__.tb_next.tb_lineno if e.__traceback__.tb_next else 0
        print("FAIL", name + ":", "line", line, type(e).__name__, *str(e).splitlines(), flush=True)
