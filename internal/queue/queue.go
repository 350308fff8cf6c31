// Package queue carries hints that work exists. State lives in documents: a message may come twice, late, out of order, or
// (after a crash of an embedded queue) never, and whoever needs the work done publishes it again.
//
// Drivers: embedded (a bounded in-memory channel per topic and group) and kafka. queuetest holds
// the rules that both pass. Any service may import it.
package queue

import "context"

// Message is one hint. Messages of one Key are delivered in order where the driver can.
type Message struct {
	Key   string
	Value []byte
}

// Handler deals with one message. nil acknowledges it; an error has it delivered again later,
// to this or another member of the group. An error of code InvalidArgument ("can never succeed as it is") or a panic sets the message
// aside: it is not delivered again, and the driver says where it went and why. A driver may do so with what keeps failing, too, but not
// for errors that may pass (errs.Retryable).
type Handler func(ctx context.Context, m Message) error

// Queue is a driver. All methods are safe for concurrent use.
type Queue interface {
	// Publish adds messages to a topic. nil means that they are durable as far as the driver's are.
	// It blocks while the topic is full, until ctx ends.
	Publish(ctx context.Context, topic string, messages ...Message) error
	// Subscribe joins group on topic and calls handle, up to concurrency calls at once, until ctx ends; then it waits
	// for the running calls and returns nil. Each message goes to one member of the group.
	Subscribe(ctx context.Context, topic, group string, concurrency int, handle Handler) error
	// Close ends all subscriptions and releases the driver.
	Close() error
}
