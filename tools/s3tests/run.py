"""Runs ceph/s3-tests against a fresh gelato: run.py GELATO CHECKOUT [pytest options].

Started by tools/s3tests.sh. Prints, for each area, how many cases passed, then every failure with its reason.
"""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
import xml.etree.ElementTree

REGION = "us-east-1"  # Gelato's default, where one may create one's own bucket again, as several cases do
FLAGS = ["--s3-region", REGION]

# Areas by the names of cases; the first that fits counts.
AREAS = [
    ("headers", r"test_headers"),
    ("restore, cloud", r"cloud|restore|read_through"),
    ("lifecycle", r"lifecycle|delete_marker_expiration"),
    ("object lock", r"object_lock"),
    ("copy x encryption", r"copy_(part_)?enc"),
    ("SSE-C", r"sse_c\b|sse_c_|encrypted_transfer|key_no_sse_c|enc_conflict_c"),
    ("SSE-KMS, SSE-S3", r"sse_|encryption|enc_conflict|put_obj_(s3|kms)_"),
    ("public access block", r"public_block|block_public|ignore_public|policy_status|public_policy"),
    ("bucket policy", r"polic"),
    ("ownership", r"ownership|owner_enforced|create_bucket_(object_writer|bucket_owner)"),
    ("CORS", r"cors"),
    ("POST object", r"post_object"),
    ("ACL", r"acl|_grant|access_bucket_"),
    ("tagging", r"tagg|_tags"),
    ("checksums", r"checksum|cksum"),
    ("object attributes", r"attributes"),
    ("conditions", r"if_?match|if_?none?_?match|conditional|ifmodified|ifunmodified"),
    ("versioning", r"versioning|versioned|delete_marker"),
    ("multipart", r"multipart|upload_part"),
    ("copy", r"copy"),
    ("listing", r"listv2|basic_key_count|bucket_list_|list_buckets|buckets_(create_then_)?list"),
    ("buckets", r"test_bucket"),
    ("raw, presigned", r"raw_|presigned|anon|x_amz_expires|put_authenticated"),
    ("other", r"."),
]


def rest(api, root, path, body):
    """POSTs to Gelato's REST API as the root user."""
    request = urllib.request.Request(f"{api}/v1/default/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    request.add_header("Authorization", "Basic " + base64.b64encode(":".join(root).encode()).decode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def users(api, root):
    """Makes the users that the suite wants, each with a key."""
    made = {}
    for name in "main", "alt", "tenant":
        user = rest(api, root, "users", {"name": name, "email": name + "@example.com"})
        made[name] = user | rest(api, root, "keys", {"user": name})
    return made


KEYS = ["testkey-1", "testkey-2"]  # of SSE-KMS


def keys(gelato, data):
    """Makes the keys of SSE-KMS that the suite wants."""
    for key in KEYS:
        subprocess.run([gelato, "kms", "create", key, "--data", data], check=True, stdout=subprocess.DEVNULL)


def config(s3, made):
    """The configuration file of the suite."""
    host, port = s3.removeprefix("http://").split(":")
    lines = ["[DEFAULT]", f"host = {host}", f"port = {port}", "is_secure = False", "ssl_verify = False",
             "[fixtures]", "bucket prefix = s3tests-{random}-", "iam name prefix = s3-tests-", "iam path prefix = /s3-tests/"]
    sections = {"s3 main": "main", "s3 alt": "alt", "s3 tenant": "tenant", "iam": "main", "iam root": "main", "iam alt root": "alt"}
    for section, name in sections.items():
        u = made[name]
        lines += [f"[{section}]", f"display_name = {u.get('displayName', name)}", f"user_id = {u.get('canonicalId', name)}", f"email = {name}@example.com",
                  f"access_key = {u['accessKey']}", f"secret_key = {u['secretKey']}", "api_name =", "tenant = default", "lc_debug_interval = 1",
                  f"kms_keyid = {KEYS[0]}", f"kms_keyid2 = {KEYS[1]}"]
    return "\n".join(lines) + "\n"


def area(name):
    return next(a for a, pattern in AREAS if re.search(pattern, name))


def summarise(report):
    passed, total, failures = {}, {}, []
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        name = case.get("classname").rsplit(".", 1)[-1] + "::" + case.get("name")
        bad = next((e for e in case if e.tag in ("failure", "error")), None)
        if any(e.tag == "skipped" for e in case):
            continue
        where = area(name)
        total[where] = total.get(where, 0) + 1
        passed[where] = passed.get(where, 0) + (bad is None)
        if bad is not None:
            failures.append((where, name, " ".join((bad.get("message") or "").split())[:200]))
    print(f"\n{'area':<24}passed of")
    for a in [a for a, _ in AREAS if a in total]:
        print(f"{a:<24}{passed[a]:>6} {total[a]:>3}")
    print(f"{'all':<24}{sum(passed.values()):>6} {sum(total.values()):>3}")
    for failure in sorted(failures):
        print("FAILED %-20s %s: %s" % failure)


def main(gelato, checkout, *options):
    with tempfile.TemporaryDirectory(prefix="s3tests-") as work:
        root = ("s3testsroot", "s3testsrootsecret")
        env = os.environ | {"GELATO_ROOT_ACCESS_KEY": root[0], "GELATO_ROOT_SECRET_KEY": root[1]}
        log = open(os.environ.get("LOG", os.path.join(work, "log")), "wb")
        server = subprocess.Popen([gelato, "up", "--data", work + "/data", "--s3-listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0", *FLAGS],
                                  env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            ready = next((line for line in server.stdout if line.startswith("gelato ready")), None)
            if ready is None:
                sys.exit("gelato did not start; LOG=FILE keeps what it says")
            s3, api = re.search(r"s3=(\S+) api=(\S+)", ready).groups()
            keys(gelato, work + "/data")
            with open(work + "/conf", "w") as f:
                f.write(config(s3, users(api, root)))
            report = work + "/report.xml"
            env = os.environ | {"S3TEST_CONF": work + "/conf", "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "1",
                                "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
            marks = ["-m", "not fails_on_aws", "-k", "not bucket_logging"]
            subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", "--no-header", "-rN", "--timeout=90", "--junitxml", report, *marks,
                            "s3tests/functional/test_s3.py", "s3tests/functional/test_headers.py", *options], cwd=checkout, env=env)
            summarise(report)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


main(*sys.argv[1:])
