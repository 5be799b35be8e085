#!/usr/bin/env python3
"""llama.cpp's own server with a small model whose weights are random, and whose tokenizer knows bytes and printable ASCII:
it speaks as a real one does, and says nothing of worth.   llama_server.py FILE NAME

Prints its port. An answer of 1,900 tokens takes it seconds, so that one can leave in the middle."""
import sys
import time

import gguf
import numpy as np
import xllamacpp as llama


def write_model(path):
    width, heads, inner, layers = 256, 4, 1024, 5
    tokens = [b"<unk>", b"<s>", b"</s>"] + [f"<0x{byte:02X}>".encode() for byte in range(256)]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL] + [gguf.TokenType.BYTE] * 256
    for byte in range(32, 127):
        tokens.append("\u2581".encode() if byte == 32 else bytes([byte]))
        kinds.append(gguf.TokenType.NORMAL)
    out = gguf.GGUFWriter(path, "llama")
    out.add_context_length(8192)
    out.add_embedding_length(width)
    out.add_block_count(layers)
    out.add_feed_forward_length(inner)
    out.add_head_count(heads)
    out.add_head_count_kv(heads)
    out.add_rope_dimension_count(width // heads)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("llama")
    out.add_token_list(tokens)
    out.add_token_scores([0.0] * len(tokens))
    out.add_token_types(kinds)
    out.add_unk_token_id(0)
    out.add_bos_token_id(1)
    out.add_eos_token_id(2)
    out.add_chat_template(
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:")
    random = np.random.default_rng(7)

    def tensor(name, *shape):
        out.add_tensor(name, (random.standard_normal(shape) * 0.05).astype(np.float32))

    tensor("token_embd.weight", len(tokens), width)
    # Never an end of its own accord, and letters rather than bytes.
    head = (random.standard_normal((len(tokens), width)) * 0.05).astype(np.float32)
    head[:3 + 256] = 0
    out.add_tensor("output.weight", head)
    out.add_tensor("output_norm.weight", np.ones(width, np.float32))
    for block in range(layers):
        name = f"blk.{block}."
        for part in ("attn_norm", "ffn_norm"):
            out.add_tensor(f"{name}{part}.weight", np.ones(width, np.float32))
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"{name}{part}.weight", width, width)
        tensor(f"{name}ffn_gate.weight", inner, width)
        tensor(f"{name}ffn_up.weight", inner, width)
        tensor(f"{name}ffn_down.weight", width, inner)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def main():
    path = sys.argv[1]
    write_model(path)
    params = llama.CommonParams()
    params.model.path = path
    params.model_alias = {sys.argv[2]}
    params.n_ctx = 8192
    params.n_parallel = 4
    params.n_predict = 4096
    params.cpuparams.n_threads = 1
    params.warmup = False
    params.hostnames = ["127.0.0.1"]
    params.endpoint_metrics = True
    params.port = 0
    server = llama.Server(params)
    print("port", server.listening_address.rsplit(":", 1)[1], flush=True)
    while True:
        time.sleep(3600)


main()
