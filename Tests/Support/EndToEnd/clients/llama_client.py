#!/usr/bin/env python3
"""A real engine by OpenAI's and Anthropic's own clients.   llama_client.py PORT ROOT KEY METRICS-URL..."""
import sys, time, urllib.request
import anthropic, httpx, httpx2, openai

port, root, key = sys.argv[1:4]
engines = sys.argv[4:]


def gauge(name):
    """The sum of a metric over the engines."""
    total = 0
    for url in engines:
        with urllib.request.urlopen(url) as answer:
            lines = answer.read().decode().splitlines()
        total += sum(float(line.split()[-1]) for line in lines if line.startswith(name + " "))
    return total


for http2 in (False, True):
    def transport(library):
        return library.Client(http2=http2, verify=root, trust_env=False)

    client = openai.OpenAI(base_url=f"https://localhost:{port}/v1", api_key=key, http_client=transport(httpx), max_retries=0)
    question = [{"role": "user", "content": "What is the capital of nowhere? " * 20}]
    for model in ("tiny", "gpt-4o"):
        whole = client.chat.completions.create(model=model, messages=question, max_tokens=20, temperature=0)
        assert whole.usage.completion_tokens == 20 and whole.model == "tiny", whole
        pieces = list(client.chat.completions.create(
            model=model, messages=question, max_tokens=20, temperature=0, stream=True))
        text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
        assert text == whole.choices[0].message.content, (text, whole)
        # Nobody has asked for usage.
        assert all(piece.choices for piece in pieces), pieces
    asked = list(client.chat.completions.create(
        model="tiny", messages=question, max_tokens=5, stream=True, stream_options={"include_usage": True}))
    assert asked[-1].usage.completion_tokens == 5, asked[-1]
    assert client.completions.create(model="tiny", prompt="once", max_tokens=3).choices[0].text
    try:
        client.chat.completions.create(model="gpt-5", messages=question)
        raise SystemExit("no error")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found", error

    claude = anthropic.Anthropic(
        base_url=f"https://localhost:{port}", api_key=key, http_client=transport(httpx2), max_retries=0)
    message = claude.messages.create(model="gpt-4o", max_tokens=7, messages=question)
    assert message.usage.output_tokens == 7 and message.content[0].text, message
    with claude.messages.stream(model="tiny", max_tokens=7, messages=question) as stream:
        assert "".join(stream.text_stream)
        assert stream.get_final_message().usage.output_tokens == 7

    # Who leaves a stream ends the engine's work on it. Over HTTP/2 httpx tells nobody that it has left.
    if http2:
        continue
    before = gauge("llamacpp:tokens_predicted_total")
    with client.chat.completions.create(model="tiny", messages=question, max_tokens=1200, stream=True) as stream:
        for _, _ in zip(range(3), stream):
            pass
        assert gauge("llamacpp:requests_processing") == 1
    while gauge("llamacpp:requests_processing") > 0:
        time.sleep(0.01)
    assert gauge("llamacpp:tokens_predicted_total") - before < 1200
print("all ok", flush=True)
