package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/event"
)

// OnCommand lets a test see each command that is sent.
func (o Options) OnCommand(f func(name string)) Options {
	o.monitor = &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) { f(e.CommandName) }}
	return o
}
