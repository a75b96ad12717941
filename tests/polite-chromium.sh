#!/bin/sh
# The browser after everybody else: on few processors its many processes keep the loops waiting that tests watch.
exec nice -n 15 "$CHROMIUM" "$@"
