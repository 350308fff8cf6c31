//go:build ceph && cgo

package cephrados

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ceph/go-ceph/rados"

	"github.com/opensds/gelato/internal/errs"
)

// connect opens the namespace of the pool. It reads no ceph.conf and no keyring.
func connect(ctx context.Context, set settings) (*cluster, error) {
	conn, err := rados.NewConnWithUser(set.user)
	if err != nil {
		return nil, fail("make connection", outcome(err))
	}
	seconds := strconv.Itoa(int(set.timeout / time.Second))
	for _, option := range [][2]string{
		{"mon_host", set.monitors}, {"key", set.key}, {"keyring", ""},
		{"client_mount_timeout", seconds}, {"rados_mon_op_timeout", seconds}, {"rados_osd_op_timeout", seconds},
		{"log_to_stderr", "false"}, {"err_to_stderr", "false"}, {"log_file", ""}, {"admin_socket", ""},
	} {
		if err := conn.SetConfigOption(option[0], option[1]); err != nil {
			return nil, fmt.Errorf("set %s: %w", option[0], fail("configure", outcome(err)))
		}
	}
	if err := dial(ctx, conn); err != nil {
		return nil, refusal(ctx, set, err)
	}
	pool, err := conn.OpenIOContext(set.pool)
	if err != nil {
		conn.Shutdown()
		if err := outcome(err); err != errAbsent {
			return nil, fail("open pool", err)
		}
		return nil, errs.Newf(errs.FailedPrecondition, "the cluster has no pool %q", set.pool).Because("bucketName")
	}
	pool.SetNamespace(set.namespace)
	return &cluster{conn: conn, io: pool, slots: make(chan struct{}, maxCalls)}, nil
}

// dial connects. When ctx ends first, the connection is dropped as soon as librados lets go of it.
func dial(ctx context.Context, conn *rados.Conn) error {
	if err := alive(ctx); err != nil {
		return err
	}
	connected := make(chan error, 1)
	go func() { connected <- outcome(conn.Connect()) }()
	select {
	case err := <-connected:
		return err
	case <-ctx.Done():
		go func() { // ends by client_mount_timeout
			if err := <-connected; err == nil {
				conn.Shutdown()
			}
		}()
		return context.Cause(ctx)
	}
}

// refusal says why there is no connection. To librados a wrong key and a dead monitor may both be a timeout.
func refusal(ctx context.Context, set settings, err error) error {
	n, ok := errors.AsType[errno](err)
	switch {
	case !ok:
		return err
	case syscall.Errno(n) == syscall.EPERM, syscall.Errno(n) == syscall.EACCES, syscall.Errno(n) == syscall.ENOENT,
		syscall.Errno(n) == syscall.ETIMEDOUT && monitorGreets(ctx, set.monitors):
		return errs.New(errs.Unauthenticated, "the monitors do not accept the user and its key", err).Because("security")
	case syscall.Errno(n) == syscall.ETIMEDOUT:
		return errs.New(errs.Unavailable, "no monitor answers", err).Because("endpoint")
	}
	return fail("connect", err)
}

// monitorGreets reports whether any monitor sends the banner that each connection to one begins with.
func monitorGreets(ctx context.Context, monitors string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var addresses []string
	for _, m := range splitMonitors(monitors) {
		addresses = append(addresses, addressesOf(m)...)
	}
	greeted := make(chan bool, len(addresses))
	for _, a := range addresses {
		go func() { greeted <- greets(ctx, a) }()
	}
	for range addresses {
		if <-greeted {
			return true
		}
	}
	return false
}

func greets(ctx context.Context, address string) bool {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetReadDeadline(deadline) // a banner that does not come is no banner
	}
	var banner [5]byte
	_, err = io.ReadFull(conn, banner[:])
	return err == nil && strings.HasPrefix(string(banner[:]), "ceph ")
}
