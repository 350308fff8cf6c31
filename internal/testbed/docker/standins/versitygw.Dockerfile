# versity/versitygw: the same program on Debian.
FROM gelato-test/debian
COPY --from=bin versitygw /usr/local/bin/versitygw
ENTRYPOINT ["/usr/local/bin/versitygw"]
