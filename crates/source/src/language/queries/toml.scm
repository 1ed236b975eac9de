; TOML. The tables and pairs of a file; `parse/documents` decides which of them are
; definitions, and of which kind. A table of an array is captured as an impl.

(comment) @comment

(document) @definition.module @name
(table . [(bare_key) (dotted_key) (quoted_key)] @name) @definition.struct
(table_array_element . [(bare_key) (dotted_key) (quoted_key)] @name) @definition.impl
(pair . [(bare_key) (dotted_key) (quoted_key)] @name . (_) @body) @definition.property
