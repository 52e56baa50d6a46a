#!/bin/sh
# Run once by the image of PostgreSQL, when its data directory is made.
set -eu
psql --username "$POSTGRES_USER" --dbname postgres --no-psqlrc --set ON_ERROR_STOP=1 \
  --set password="$TOLLGATE_PASSWORD" --file /etc/tollgate/application-role.sql
