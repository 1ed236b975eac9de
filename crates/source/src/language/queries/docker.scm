; Dockerfile. A stage extends to the next one (see `parse/definitions.rs`). No node is
; captured as @attached.

(comment) @comment

(from_instruction as: (image_alias) @name) @definition.task
(from_instruction (image_spec name: (image_name) @name) .) @definition.task
(arg_instruction (arg_pair name: (_) @name)) @definition.variable
