; JSON. The pairs, items and documents of a file; `parse/documents` decides which of them
; are definitions, and of which kind.

(comment) @comment

(document) @definition.module @name
(pair key: (_) @name value: (_) @body) @definition.property
(array (_) @definition.field @name)
