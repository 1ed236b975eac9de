#!/usr/bin/env python3
"""Writes a folder of texts whose chunks have adversarial lengths, for measurements of memory.

    benches/python/adversarial.py FOLDER [SHORT [LONG]]

SHORT files (default 100,000) of up to sixty characters, some blank, so that a batch has thousands of rows. Among them are
LONG files (default 60), each of a hundred lines at the chunker's limit: one endless word, only punctuation (a token per
character), emoji and Chinese (several bytes per character), digits, or minified code. Neighbors in the order of the walk
differ as much as possible. The folder is the same every time.
"""
import pathlib, random, sys

folder = pathlib.Path(sys.argv[1])
short, long = (int(sys.argv[at]) if len(sys.argv) > at else default for at, default in ((2, 100_000), (3, 60)))
made = random.Random(1)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def piece(kind, size):
    if kind == 0:
        return "".join(made.choice(LETTERS) for _ in range(size))
    if kind == 1:
        return "".join(made.choice("(){}[]<>;:,.!?+-*/=&|^%$#@~") for _ in range(size))
    if kind == 2:
        return "".join(made.choice("😀🚀🧪字符编码検索語彙") for _ in range(size // 3 + 1))
    if kind == 3:
        return "".join(made.choice("0123456789") for _ in range(size))
    return "".join(f"{made.choice(LETTERS)}={made.choice(LETTERS)}({made.randrange(99)});" for _ in range(size // 8))


every = max(short // max(long, 1), 1)
for at in range(short):
    place = folder / f"{at // 500:03}"
    if at % 500 == 0:
        place.mkdir(parents=True, exist_ok=True)
    (place / f"{at:06}.txt").write_text(piece(at % 5, 1 + made.randrange(60)) + "\n")
    if at % every == 0 and at // every < long:
        lines = [piece(at // every % 5, 1_900) for _ in range(100)]
        (place / f"{at:06}-long.txt").write_text("\n".join(lines) + "\n")
