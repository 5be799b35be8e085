#!/usr/bin/env python3
"""Completions by OpenAI's own client, over HTTP/1.1 and HTTP/2.   openai_client.py PORT ROOT"""
import sys
import httpx, openai

port, root = sys.argv[1:3]
for http2 in (False, True):
    versions = set()
    transport = httpx.Client(
        http2=http2, verify=root, trust_env=False,
        event_hooks={"response": [lambda response: versions.add(response.http_version)]})
    client = openai.OpenAI(base_url=f"https://localhost:{port}/v1", api_key="none", http_client=transport, max_retries=0)
    assert [model.id for model in client.models.list()] == ["demo"]
    question = [{"role": "user", "content": "hello"}]
    whole = client.chat.completions.create(model="demo", messages=question, extra_body={"delay": 0})
    text = whole.choices[0].message.content
    assert text.startswith("Hello from a model"), text
    pieces = [
        chunk.choices[0].delta.content
        for chunk in client.chat.completions.create(model="demo", messages=question, stream=True, extra_body={"delay": 0.01})
    ]
    assert "".join(pieces).strip() == text and len(pieces) > 10, pieces
    # A stream that is left early, and another one behind it.
    with client.chat.completions.create(model="demo", messages=question, stream=True, max_tokens=1000) as stream:
        next(iter(stream))
    assert client.models.list().data
    try:
        client.models.retrieve("missing")
        raise SystemExit("no error")
    except openai.NotFoundError:
        pass
    assert versions == {"HTTP/2" if http2 else "HTTP/1.1"}, versions
print("all ok", flush=True)
