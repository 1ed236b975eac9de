#!/usr/bin/env python3
"""Embeds chunks in a plain loop over onnxruntime, for comparison with codescry.

    codescry index …
    benches/python/onnx_loop.py MODEL_FOLDER CHUNKS.jsonl [BATCH]

Reads one JSON string per line, in the order of the files. Tokenizes a batch, pads it to its longest row, runs the model,
pools and normalizes. Prints one JSON object.
"""
import json, os, pathlib, sys, time
import numpy, onnxruntime, tokenizers

folder, chunks = pathlib.Path(sys.argv[1]), [json.loads(line) for line in open(sys.argv[2])]
size = int(sys.argv[3]) if len(sys.argv) > 3 else 32
tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(256)
session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
begun, inference, tokens, padded = time.perf_counter(), 0.0, 0, 0
vectors = []
for start in range(0, len(chunks), size):
    rows = [encoding.ids for encoding in tokenizer.encode_batch(chunks[start : start + size])]
    longest = max(map(len, rows))
    ids, mask = (numpy.zeros((len(rows), longest), dtype=numpy.int64) for _ in range(2))
    for at, row in enumerate(rows):
        ids[at, : len(row)], mask[at, : len(row)] = row, 1
    before = time.perf_counter()
    hidden = session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)})[0]
    inference += time.perf_counter() - before
    mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    vectors.append(mean / numpy.linalg.norm(mean, axis=1, keepdims=True))
    tokens, padded = tokens + int(mask.sum()), padded + mask.size
seconds = time.perf_counter() - begun
print(json.dumps({"chunks": len(chunks), "seconds": round(seconds, 2), "inference_seconds": round(inference, 2),
                  "chunks_per_second": round(len(chunks) / seconds, 1), "tokens": tokens,
                  "padding": round(1 - tokens / padded, 3), "batch": size}))
