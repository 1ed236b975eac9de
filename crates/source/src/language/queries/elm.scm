; Elm. A type annotation precedes the value that it describes.

[(line_comment) (block_comment)] @comment
(file (type_annotation) @attached)

(file (module_declaration name: (_) @name exposing: (_) @body) @definition.module)
(type_declaration name: (_) @name (eq) @body) @definition.enum
(type_alias_declaration name: (_) @name (eq) @body) @definition.type
(port_annotation name: (_) @name) @definition.function

; Values of a file. One without parameters is a function too: it may be one by its type.
(file (value_declaration
  functionDeclarationLeft: (function_declaration_left . (_) @name)
  body: (_) @body) @definition.function)
