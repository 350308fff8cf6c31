// The rows of the AWS SDK for JavaScript, with its default settings: sdk.mjs MODULES ENDPOINT BUCKET DIR. Prints a line
// "ok NAME" or "FAIL NAME: why" a row.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Readable } from "node:stream";

const [modules, endpoint, Bucket, dir] = process.argv.slice(2);
const require = createRequire(join(modules, "package.json"));
const S3 = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

// Path style is the one setting: no DNS knows the buckets.
const s3 = new S3.S3({ forcePathStyle: true, maxAttempts: 1 });
const odd = ["a b+c&d=e (1) 100%25 'q'.txt", "ünï/日本語.txt", "sl//ash", "trailing/", "%41", "\u{1f600}"];
const encode = (key) => key.split("/").map(encodeURIComponent).join("/");
const big = await readFile(join(dir, "big"));
const read = async (Key, more = {}) => Buffer.from(await (await s3.getObject({ Bucket, Key, ...more })).Body.transformToByteArray());
const text = async (Key, more) => (await read(Key, more)).toString();
const fails = (name, promise) => assert.rejects(promise, (e) => e.name === name || assert.fail(`${e.name}: ${e.message}, want ${name}`));
const status = async (url, options) => (await fetch(url, options)).status;
const policy = (key) =>
	JSON.stringify({
		Version: "2012-10-17",
		Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/${key}` }],
	});

const rows = {
	"make bucket": async () => {
		await s3.createBucket({ Bucket });
		await s3.headBucket({ Bucket });
		await S3.waitUntilBucketExists({ client: s3, maxWaitTime: 10 }, { Bucket });
	},
	"list buckets": async () => assert((await s3.listBuckets({})).Buckets.some((b) => b.Name === Bucket)),
	location: async () => assert.equal((await s3.getBucketLocation({ Bucket })).LocationConstraint, undefined),
	put: async () => {
		await s3.putObject({ Bucket, Key: "hello.txt", Body: "hello\n", ContentType: "text/x-raw", Metadata: { color: "blue" } });
		await s3.putObject({ Bucket, Key: "empty", Body: "" });
		await s3.putObject({ Bucket, Key: "bytes", Body: new Uint8Array([1, 2, 3]) });
	},
	"put odd keys": async () => {
		for (const Key of odd) await s3.putObject({ Bucket, Key: "odd/" + Key, Body: Key });
	},
	"put multipart": async () => {
		await new Upload({ client: s3, params: { Bucket, Key: "big", Body: createReadStream(join(dir, "big")) } }).done();
		assert.match((await s3.headObject({ Bucket, Key: "big" })).ETag, /-4"$/);
	},
	"put from a pipe": async () => {
		await new Upload({ client: s3, params: { Bucket, Key: "piped", Body: Readable.from(["hel", "lo\n"]) } }).done();
		await s3.putObject({ Bucket, Key: "stream", Body: createReadStream(join(dir, "big")), ContentLength: big.length });
	},
	"put with checksums": async () => {
		for (const sum of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
			await s3.putObject({ Bucket, Key: "sum/" + sum, Body: "hello\n", ChecksumAlgorithm: sum });
			assert((await s3.headObject({ Bucket, Key: "sum/" + sum, ChecksumMode: "ENABLED" }))["Checksum" + sum]);
		}
	},
	"put on condition": async () => {
		const { ETag } = await s3.putObject({ Bucket, Key: "once", Body: "1", IfNoneMatch: "*" });
		await fails("PreconditionFailed", s3.putObject({ Bucket, Key: "once", Body: "2", IfNoneMatch: "*" }));
		await s3.putObject({ Bucket, Key: "once", Body: "2", IfMatch: ETag });
		await fails("PreconditionFailed", s3.putObject({ Bucket, Key: "once", Body: "3", IfMatch: ETag }));
	},
	get: async () => {
		assert.equal(await text("hello.txt"), "hello\n");
		assert.equal(await text("piped"), "hello\n");
		assert.equal((await read("empty")).length, 0);
		assert((await read("big")).equals(big) && (await read("stream")).equals(big));
		await fails("NoSuchKey", read("missing"));
	},
	"get odd keys": async () => {
		for (const key of odd) assert.equal(await text("odd/" + key), key);
	},
	"get range": async () => {
		assert.equal(await text("hello.txt", { Range: "bytes=1-3" }), "ell");
		assert.equal((await read("big", { PartNumber: 2 })).length, 5 << 20);
		await fails("InvalidRange", read("hello.txt", { Range: "bytes=100-" }));
	},
	"get on condition": async () => {
		await fails("PreconditionFailed", read("hello.txt", { IfMatch: '"0"' }));
		const { ETag } = await s3.headObject({ Bucket, Key: "hello.txt" });
		await assert.rejects(read("hello.txt", { IfNoneMatch: ETag }), (e) => e.$metadata.httpStatusCode === 304);
	},
	head: async () => {
		const h = await s3.headObject({ Bucket, Key: "hello.txt" });
		assert.deepEqual([h.ContentType, h.Metadata.color, h.ContentLength], ["text/x-raw", "blue", 6]);
		await fails("NotFound", s3.headObject({ Bucket, Key: "missing" }));
	},
	attributes: async () => {
		const a = await s3.getObjectAttributes({ Bucket, Key: "big", ObjectAttributes: ["ETag", "ObjectSize", "ObjectParts", "Checksum", "StorageClass"] });
		assert.deepEqual([a.ObjectSize, a.ObjectParts.TotalPartsCount], [big.length, 4]);
	},
	list: async () => {
		const r = await s3.listObjectsV2({ Bucket, Delimiter: "/" });
		assert(r.CommonPrefixes.some((p) => p.Prefix === "odd/") && r.Contents.some((o) => o.Key === "hello.txt"));
		assert.equal((await s3.listObjects({ Bucket, MaxKeys: 1 })).IsTruncated, true);
	},
	"list recursively": async () => {
		const keys = [];
		for await (const page of S3.paginateListObjectsV2({ client: s3, pageSize: 2 }, { Bucket, Prefix: "odd/" })) keys.push(...page.Contents.map((o) => o.Key));
		assert.deepEqual(keys.sort(), odd.map((k) => "odd/" + k).sort());
	},
	copy: async () => {
		for (const key of odd) {
			await s3.copyObject({ Bucket, Key: "copied/" + key, CopySource: `${Bucket}/${encode("odd/" + key)}` });
			assert.equal(await text("copied/" + key), key);
		}
		await s3.copyObject({ Bucket, Key: "red", CopySource: `${Bucket}/hello.txt`, MetadataDirective: "REPLACE", Metadata: { color: "red" } });
		assert.equal((await s3.headObject({ Bucket, Key: "red" })).Metadata.color, "red");
	},
	"multipart by hand": async () => {
		const at = { Bucket, Key: "parts" };
		at.UploadId = (await s3.createMultipartUpload({ ...at, ChecksumAlgorithm: "CRC32C" })).UploadId;
		const one = await s3.uploadPart({ ...at, PartNumber: 1, Body: big.subarray(0, 5 << 20), ChecksumAlgorithm: "CRC32C" });
		const two = await s3.uploadPart({ ...at, PartNumber: 2, Body: "end", ChecksumAlgorithm: "CRC32C" });
		assert.equal((await s3.listParts(at)).Parts.length, 2);
		assert((await s3.listMultipartUploads({ Bucket })).Uploads.some((u) => u.UploadId === at.UploadId));
		const Parts = [one, two].map((p, i) => ({ PartNumber: i + 1, ETag: p.ETag, ChecksumCRC32C: p.ChecksumCRC32C }));
		await s3.completeMultipartUpload({ ...at, MultipartUpload: { Parts } });
		assert.equal((await read("parts")).length, (5 << 20) + 3);
		const { UploadId } = await s3.createMultipartUpload({ Bucket, Key: "none" });
		await s3.abortMultipartUpload({ Bucket, Key: "none", UploadId });
		await fails("NoSuchUpload", s3.listParts({ Bucket, Key: "none", UploadId }));
	},
	"copy multipart": async () => {
		const at = { Bucket, Key: "big.copy" };
		at.UploadId = (await s3.createMultipartUpload(at)).UploadId;
		const Parts = [];
		for (let i = 0; i < 2; i++) {
			const range = `bytes=${i * (10 << 20)}-${(i + 1) * (10 << 20) - 1}`;
			const { CopyPartResult } = await s3.uploadPartCopy({ ...at, PartNumber: i + 1, CopySource: `${Bucket}/big`, CopySourceRange: range });
			Parts.push({ PartNumber: i + 1, ETag: CopyPartResult.ETag });
		}
		await s3.completeMultipartUpload({ ...at, MultipartUpload: { Parts } });
		assert((await read("big.copy")).equals(big));
	},
	"presigned get": async () => {
		const url = await getSignedUrl(s3, new S3.GetObjectCommand({ Bucket, Key: "odd/" + odd[0] }), { expiresIn: 600 });
		assert.equal(await (await fetch(url)).text(), odd[0]);
		assert.equal(await status(url.replace("Signature=", "Signature=0")), 403);
	},
	"presigned put": async () => {
		const url = await getSignedUrl(s3, new S3.PutObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 600 });
		assert.equal(await status(url, { method: "PUT", body: "by url" }), 200);
		assert.equal(await text("signed"), "by url");
	},
	"tags of objects": async () => {
		const TagSet = [{ Key: "a", Value: "1" }, { Key: "é b", Value: "" }];
		await s3.putObjectTagging({ Bucket, Key: "hello.txt", Tagging: { TagSet } });
		assert.deepEqual((await s3.getObjectTagging({ Bucket, Key: "hello.txt" })).TagSet, TagSet);
		await s3.deleteObjectTagging({ Bucket, Key: "hello.txt" });
	},
	"tags of buckets": async () => {
		await fails("NoSuchTagSet", s3.getBucketTagging({ Bucket }));
		await s3.putBucketTagging({ Bucket, Tagging: { TagSet: [{ Key: "team", Value: "storage" }] } });
		assert.equal((await s3.getBucketTagging({ Bucket })).TagSet[0].Value, "storage");
		await s3.deleteBucketTagging({ Bucket });
	},
	ACLs: async () => {
		await s3.putBucketOwnershipControls({ Bucket, OwnershipControls: { Rules: [{ ObjectOwnership: "ObjectWriter" }] } });
		await s3.putObjectAcl({ Bucket, Key: "hello.txt", ACL: "public-read" });
		assert.equal((await s3.getObjectAcl({ Bucket, Key: "hello.txt" })).Grants.length, 2);
		assert.equal(await status(`${endpoint}/${Bucket}/hello.txt`), 200);
		await s3.putObjectAcl({ Bucket, Key: "hello.txt", ACL: "private" });
		assert.equal(await status(`${endpoint}/${Bucket}/hello.txt`), 403);
		await s3.putBucketAcl({ Bucket, ACL: "private" });
	},
	"public access block": async () => {
		await s3.putPublicAccessBlock({ Bucket, PublicAccessBlockConfiguration: { BlockPublicPolicy: true } });
		await fails("AccessDenied", s3.putBucketPolicy({ Bucket, Policy: policy("*") }));
		await s3.deletePublicAccessBlock({ Bucket });
	},
	policy: async () => {
		await fails("NoSuchBucketPolicy", s3.getBucketPolicy({ Bucket }));
		await s3.putBucketPolicy({ Bucket, Policy: policy("hello.txt") });
		assert.equal((await s3.getBucketPolicyStatus({ Bucket })).PolicyStatus.IsPublic, true);
		assert.equal(await status(`${endpoint}/${Bucket}/hello.txt`), 200);
		await s3.deleteBucketPolicy({ Bucket });
	},
	CORS: async () => {
		await s3.putBucketCors({ Bucket, CORSConfiguration: { CORSRules: [{ AllowedMethods: ["GET"], AllowedOrigins: ["https://example.com"] }] } });
		assert.deepEqual((await s3.getBucketCors({ Bucket })).CORSRules[0].AllowedMethods, ["GET"]);
		await s3.deleteBucketCors({ Bucket });
	},
	lifecycle: async () => {
		const Rules = [{ ID: "old", Status: "Enabled", Filter: { Prefix: "logs/" }, Expiration: { Days: 30 } }];
		await s3.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration: { Rules } });
		assert.deepEqual((await s3.getBucketLifecycleConfiguration({ Bucket })).Rules, Rules);
		await s3.deleteBucketLifecycle({ Bucket });
	},
	website: async () => {
		await s3.putBucketWebsite({ Bucket, WebsiteConfiguration: { IndexDocument: { Suffix: "index.html" } } });
		assert.equal((await s3.getBucketWebsite({ Bucket })).IndexDocument.Suffix, "index.html");
		await s3.deleteBucketWebsite({ Bucket });
	},
	encryption: async () => {
		assert.equal((await s3.putObject({ Bucket, Key: "sse", Body: "secret", ServerSideEncryption: "AES256" })).ServerSideEncryption, "AES256");
		assert.equal(await text("sse"), "secret");
		const customer = { SSECustomerAlgorithm: "AES256", SSECustomerKey: "01234567890123456789012345678901" };
		await s3.putObject({ Bucket, Key: "ssec", Body: "secret", ...customer });
		assert.equal(await text("ssec", customer), "secret");
		const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } };
		await s3.putBucketEncryption({ Bucket, ServerSideEncryptionConfiguration: { Rules: [rule] } });
		assert.equal((await s3.getBucketEncryption({ Bucket })).ServerSideEncryptionConfiguration.Rules.length, 1);
		await s3.deleteBucketEncryption({ Bucket });
	},
	"storage classes": async () => {
		await s3.putObject({ Bucket, Key: "cool", Body: "", StorageClass: "STANDARD_IA" });
		assert.equal((await s3.headObject({ Bucket, Key: "cool" })).StorageClass, "STANDARD_IA");
	},
	versioning: async () => {
		const v = { Bucket: Bucket + "-v" };
		await s3.createBucket(v);
		await s3.putBucketVersioning({ ...v, VersioningConfiguration: { Status: "Enabled" } });
		const one = await s3.putObject({ ...v, Key: "k", Body: "1" });
		await s3.putObject({ ...v, Key: "k", Body: "2" });
		assert.equal((await s3.deleteObject({ ...v, Key: "k" })).DeleteMarker, true);
		assert.equal(await text("k", { ...v, VersionId: one.VersionId }), "1");
		const all = await s3.listObjectVersions(v);
		const Objects = [...all.Versions, ...all.DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
		assert.equal(Objects.length, 3);
		await s3.deleteObjects({ ...v, Delete: { Objects } });
		await s3.deleteBucket(v);
	},
	"object lock": async () => {
		const b = { Bucket: Bucket + "-l" };
		await s3.createBucket({ ...b, ObjectLockEnabledForBucket: true });
		const lock = { ObjectLockMode: "GOVERNANCE", ObjectLockRetainUntilDate: new Date("2038-01-01") };
		const { VersionId } = await s3.putObject({ ...b, Key: "k", Body: "1", ...lock });
		assert.equal((await s3.getObjectRetention({ ...b, Key: "k" })).Retention.Mode, "GOVERNANCE");
		await fails("AccessDenied", s3.deleteObject({ ...b, Key: "k", VersionId }));
		await s3.deleteObject({ ...b, Key: "k", VersionId, BypassGovernanceRetention: true });
	},
	logging: async () => assert.equal((await s3.getBucketLogging({ Bucket })).LoggingEnabled, undefined),
	notifications: async () => assert.equal((await s3.getBucketNotificationConfiguration({ Bucket })).TopicConfigurations, undefined),
	remove: async () => {
		await s3.deleteObject({ Bucket, Key: "hello.txt" });
		await fails("NoSuchKey", read("hello.txt"));
		const r = await s3.deleteObjects({ Bucket, Delete: { Objects: odd.map((Key) => ({ Key: "odd/" + Key })) } });
		assert.equal(r.Deleted.length, odd.length);
	},
	"remove bucket": async () => {
		await fails("BucketNotEmpty", s3.deleteBucket({ Bucket }));
		for await (const page of S3.paginateListObjectsV2({ client: s3 }, { Bucket }))
			await s3.deleteObjects({ Bucket, Delete: { Objects: page.Contents.map(({ Key }) => ({ Key })) } });
		await s3.deleteBucket({ Bucket });
		await fails("NotFound", s3.headBucket({ Bucket }));
	},
};

for (const [name, row] of Object.entries(rows)) {
	try {
		await row();
		console.log("ok", name);
	} catch (e) {
		console.log("FAIL", `${name}: ${e.stack.replaceAll("\n", " ").slice(0, 600)}`);
	}
}
