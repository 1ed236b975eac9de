#!/usr/bin/env python3
"""Makes tests/fixtures/onnx/golden.json: the tokens and vectors of 20 texts, from Python's tokenizers
and onnxruntime.

    eval "$(tests/onnx/fetch)" && pip install onnxruntime==1.32.0 tokenizers numpy
    tests/onnx/golden.py > tests/fixtures/onnx/golden.json
"""
import json, os, pathlib, sys
import numpy, onnxruntime, tokenizers

MODEL = pathlib.Path(os.environ["CODESCRY_TEST_MINILM"])
TEXTS = [
    "",
    " \n\t ",
    "a",
    "hello world",
    "where is a connection taken back into the pool",
    "fn main() { println!(\"{}\", std::env::args().count()); }",
    "def parse_headers(raw: bytes) -> dict[str, str]:\n    return dict(line.split(b': ', 1) for line in raw.splitlines())",
    "SELECT id, name FROM users WHERE deleted_at IS NULL ORDER BY created_at DESC LIMIT 10;",
    "getUserByIdOrThrowIfNotFoundInDatabase",
    "snake_case_identifier_with_many_words HTTPServerError XMLHttpRequest",
    "Привет, мир! Это поиск по коду.",
    "你好,世界。在代码中搜索。",
    "日本語のコメント: 接続プールを初期化する",
    "مرحبا بالعالم، البحث في الشيفرة",
    "नमस्ते दुनिया",
    "🙂 🚀 emoji 👩‍👩‍👧‍👦 family, flags 🇩🇪🇫🇷",
    "naïve café — “quotes” … ½ ﬁ",
    "\u0000\u0007 control \u200b zero width \ufeff",
    "word " * 5_000,
    "x" * 20_000 + " tail",
]


def main():
    tokenizer = tokenizers.Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    session = onnxruntime.InferenceSession(MODEL / "model.onnx", providers=["CPUExecutionProvider"])

    def embed(texts):
        rows = [tokenizer.encode(text).ids for text in texts]
        longest = max(map(len, rows))
        ids, mask = (numpy.zeros((len(rows), longest), dtype=numpy.int64) for _ in range(2))
        for at, row in enumerate(rows):
            ids[at, : len(row)], mask[at, : len(row)] = row, 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
        hidden = session.run(["last_hidden_state"], feed)[0]
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        return mean / numpy.linalg.norm(mean, axis=1, keepdims=True)

    alone = numpy.vstack([embed([text]) for text in TEXTS])
    together = embed(TEXTS)
    print("least cosine, alone with together:", (alone * together).sum(1).min(), file=sys.stderr)
    as_list = lambda vectors: [[round(float(value), 6) for value in vector] for vector in vectors]
    json.dump({"texts": TEXTS, "alone": as_list(alone), "together": as_list(together)}, sys.stdout, ensure_ascii=True)
    print()


main()
