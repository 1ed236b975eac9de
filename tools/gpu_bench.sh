#!/usr/bin/env bash
# Measures indexing with a transformer on an NVIDIA GPU: chunks/s, utilization by NVML, the stage
# report and the share of the chip's roofline, over at least 100,000 real chunks.
#
#     tools/gpu_bench.sh PROGRAM CORPUS [MODEL_FOLDER…]
#
# PROGRAM is a release build, CORPUS a folder of source code, each MODEL_FOLDER a model that
# `codescry models add` would take (default: what tests/onnx/fetch fetches). ONNX Runtime's GPU
# library is CODESCRY_ORT_LIB, or comes from `pip install onnxruntime-gpu` with the CUDA libraries it
# wants. PEAK_TFLOPS (fp16 dense: 989 of an H100 SXM, 312 of an A100) sets the roofline.
#
# It has not run on a GPU yet: no such machine was at hand when it was written.
set -euo pipefail
program=$(realpath "$1") corpus=$(realpath "$2")
shift 2
here=$(realpath "$(dirname "$0")/..")
work="${OUT:-$(mktemp -d)}"
peak="${PEAK_TFLOPS:-989}"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv | tee "$work/gpu.csv"

if [ -z "${CODESCRY_ORT_LIB:-}" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet onnxruntime-gpu \
        nvidia-cublas nvidia-cuda-runtime nvidia-cuda-nvrtc nvidia-cufft nvidia-curand nvidia-cudnn-cu13
    packages=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    CODESCRY_ORT_LIB=$(echo "$packages"/onnxruntime/capi/libonnxruntime.so.*)
    LD_LIBRARY_PATH=$(find "$packages/nvidia" -name '*.so*' -printf '%h\n' | sort -u | tr '\n' ':')${LD_LIBRARY_PATH:-}
    export CODESCRY_ORT_LIB LD_LIBRARY_PATH
fi
if [ $# -eq 0 ]; then
    eval "$(env -u CODESCRY_ORT_LIB "$here/tests/onnx/fetch" | grep MINILM)"
    set -- "$CODESCRY_TEST_MINILM"
fi

"$program" doctor --device cuda --embedder "$1" | grep -E 'onnx|models' | tee "$work/doctor.txt" || true
for model in "$@"; do
    name=$(basename "$model")
    log="$work/$name.utilization.csv"
    nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used --format=csv,noheader,nounits -lms 200 > "$log" &
    sampler=$!
    "$program" index "$corpus" --embedder "$model" --device cuda --json --index-dir "$work/$name.index" \
        --cache-dir "$work/$name.cache" --max-cache-bytes 0 --rebuild > "$work/$name.json"
    kill "$sampler"
    "$program" status "$corpus" --embedder "$model" --device cuda --index-dir "$work/$name.index" | tee "$work/$name.status.txt"
    python3 - "$work/$name.json" "$model" "$peak" <<'PYTHON' | tee "$work/$name.summary.txt"
import json, os, pathlib, sys
report, folder, peak = json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2]), float(sys.argv[3]) * 1e12
device = report["device"]
# Two operations a weight and token: what a transformer's matrices cost, without its attention.
weights = max((file.stat().st_size for file in folder.rglob("*.onnx")), default=0)
width = {"int8": 1, "fp16": 2, "fp32": 4}[device["model"].split("@")[0].rsplit(":", 1)[1]]
flops = 2 * (weights / width) * device["tokens"]
utilization = device["gpu_utilization"]
print(f"{device['model']} on {' and '.join(device['devices'])}, {device['library']}")
print(f"chunks {report['chunks']} in {report['seconds']:.1f} s: {report['chunks'] / report['seconds']:.0f} chunks/s")
print(f"in the model {device['busy_seconds']:.1f} s; end to end / that: {report['seconds'] / device['busy_seconds']:.3f}")
print(f"tokens/s {device['tokens'] / device['busy_seconds']:.0f}, padding {device['padding']:.1%}, batch {device['batch_tokens']} tokens")
print("utilization (NVML):", "none" if utilization is None else f"{utilization:.0%}", "target 90 %")
print(f"share of the roofline: {flops / device['busy_seconds'] / peak:.1%} of {sys.argv[3]} TFLOPS")
if report["chunks"] < 100_000:
    print("the corpus has fewer than 100,000 chunks: take a larger one")
PYTHON
done
echo "all of it is in $work"
