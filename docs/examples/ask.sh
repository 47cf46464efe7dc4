#!/bin/sh
# sh ask.sh URL REQUEST.json: ask a tradesieve service about one trade, with curl.
exec curl --silent --show-error --fail-with-body --max-time 2 "$1/v1/score" \
    --header 'Content-Type: application/json' ${TRADESIEVE_KEY:+--header "Authorization: Bearer $TRADESIEVE_KEY"} \
    --data-binary "@$2"
