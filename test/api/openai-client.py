# OpenAI's Python package as a client of agents: what it gets, as JSON on standard output. Arguments: the base URL.
import json
import sys
import time

from openai import NotFoundError, OpenAI, UnprocessableEntityError

client = OpenAI(base_url=sys.argv[1], api_key="none is needed", max_retries=0)
told = {}

first = client.responses.create(model="greeter", input="one")
told["plain"] = [first.status, first.output_text, first.usage.total_tokens]
second = client.responses.create(model="greeter", input="two", previous_response_id=first.id)
told["goes on"] = second.output_text

with client.responses.stream(model="greeter", input="streamed") as stream:
    deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
    told["streamed"] = ["".join(deltas), stream.get_final_response().output_text]

begun = client.responses.create(model="greeter", input="later", background=True)
told["background"] = begun.status
for _ in range(200):
    now = client.responses.retrieve(begun.id)
    if now.status == "completed":
        break
    time.sleep(0.1)
told["retrieved"] = [now.status, now.output_text]
told["cancelled too late"] = client.responses.cancel(begun.id).status

for name, request in {"agent": {"model": "nobody"}, "parameter": {"model": "greeter", "temperature": 2}}.items():
    try:
        client.responses.create(input="x", **request)
    except (NotFoundError, UnprocessableEntityError) as error:
        told[name] = [error.status_code, error.body["param"]]
print(json.dumps(told))
