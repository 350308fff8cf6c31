# debian:bookworm-slim. It has what gelato's Dockerfile installs, and no package sources, as there is no network.
FROM gelato-test/debian
RUN rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
