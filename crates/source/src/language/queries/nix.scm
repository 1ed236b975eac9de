; Nix. A file is one expression, so its definitions are the names that it binds: functions
; anywhere, what a `let` binds, what the file's set contains, and options of modules.

(comment) @comment

; The last pattern decides the kind, so functions come after plain values.
(let_expression (binding_set (binding attrpath: (attrpath) @name) @definition.variable))

(source_code (attrset_expression (binding_set (binding attrpath: (attrpath) @name) @definition.property)))
(source_code (rec_attrset_expression (binding_set (binding attrpath: (attrpath) @name) @definition.property)))
(source_code (function_expression body: (attrset_expression
  (binding_set (binding attrpath: (attrpath) @name) @definition.property))))
(source_code (function_expression body: (rec_attrset_expression
  (binding_set (binding attrpath: (attrpath) @name) @definition.property))))
(let_expression body: (attrset_expression
  (binding_set (binding attrpath: (attrpath) @name) @definition.property)))
(let_expression body: (rec_attrset_expression
  (binding_set (binding attrpath: (attrpath) @name) @definition.property)))
(with_expression body: (attrset_expression
  (binding_set (binding attrpath: (attrpath) @name) @definition.property)))

; Options of a module: `enable = lib.mkEnableOption "…"`, also with `// { … }` behind.
((binding attrpath: (attrpath) @name expression: [(apply_expression) (binary_expression)]) @definition.property
  (#match? @definition.property "^[^=]*=\\s*((lib|types)\\.)?mk(Enable|Package|Internal|Null)?(Or)?Option\\b"))

(binding attrpath: (attrpath) @name
  expression: (function_expression body: (_) @body)) @definition.function
