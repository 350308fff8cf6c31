package mongo_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// action is what a proxy does with a command.
type action struct {
	drop   bool   // the server never gets it
	cut    bool   // no answer: the connection ends
	answer bson.D // this instead of the server's answer
}

// proxy stands before a server and misbehaves with single commands.
type proxy struct {
	addr   string
	server string
	hook   atomic.Pointer[func(name string, command bson.Raw) action]
}

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), server: server}
	p.behave(func(string, bson.Raw) action { return action{} })
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				p.serve(c)
				mu.Lock()
				delete(open, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return p
}

// behave sets what happens to the commands from now on.
func (p *proxy) behave(hook func(name string, command bson.Raw) action) { p.hook.Store(&hook) }

// once acts on the next command of a name and passes all others on.
func (p *proxy) once(name string, a action) {
	var done atomic.Bool
	p.behave(func(got string, _ bson.Raw) action {
		if got == name && !done.Swap(true) {
			return a
		}
		return action{}
	})
}

func (p *proxy) url(database string) string { return "mongodb://" + p.addr + "/" + database }

func (p *proxy) serve(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer s.Close()
	for {
		request, err := message(c)
		if err != nil {
			return
		}
		var a action
		if name, command := commandOf(request); name != "" {
			a = (*p.hook.Load())(name, command)
		}
		var reply []byte
		if !a.drop {
			if _, err := s.Write(request); err != nil {
				return
			}
			if reply, err = message(s); err != nil {
				return
			}
		}
		if a.cut {
			return
		}
		if a.answer != nil {
			reply = answerTo(request, a.answer)
		}
		if _, err := c.Write(reply); err != nil {
			return
		}
	}
}

func message(r io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	m := append(head, make([]byte, binary.LittleEndian.Uint32(head)-4)...)
	_, err := io.ReadFull(r, m[4:])
	return m, err
}

const opMsg = 2013

// commandOf returns the command of an OP_MSG, "" for other messages.
func commandOf(m []byte) (string, bson.Raw) {
	if binary.LittleEndian.Uint32(m[12:]) != opMsg || m[20] != 0 {
		return "", nil
	}
	command := bson.Raw(m[21 : 21+binary.LittleEndian.Uint32(m[21:])])
	first, err := command.IndexErr(0)
	if err != nil {
		return "", nil
	}
	return first.Key(), command
}

func answerTo(request []byte, answer bson.D) []byte {
	body, err := bson.Marshal(answer)
	if err != nil {
		panic(err)
	}
	m := make([]byte, 16, 21+len(body))
	binary.LittleEndian.PutUint32(m, uint32(21+len(body)))
	copy(m[8:12], request[4:8]) // the request's id
	binary.LittleEndian.PutUint32(m[12:], opMsg)
	return append(append(m, bytes.Repeat([]byte{0}, 5)...), body...)
}

// oldHello answers a handshake, which is an OP_QUERY, as MongoDB 4.0 does.
func oldHello(request []byte) []byte {
	body, err := bson.Marshal(bson.D{{Key: "ok", Value: 1}, {Key: "ismaster", Value: true}, {Key: "minWireVersion", Value: 0}, {Key: "maxWireVersion", Value: 7}})
	if err != nil {
		panic(err)
	}
	m := make([]byte, 36, 36+len(body))
	binary.LittleEndian.PutUint32(m, uint32(36+len(body)))
	copy(m[8:12], request[4:8])
	binary.LittleEndian.PutUint32(m[12:], 1) // OP_REPLY
	binary.LittleEndian.PutUint32(m[32:], 1) // one document
	return append(m, body...)
}
