# golang:1.26-bookworm: this machine's Go on Debian. The modules come from a proxy in the file system, as there is no network.
FROM gelato-test/debian
RUN rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
COPY --from=goroot . /usr/local/go
COPY --from=modules . /proxy
ENV GOPROXY=file:///proxy GOTOOLCHAIN=local GOPATH=/go PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /go
