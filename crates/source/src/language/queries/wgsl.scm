; WGSL. Attributes are inside of declarations, so no node is captured as @attached.

[(line_comment) (block_comment)] @comment

(function_declaration name: (identifier) @name body: (_) @body) @definition.function
(struct_declaration name: (identifier) @name "{" @body) @definition.struct
(type_alias_declaration (identifier) @name) @definition.type

(global_variable_declaration
  (variable_declaration (variable_identifier_declaration name: (identifier) @name))) @definition.variable
(global_constant_declaration [(identifier) @name
  (variable_identifier_declaration name: (identifier) @name)]) @definition.constant
