; Erlang. Each clause of a function is a match; clauses of one name become one definition.
; A specification precedes the function that it describes.

(comment) @comment
(source_file (spec) @attached)

(source_file (module_attribute name: (_) @name) @definition.module)

(fun_decl clause: (function_clause name: (_) @name body: (_) @body)) @definition.function
(record_decl name: (_) @name) @definition.struct
(pp_define lhs: (macro_lhs name: (_) @name)) @definition.macro
(type_alias name: (type_name name: (_) @name)) @definition.type
(opaque name: (type_name name: (_) @name)) @definition.type
(callback fun: (_) @name) @definition.method
