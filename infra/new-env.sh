#!/bin/sh
# Makes the file that compose.yaml takes its secrets from: passwords and keys drawn at random, readable by you alone.
#
#   sh infra/new-env.sh https://tickets.example.com [.env]
set -eu

public_url=${1:?the address that partners see, such as https://tickets.example.com}
file=${2:-.env}

drawn() { # so many random bytes, in hexadecimal digits
    od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'
}

umask 077
set -C # a file that is there is kept: with another master key, nobody could read the guests' names again
{
    echo "# Made by infra/new-env.sh. Keep OTA_CM_MASTER_KEY apart from the database's backups, too:"
    echo "# without it the guests' names are gone; with both, whoever has them can read them."
    echo "OTA_CM_PUBLIC_URL=$public_url"
    echo "OTA_CM_MASTER_KEY=$(head -c 32 /dev/urandom | base64)"
    echo "OTA_CM_OPERATOR_KEY=operator-$(drawn 24)"
    echo "POSTGRES_PASSWORD=$(drawn 24)"
    echo "CHANNEL_MANAGER_DATABASE_PASSWORD=$(drawn 24)"
    echo "GRAFANA_ADMIN_PASSWORD=$(drawn 12)"
} > "$file"
echo "made $file"
