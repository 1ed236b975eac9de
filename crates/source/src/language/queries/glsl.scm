; GLSL. No node is captured as @attached.

(comment) @comment

(function_definition declarator: (function_declarator declarator: (identifier) @name)
  body: (_) @body) @definition.function
(declaration declarator: (function_declarator declarator: (identifier) @name)) @definition.function

; Structs, and blocks of uniforms and buffers.
(struct_specifier name: (type_identifier) @name body: (_) @body) @definition.struct
(declaration (identifier) @name . (field_declaration_list) @body) @definition.struct

; Variables of a file, also inside of one `#if`.
(translation_unit (declaration declarator: [(identifier) @name
  (array_declarator declarator: (identifier) @name)
  (init_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])])
  @definition.variable)
(preproc_ifdef (declaration declarator: [(identifier) @name
  (array_declarator declarator: (identifier) @name)
  (init_declarator declarator: [(identifier) @name (array_declarator declarator: (identifier) @name)])])
  @definition.variable)
((translation_unit (declaration declarator: (init_declarator declarator: [(identifier) @name
    (array_declarator declarator: (identifier) @name)])) @definition.constant)
  (#match? @definition.constant "^const\\b"))
((preproc_ifdef (declaration declarator: (init_declarator declarator: [(identifier) @name
    (array_declarator declarator: (identifier) @name)])) @definition.constant)
  (#match? @definition.constant "^const\\b"))

(preproc_def name: (_) @name) @definition.macro
(preproc_function_def name: (_) @name) @definition.macro
