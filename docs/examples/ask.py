"""python ask.py URL REQUEST.json: ask a tradesieve service about one trade, with the standard library alone."""

import json
import os
import sys
import urllib.error
import urllib.request

url, path = sys.argv[1:]
headers = {"Content-Type": "application/json"}
if key := os.environ.get("TRADESIEVE_KEY"):
    headers["Authorization"] = f"Bearer {key}"
with open(path, "rb") as file:
    request = urllib.request.Request(f"{url}/v1/score", data=file.read(), headers=headers)
try:
    with urllib.request.urlopen(request, timeout=2) as response:
        decision = json.load(response)
except urllib.error.HTTPError as refused:
    problem = json.load(refused)
    sys.exit(f"{problem['detail']}; {problem['hint']}")
print(decision["accept"], decision["size"])
