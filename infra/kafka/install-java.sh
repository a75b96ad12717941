#!/bin/sh
# What a broker without Docker needs on a bare machine: `make test` runs this where CI=true. Does nothing where a Docker
# daemon answers, or where Java and Maven are there.
set -eu

if docker info > /dev/null 2>&1; then exit 0; fi
if command -v java > /dev/null && command -v mvn > /dev/null; then exit 0; fi
if ! command -v apt-get > /dev/null; then
    echo "install Java 17 or newer and Maven, or start Docker: the tests against Kafka need one of them" >&2
    exit 1
fi

as_root=
if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
for version in 17 21 25; do
    if $as_root apt-get install -y -q --no-install-recommends "openjdk-$version-jre-headless" maven; then exit 0; fi
done
echo "neither Java 17 nor a newer one could be installed by apt-get" >&2
exit 1
