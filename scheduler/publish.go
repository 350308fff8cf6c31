package scheduler

import (
	"context"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/dataflowpb"
)

const (
	firstAgain = 5 * time.Second // after which a task that nobody holds is published again; doubles
	lastAgain  = time.Minute
)

// publisher tells datamovers of tasks: at once when they are added, and again when nobody takes them. A task that waits its turn in the
// queue is not held either, so repetitions become rarer.
type publisher struct {
	queue queue.Queue

	mu   sync.Mutex
	told map[string]notice
}

type notice struct {
	at    time.Time
	again time.Duration
}

func (p *publisher) publish(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	messages := make([]queue.Message, len(ids))
	for i, id := range ids {
		// Without a key, so that a task which a busy datamover does not get to reaches another one when it is told again.
		messages[i] = queue.Message{Value: []byte(id)}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := p.queue.Publish(ctx, Topic, messages...); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told == nil {
		p.told = make(map[string]notice)
	}
	for _, id := range ids {
		n := p.told[id]
		n.at, n.again = time.Now(), min(max(2*n.again, firstAgain), lastAgain)
		p.told[id] = n
	}
	return nil
}

// due returns those of the unheld tasks that should be published now, and forgets all others.
func (p *publisher) due(unheld []*dataflowpb.Task) (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	told := make(map[string]notice, len(unheld))
	for _, t := range unheld {
		n, ok := p.told[t.GetId()]
		if ok {
			told[t.GetId()] = n
		}
		if !ok || time.Since(n.at) >= n.again {
			ids = append(ids, t.GetId())
		}
	}
	p.told = told
	return ids
}

// republish looks after the tasks of a job that nobody holds, until ctx ends.
func (d *driver) republish(ctx context.Context) {
	problem := trouble.New(d.log, "tasks cannot be published again", "job", d.id)
	for trouble.Sleep(ctx, problem.Delay(time.Second, maxPause)) {
		unheld, err := d.Dataflow.UnheldTasks(ctx, &dataflowpb.UnheldTasksRequest{JobId: d.id, Limit: 1000})
		if err == nil {
			err = d.pub.publish(ctx, d.pub.due(unheld.GetTasks())...)
		}
		problem.Saw(ctx, err)
	}
}
