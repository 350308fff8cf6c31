package s3dialect

import (
	"context"
	"strconv"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/opensds/gelato/adapters/httpstore"
)

const (
	trailerName = "x-amz-checksum-crc64nvme"
	trailerSum  = 12 // bytes of base64 of 8 bytes
)

// unsigned makes a call send its body without hashing it first.
func unsigned(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}

// chunked makes b an aws-chunked body of one chunk, with its CRC-64/NVME as the trailer (API reference, "Signature calculations:
// trailing headers"), and adapts the length of its request. The option returned goes into the call instead of unsigned. No Content-Encoding
// says so: it is not needed beside the payload hash's name, and versitygw 1.8 would store it.
func chunked(b *httpstore.Body, length **int64) func(*s3.Options) {
	head := append(strconv.AppendInt(nil, b.Size(), 16), '\r', '\n')
	b.Frame(head, tail)
	total := int64(len(head)) + b.Size() + int64(len("\r\n0\r\n")+len(trailerName)+len(":")+trailerSum+len("\r\n\r\n"))
	*length = &total
	size := strconv.FormatInt(b.Size(), 10)
	return func(o *s3.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			_, err := stack.Finalize.Swap(trailerPayload{}.ID(), trailerPayload{decoded: size})
			return err
		})
	}
}

// tail is what follows the bytes of a chunked body.
func tail(crc64 uint64) []byte {
	t := append([]byte("\r\n0\r\n"+trailerName+":"), *formatCRC(crc64)...)
	return append(t, "\r\n\r\n"...)
}

// trailerPayload stands in for the SDK's step that hashes the payload.
type trailerPayload struct{ decoded string }

func (trailerPayload) ID() string { return "ComputePayloadHash" }

func (p trailerPayload) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	if req, ok := in.Request.(*smithyhttp.Request); ok {
		req.Header.Set("X-Amz-Decoded-Content-Length", p.decoded)
		req.Header.Set("X-Amz-Trailer", trailerName)
	}
	return next.HandleFinalize(v4.SetPayloadHash(ctx, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), in)
}
