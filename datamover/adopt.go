package datamover

import (
	"context"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/catalogpb"
)

// adopt makes native objects of a backend objects of a bucket: each is described by its store and claimed in the catalog, and no byte moves.
func (a *attempt) adopt(ctx context.Context) error {
	entries := a.task.GetEntries()
	for first := 0; first < len(entries); first += headBatch {
		run := make([]int, 0, headBatch)
		for i := first; i < min(first+headBatch, len(entries)); i++ {
			run = append(run, i)
		}
		natives, err := a.describe(ctx, run)
		if err != nil {
			return a.giveBack(ctx, err)
		}
		if err := a.persist(ctx, func() error { return a.claim(ctx, run, natives) }); err != nil {
			return a.giveBack(ctx, err)
		}
	}
	return nil
}

// describe asks the store for what its listing does not say. What cannot be described has its outcome then, and nil in the result.
func (a *attempt) describe(ctx context.Context, run []int) ([]*catalogpb.AdoptRequest_Native, error) {
	store, err := a.store(ctx, a.source.id)
	if err != nil {
		return nil, err
	}
	natives := make([]*catalogpb.AdoptRequest_Native, len(run))
	var wg sync.WaitGroup
	defer wg.Wait()
	for n, i := range run {
		release, ok := a.slot(ctx, 0)
		if !ok {
			return nil, context.Cause(ctx)
		}
		wg.Go(func() {
			defer release()
			natives[n] = a.describeOne(ctx, store, i)
		})
	}
	wg.Wait()
	return natives, ctx.Err()
}

func (a *attempt) describeOne(ctx context.Context, store adapters.Store, i int) *catalogpb.AdoptRequest_Native {
	e := a.task.GetEntries()[i]
	key := e.GetDestKey()
	if key == "" {
		key = e.GetKey()
	}
	if err := adapters.CheckKey(key, maxKey); err != nil {
		a.fail(i, err)
		return nil
	}
	var info adapters.Info
	err := a.persist(ctx, func() (err error) {
		info, err = store.Head(ctx, e.GetKey())
		return err
	})
	switch {
	case errs.Is(err, errs.NotFound):
		a.skip(i, "deleted")
		return nil
	case err != nil:
		if !a.over(ctx, err) {
			a.fail(i, err)
		}
		return nil
	}
	native := &catalogpb.AdoptRequest_Native{NativeKey: e.GetKey(), Key: key, Size: info.Size, NativeEtag: info.ETag,
		ModTime: timestamppb.New(info.ModTime), StorageClass: info.StorageClass, Metadata: info.Metadata, Crc64: info.CRC64, Md5: info.MD5}
	delete(native.Metadata, blob.Metadata)
	h := info.Headers
	native.Headers = &catalogpb.Headers{ContentType: h.ContentType, ContentEncoding: h.ContentEncoding, ContentLanguage: h.ContentLanguage,
		ContentDisposition: h.ContentDisposition, CacheControl: h.CacheControl, Expires: h.Expires}
	return native
}

// claim asks the catalog to take in what was described.
func (a *attempt) claim(ctx context.Context, run []int, natives []*catalogpb.AdoptRequest_Native) error {
	request := &catalogpb.AdoptRequest{Bucket: a.plan.GetDestination().GetBucket(), BackendId: a.source.id}
	var who []int
	for n, native := range natives {
		if native != nil {
			request.Natives, who = append(request.Natives, native), append(who, run[n])
		}
	}
	if len(who) == 0 {
		return nil
	}
	if err := a.alive(); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, catalogLimit)
	defer cancel()
	r, err := a.Catalog.Adopt(call, request)
	if err != nil {
		return err
	}
	if len(r.GetFailures()) < len(who) {
		return short()
	}
	for n, i := range who {
		native := request.Natives[n]
		switch err := problem(r.GetFailures()[n]); {
		case errs.ReasonOf(err) == "Same":
			a.skip(i, "adopted before")
		case err != nil:
			a.fail(i, err)
		default:
			o := outcome("copied", native.GetSize(), "")
			o.Reason, o.Source, o.Destination = "adopted", at(a.source.name, native.Crc64), at(a.source.name, native.Crc64)
			a.set(i, o)
		}
	}
	return nil
}
