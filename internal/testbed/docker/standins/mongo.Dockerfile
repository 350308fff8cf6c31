# mongo: the Mongo-wire server of internal/testbed/mongoserver on Debian's Java. It is no replica set and has no shell.
FROM gelato-test/debian
COPY --from=jars . /opt/mongo
RUN useradd --uid 999 --home-dir /data/db --no-create-home mongodb && install -d -o mongodb -g mongodb /data/db
VOLUME ["/data/db"]
EXPOSE 27017
