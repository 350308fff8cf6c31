package notify

import (
	"context"
	"regexp"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
)

// Target takes messages. It is safe for concurrent use.
type Target interface {
	// Send delivers one message. nil means that the target has it. Messages of one key are sent one after the other. Every error may pass.
	Send(ctx context.Context, key string, body []byte) error
}

// Named is a target as the operator names it: NAME=URL.
type Named struct{ Name, URL string }

// legalName fits topics and queues of AWS, whose ARNs are written with it.
var legalName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ParseNamed reads NAME=URL. Errors do not repeat the URL, which may hold a secret in the wrong place.
func ParseNamed(text string) (Named, error) {
	name, url, ok := strings.Cut(text, "=")
	if !ok || !legalName.MatchString(name) {
		return Named{}, errs.Newf(errs.InvalidArgument, "a notification target is named NAME=URL, with 1 to 64 letters, digits, '_' and '-'")
	}
	for _, scheme := range [...]string{"https://", "http://", "kafka://"} {
		if strings.HasPrefix(url, scheme) {
			return Named{name, url}, nil
		}
	}
	return Named{}, errs.Newf(errs.InvalidArgument, "the notification target %s has no URL of https://, http:// or kafka://", name)
}

// Kafka reports whether the target is a topic, and splits its URL kafka://host:port[,host:port]/topic[?option=value&...] in that of the
// queue and the topic.
func (n Named) Kafka() (queueURL, topic string, ok bool, err error) {
	rest, ok := strings.CutPrefix(n.URL, "kafka://")
	if !ok {
		return "", "", false, nil
	}
	rest, options, asked := strings.Cut(rest, "?")
	hosts, topic, _ := strings.Cut(rest, "/")
	if hosts == "" || topic == "" || strings.Contains(topic, "/") {
		return "", "", true, errs.Newf(errs.InvalidArgument, "the notification target %s is not kafka://HOST:PORT/TOPIC", n.Name)
	}
	if asked {
		hosts += "?" + options
	}
	return "kafka://" + hosts, topic, true, nil
}

// Topic is a Target that publishes to a topic of a queue.
type Topic struct {
	queue queue.Queue
	name  string
}

var _ Target = (*Topic)(nil)

// NewTopic makes a Topic. The queue stays the caller's.
func NewTopic(q queue.Queue, name string) *Topic { return &Topic{q, name} }

// Send implements Target.
func (t *Topic) Send(ctx context.Context, key string, body []byte) error {
	return t.queue.Publish(ctx, t.name, queue.Message{Key: key, Value: body})
}
