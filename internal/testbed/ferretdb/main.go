// Command ferretdb is FerretDB on SQLite for the tests of Gelato's MongoDB driver: a second opinion on the dialect. It carries out one command
// at a time, because FerretDB 1.24 loses concurrent compare-and-sets otherwise. It reads whole collections, so they must be small.
//
// A module of its own keeps FerretDB's dependencies out of Gelato's.
//
// Usage: ferretdb DIR; it listens on a port of the system's choice, prints "listening HOST:PORT" and ends with SIGTERM.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: ferretdb DIR")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "ferretdb:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string) error {
	f, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Handler:   "sqlite",
		SQLiteURL: (&url.URL{Scheme: "file", Path: dir + "/"}).String(),
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	inner, err := url.Parse(f.MongoDBURI()) // returns once it listens
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening %s\n", l.Addr())
	go accept(l, inner.Host)
	err = <-ended
	return errors.Join(err, l.Close())
}

// accept passes connections on, commands of all of them one at a time.
func accept(l net.Listener, to string) {
	var turn sync.Mutex
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			s, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer s.Close()
			for {
				request, err := message(c)
				if err != nil {
					return
				}
				turn.Lock()
				reply, err := exchange(s, request)
				turn.Unlock()
				if err != nil {
					return
				}
				if _, err := c.Write(reply); err != nil {
					return
				}
			}
		}()
	}
}

func exchange(s net.Conn, request []byte) ([]byte, error) {
	if _, err := s.Write(request); err != nil {
		return nil, err
	}
	return message(s)
}

// message reads one wire message, which begins with its length.
func message(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n < 16 || n > 48<<20 {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	m := make([]byte, n)
	copy(m, head[:])
	_, err := io.ReadFull(r, m[4:])
	return m, err
}
