# A host on which nothing is yet: systemd, sudo and an operator (anna), and the server of names of the operator's domain.
# What the page installs is at hand as packages: the test's network leads nowhere.
FROM debian:bookworm-slim
ARG PACKAGES=
# The directories of manual pages, which packages expect and a slim image lacks.
RUN mkdir -p /usr/share/man/man1 /usr/share/man/man7 \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        systemd systemd-sysv dbus iproute2 procps ca-certificates sudo dnsmasq-base $PACKAGES \
    && rm -f /etc/apt/apt.conf.d/docker-clean \
    && apt-get install -y -qq --download-only postgresql-common postgresql libsqlite3-0 \
    && useradd --create-home --shell /bin/bash anna \
    && echo 'anna ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/anna
ENV LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
CMD ["/lib/systemd/systemd"]
