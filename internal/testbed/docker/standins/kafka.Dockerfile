# apache/kafka: the real broker on Debian's Java, configured by the same environment: KAFKA_NODE_ID is node.id.
FROM gelato-test/debian
COPY --from=jars . /opt/kafka/libs
COPY <<"END" /etc/kafka/docker/run
#!/bin/bash
set -euo pipefail
env | sed -n 's/^KAFKA_//p' | grep -v '^HEAP_OPTS=' | while IFS='=' read -r name value; do
	name=${name//___/-}; name=${name//__/%}; name=${name//_/.}; name=${name//%/_}
	echo "${name,,}=$value"
done >/opt/kafka/config/server.properties
java="java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp /opt/kafka/libs/*"
set -f # the JVM reads the star
$java -Xmx128m kafka.tools.StorageTool format --ignore-formatted -t 5L6g3nShT-eMCtK--X86sw -c /opt/kafka/config/server.properties
exec $java $KAFKA_HEAP_OPTS kafka.Kafka /opt/kafka/config/server.properties
END
RUN chmod 755 /etc/kafka/docker/run && useradd --uid 1000 --create-home appuser && mkdir -p /var/lib/kafka/data /opt/kafka/config && \
    chown -R appuser:root /var/lib/kafka /opt/kafka/config
ENV KAFKA_HEAP_OPTS=-Xmx512m
USER appuser
VOLUME ["/var/lib/kafka/data"]
CMD ["/etc/kafka/docker/run"]
