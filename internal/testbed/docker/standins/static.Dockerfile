# gcr.io/distroless/static-debian12:nonroot: certificates, time zones, users, /tmp and nothing to run.
FROM gelato-test/debian AS root
RUN mkdir -p /root-fs/etc/ssl/certs /root-fs/usr/share /root-fs/home && \
    install -d -m 1777 /root-fs/tmp && install -d -o 65532 -g 65532 -m 0700 /root-fs/home/nonroot && \
    cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/ && cp -r /usr/share/zoneinfo /root-fs/usr/share/ && \
    printf 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >/root-fs/etc/passwd && \
    printf 'root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n' >/root-fs/etc/group

FROM scratch
COPY --from=root /root-fs /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532
WORKDIR /home/nonroot
