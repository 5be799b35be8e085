#!/usr/bin/env python3
"""Requests by httpx over HTTP/2, one after the other and at once.   httpx_client.py PORT ROOT"""
import asyncio, sys
import httpx

port, root = sys.argv[1:3]
base = f"https://localhost:{port}"


async def main():
    async with httpx.AsyncClient(http2=True, verify=root, trust_env=False, base_url=base, timeout=60) as client:
        first = await client.get("/v1/models")
        assert first.http_version == "HTTP/2" and first.json()["object"] == "list"
        answers = await asyncio.gather(*(client.get("/v1/models") for _ in range(100)))
        assert all(a.status_code == 200 and a.http_version == "HTTP/2" for a in answers)
        body = {"max_tokens": 5, "delay": 0, "padding": "x" * 2_000_000}
        answer = await client.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text

        end = b'{"max_tokens": 5, "delay": 0}'

        async def pieces():
            for _ in range(200):
                yield b" " * 10_000
            yield end

        length = str(200 * 10_000 + len(end))
        answer = await client.post("/v1/chat/completions", content=pieces(), headers={"Content-Length": length})
        assert answer.status_code == 200, answer.text
        missing = await client.head("/nothing")
        assert missing.status_code in (404, 501), missing
        cookies = await client.get("/v1/models", headers=[("Cookie", "a=1"), ("Cookie", "b=2")])
        assert cookies.status_code == 200


asyncio.run(main())
print("all ok", flush=True)
