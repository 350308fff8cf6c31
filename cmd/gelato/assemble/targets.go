package assemble

import (
	"context"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue/kafka"
	"github.com/opensds/gelato/internal/run"
	"github.com/opensds/gelato/internal/secretfile"
	"github.com/opensds/gelato/internal/telemetry"
	"github.com/opensds/gelato/s3/notify"
)

// maxToken bounds the file of a webhook's token, in bytes.
const maxToken = 16 << 10

// targets is what notifications are sent to.
type targets struct {
	byName map[string]notify.Target
	close  []func()
}

// openTargets makes the targets NAME=URL, with the tokens NAME=FILE of webhooks. It connects to none of them.
func openTargets(ctx context.Context, named, tokenFiles []string, tel *telemetry.Telemetry) (t targets, err error) {
	t.byName = map[string]notify.Target{}
	defer func() {
		if err != nil {
			t.shut()
		}
	}()
	tokens := map[string]string{}
	for _, text := range tokenFiles {
		name, file, ok := strings.Cut(text, "=")
		if !ok || tokens[name] != "" {
			return t, errs.Newf(errs.InvalidArgument, "--notify-token-file is NAME=FILE, once for each webhook")
		}
		raw, err := secretfile.Read(file, "webhook's token", maxToken)
		if err != nil {
			return t, err
		}
		if tokens[name] = strings.TrimSpace(string(raw)); tokens[name] == "" || strings.ContainsAny(tokens[name], "\r\n") {
			return t, errs.Newf(errs.InvalidArgument, "the token file of the notification target %s does not hold one line", name)
		}
	}
	for _, text := range named {
		n, err := notify.ParseNamed(text)
		if err != nil {
			return t, err
		}
		if t.byName[n.Name] != nil {
			return t, errs.Newf(errs.InvalidArgument, "two notification targets are named %s", n.Name)
		}
		if err := t.open(ctx, n, tokens[n.Name], tel); err != nil {
			return t, err
		}
		delete(tokens, n.Name)
	}
	for name := range tokens {
		return t, errs.Newf(errs.InvalidArgument, "--notify-token-file names %s, which is no webhook among --notify-target", name)
	}
	return t, nil
}

func (t *targets) open(ctx context.Context, n notify.Named, token string, tel *telemetry.Telemetry) error {
	url, topic, isTopic, err := n.Kafka()
	switch {
	case err != nil:
		return err
	case isTopic && token != "":
		return errs.Newf(errs.InvalidArgument, "--notify-token-file names %s, which is no webhook", n.Name)
	case isTopic:
		q, err := kafka.Open(ctx, url, kafka.Options{Logger: tel.Log.With("target", n.Name)})
		if err != nil {
			return err
		}
		t.byName[n.Name], t.close = notify.NewTopic(q, topic), append(t.close, func() { _ = q.Close() })
		return nil
	}
	w, err := notify.NewWebhook(n.URL, notify.WebhookOptions{Token: token})
	if err != nil {
		return err
	}
	t.byName[n.Name], t.close = w, append(t.close, w.Close)
	return nil
}

// loop closes the targets at the end.
func (t *targets) loop() run.Part {
	return run.Part{Name: "notification targets", Run: func(ctx context.Context) error {
		<-ctx.Done()
		t.shut()
		return nil
	}}
}

func (t *targets) shut() {
	for _, f := range t.close {
		f()
	}
}
