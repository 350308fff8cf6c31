package awss3

import (
	"strings"

	"github.com/opensds/gelato/adapters"
)

// host makes all of AWS one service, whatever the region: its bucket names are unique there.
func host(c adapters.Config) string {
	h := adapters.EndpointHost(c.Endpoint)
	if h == "" || h == "amazonaws.com" || strings.HasSuffix(h, ".amazonaws.com") {
		return "amazonaws.com"
	}
	return ""
}
