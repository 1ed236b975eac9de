; YAML. The pairs, items and documents of a file; `parse/documents` decides which of them
; are definitions, and of which kind.

(comment) @comment

(document) @definition.module @name
(block_mapping_pair key: (_) @name value: (_)? @body) @definition.property
(flow_pair key: (_) @name value: (_)? @body) @definition.property
(block_sequence_item) @definition.field @name
(flow_sequence [(flow_node) (flow_pair)] @definition.field @name)
