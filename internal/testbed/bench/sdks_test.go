package bench

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters"
)

// What follows are the bare loops, as the SDKs' own examples have them: bodies in memory, the checksums and connections of their defaults.

type awsLane struct {
	client *s3.Client
	bucket *string
}

func openAWS(_ *testing.B, c adapters.Config) lane {
	return awsLane{bucket: &c.BucketName, client: s3.New(s3.Options{
		Region: c.Region, BaseEndpoint: &c.Endpoint, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(c.Access, c.Security, ""),
	})}
}

func (l awsLane) put(ctx context.Context, key string, body []byte) error {
	_, err := l.client.PutObject(ctx, &s3.PutObjectInput{Bucket: l.bucket, Key: &key, Body: bytes.NewReader(body)})
	return err
}

func (l awsLane) get(ctx context.Context, key string) error {
	out, err := l.client.GetObject(ctx, &s3.GetObjectInput{Bucket: l.bucket, Key: &key})
	if err != nil {
		return err
	}
	return discard(out.Body, nil)
}

func (l awsLane) remove(ctx context.Context, key string) error {
	_, err := l.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: l.bucket, Key: &key})
	return err
}

func (l awsLane) parts(ctx context.Context, key string, part []byte, n int) error {
	up, err := l.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: l.bucket, Key: &key})
	if err != nil {
		return err
	}
	done := make([]types.CompletedPart, n)
	err = each(ctx, n, func(ctx context.Context, i int) error {
		number := aws.Int32(int32(i) + 1)
		out, err := l.client.UploadPart(ctx, &s3.UploadPartInput{Bucket: l.bucket, Key: &key, UploadId: up.UploadId, PartNumber: number, Body: bytes.NewReader(part)})
		if err == nil {
			done[i] = types.CompletedPart{ETag: out.ETag, PartNumber: number, ChecksumCRC32: out.ChecksumCRC32}
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = l.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: l.bucket, Key: &key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: done}})
	return err
}

type azureLane struct{ client *container.Client }

func openAzure(b *testing.B, c adapters.Config) lane {
	b.Helper()
	credential, err := container.NewSharedKeyCredential(c.Access, c.Security)
	if err != nil {
		b.Fatal(err)
	}
	client, err := container.NewClientWithSharedKeyCredential(c.Endpoint+"/"+c.BucketName, credential, nil)
	if err != nil {
		b.Fatal(err)
	}
	return azureLane{client}
}

func (l azureLane) put(ctx context.Context, key string, body []byte) error {
	_, err := l.client.NewBlockBlobClient(key).Upload(ctx, streaming.NopCloser(bytes.NewReader(body)), nil)
	return err
}

func (l azureLane) get(ctx context.Context, key string) error {
	out, err := l.client.NewBlobClient(key).DownloadStream(ctx, nil)
	if err != nil {
		return err
	}
	return discard(out.Body, nil)
}

func (l azureLane) remove(ctx context.Context, key string) error {
	_, err := l.client.NewBlobClient(key).Delete(ctx, nil)
	return err
}

func (l azureLane) parts(ctx context.Context, key string, part []byte, n int) error {
	blob := l.client.NewBlockBlobClient(key)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%05d", i))
	}
	err := each(ctx, n, func(ctx context.Context, i int) error {
		_, err := blob.StageBlock(ctx, ids[i], streaming.NopCloser(bytes.NewReader(part)), nil)
		return err
	})
	if err != nil {
		return err
	}
	_, err = blob.CommitBlockList(ctx, ids, nil)
	return err
}

type obsLane struct {
	client *obs.ObsClient
	bucket string
}

// date is the header that V4 wants: the SDK sends only a Date, which Ceph does not take.
func (l obsLane) date() (name, value string) {
	return obs.HEADER_DATE_AMZ, time.Now().UTC().Format(obs.LONG_DATE_FORMAT)
}

func openOBS(b *testing.B, c adapters.Config) lane {
	b.Helper()
	client, err := obs.New(c.Access, c.Security, c.Endpoint, obs.WithSignature(obs.SignatureV4), obs.WithRegion(c.Region), obs.WithPathStyle(true))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	return obsLane{client, c.BucketName}
}

func (l obsLane) put(_ context.Context, key string, body []byte) error {
	in := &obs.PutObjectInput{Body: bytes.NewReader(body)}
	in.Bucket, in.Key, in.ContentLength = l.bucket, key, int64(len(body))
	_, err := l.client.PutObject(in, obs.WithCustomHeader(l.date()))
	return err
}

func (l obsLane) get(_ context.Context, key string) error {
	in := &obs.GetObjectInput{}
	in.Bucket, in.Key = l.bucket, key
	out, err := l.client.GetObject(in, obs.WithCustomHeader(l.date()))
	if err != nil {
		return err
	}
	return discard(out.Body, nil)
}

func (l obsLane) remove(_ context.Context, key string) error {
	_, err := l.client.DeleteObject(&obs.DeleteObjectInput{Bucket: l.bucket, Key: key}, obs.WithCustomHeader(l.date()))
	return err
}

func (l obsLane) parts(ctx context.Context, key string, part []byte, n int) error {
	in := &obs.InitiateMultipartUploadInput{}
	in.Bucket, in.Key = l.bucket, key
	up, err := l.client.InitiateMultipartUpload(in, obs.WithCustomHeader(l.date()))
	if err != nil {
		return err
	}
	done := make([]obs.Part, n)
	err = each(ctx, n, func(_ context.Context, i int) error {
		out, err := l.client.UploadPart(&obs.UploadPartInput{Bucket: l.bucket, Key: key, UploadId: up.UploadId, PartNumber: i + 1,
			Body: bytes.NewReader(part), PartSize: int64(len(part))}, obs.WithCustomHeader(l.date()))
		if err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
		done[i] = obs.Part{PartNumber: i + 1, ETag: out.ETag}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = l.client.CompleteMultipartUpload(&obs.CompleteMultipartUploadInput{Bucket: l.bucket, Key: key, UploadId: up.UploadId, Parts: done}, obs.WithCustomHeader(l.date()))
	return err
}
