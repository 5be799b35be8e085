#!/usr/bin/env python3
"""Models by name and by another name, and one that does not exist, by OpenAI's own client.   openai_models_client.py PORT ROOT"""
import sys
import httpx, openai

port, root = sys.argv[1:3]
for http2 in (False, True):
    transport = httpx.Client(http2=http2, verify=root, trust_env=False)
    client = openai.OpenAI(base_url=f"https://localhost:{port}/v1", api_key="none", http_client=transport, max_retries=0)
    question = [{"role": "user", "content": "hello " * 30_000}]
    for model in ("demo", "gpt-4o", "llama-3.3-70b"):
        whole = client.chat.completions.create(model=model, messages=question, extra_body={"delay": 0})
        assert whole.choices[0].message.content, whole
        pieces = list(client.chat.completions.create(model=model, messages=question, stream=True, extra_body={"delay": 0.01}))
        assert len(pieces) > 10, pieces
    assert client.models.list().data
    try:
        client.chat.completions.create(model="gpt-5", messages=question)
        raise SystemExit("no error")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found", error
print("all ok", flush=True)
