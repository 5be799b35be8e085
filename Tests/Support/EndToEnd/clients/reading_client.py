#!/usr/bin/env python3
"""OpenAI's own client against engines of HTTP/2 behind certd: by model, by alias, compressed.   reading_client.py PORT ROOT KEY"""
import gzip, json, sys, zlib
import httpx, openai

port, root, key = sys.argv[1:4]
question = [{"role": "user", "content": "What is a certificate? " * 100}]
for http2 in (False, True):
    transport = httpx.Client(http2=http2, verify=root, trust_env=False)
    client = openai.OpenAI(
        base_url=f"https://localhost:{port}/v1", api_key=key, http_client=transport, max_retries=0)
    for asked, engine, sent in (("a", "one", "a"), ("b", "two", "b"), ("c", "two", "a-much-longer-name")):
        whole = client.chat.completions.create(model=asked, messages=question)
        name, model, length, told = whole.model.split()
        assert (name, model) == (engine, sent) and length == told, whole.model
        assert whole.usage.prompt_tokens == 70
        chunks = list(client.chat.completions.create(model=asked, messages=question, stream=True))
        assert "".join(chunk.choices[0].delta.content for chunk in chunks) == "abc", chunks
        assert chunks[0].model.split()[:2] == [engine, sent]
        # The key's tokens are counted by the usage that certd asks for, and the client is not shown.
        assert all(chunk.usage is None for chunk in chunks)
    try:
        client.chat.completions.create(model="unknown", messages=question)
        raise SystemExit("no error")
    except openai.NotFoundError:
        pass
    body = json.dumps({"model": "c", "messages": question}).encode()
    for coding, content in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        fields = {"Authorization": f"Bearer {key}", "Content-Encoding": coding, "Content-Type": "application/json"}
        answer = transport.post(
            f"https://localhost:{port}/v1/chat/completions", content=content, headers=fields).json()
        name, model, length, told = answer["model"].split()
        plain = len(body) + len("a-much-longer-name") - 1
        assert (name, model, length, told) == ("two", "a-much-longer-name", str(plain), str(plain)), answer
print("all ok", flush=True)
