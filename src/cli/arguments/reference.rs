//! The end of `codescry --help` and of the manual page: exit codes, environment variables and limits.

/// Exit codes, variables and limits. `docs/command-line.md` describes the same.
pub const REFERENCE: &str = "\
Exit codes: 0 found or done, 1 nothing found, 2 error, 130 interrupted.

Environment variables (a flag of the same meaning wins):
  CODESCRY_INDEX_DIR            --index-dir: the folder of the index
  CODESCRY_BASE                 --base: the location of the index to start from
  CODESCRY_CACHE_DIR            --cache-dir: the folder of the vector cache
  CODESCRY_MAX_CACHE_BYTES      --max-cache-bytes: the size of the vector cache
  CODESCRY_MAX_FILE_BYTES       --max-file-bytes: larger files are left out
  CODESCRY_PARSE_TIME_LIMIT_MS  --parse-time-limit-ms: the time for parsing a file
  CODESCRY_CROSS_FILE_SYSTEMS   --cross-file-systems: true to index mounts inside of the folder
  CODESCRY_MAX_MEMORY           --max-memory: the memory of an index run
  CODESCRY_RESIDENT_LIMIT       --resident-limit: the chunks up to which an index is in memory
  CODESCRY_PARSE_WORKERS        --parse-workers: threads that parse
  CODESCRY_PRODUCERS            --producers: threads that read
  CODESCRY_QUEUE_DEPTH          --queue-depth: batches in a queue
  CODESCRY_FILE_BATCH           --file-batch: files in a batch
  CODESCRY_PREPARSE             --preparse: true to parse before embedding
  CODESCRY_EMBED_WORKERS        --embed-workers: threads that embed
  CODESCRY_EMBED_BATCH          --embed-batch: chunks in a call
  CODESCRY_EMBEDDER             --embedder: the embedding model
  CODESCRY_DEVICE               --device: the device of the model
  CODESCRY_MODELS_DIR           the folder of installed models
  CODESCRY_ORT_LIB              the library of ONNX Runtime
  CODESCRY_HUB_TIME_LIMIT_MS    the time without a byte after which a download fails (30000)
  CODESCRY_LOCATION_TIME_LIMIT_MS
                                the time without a byte after which a transfer fails (30000)
  AWS_…, GOOGLE_…, AZURE_…      addresses and credentials of locations, as for the tools of these stores
  CODESCRY_PARSER               the program that parses: an absolute path, own or in-process
  CODESCRY_NO_SHARE             true: serve --no-share
  CODESCRY_RUNTIME_DIR          the folder of the sockets that servers share
  CODESCRY_TOKEN                the token of serve --http, without --token-file
  NO_COLOR, COLUMNS, RUST_LOG   no colours; the width of the terminal; log filters
  HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, HF_HOME, HF_HUB_CACHE
                                as for Hugging Face's own tools
  XDG_DATA_HOME, XDG_CACHE_HOME
                                where indexes and caches are by default

Limits:
  results                       the best 200 of a search are ranked (--limit and --offset)
  files                         1 MiB each; --max-file-bytes
  parsing                       2 seconds a file, then it is split by lines; --parse-time-limit-ms
  references                    20 seconds, then the answer says how far it came
  search --batch, similar -     1 MiB a line, 1 MiB of code
  ignore files                  1 MiB each; larger ones are not used, and status says so
  vector cache                  2 GiB for each model; --max-cache-bytes
  memory of an index run        a quarter of the machine's; --max-memory, at least 128 MiB";
