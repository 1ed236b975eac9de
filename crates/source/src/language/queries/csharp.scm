; C#. Attributes are inside declarations, so no node is captured as @attached.

(comment) @comment

; A file-scoped namespace is one line; its members are its siblings in the tree.
(namespace_declaration name: (_) @name body: (_) @body) @definition.module
(file_scoped_namespace_declaration name: (_) @name) @definition.module

; Types. A positional record may lack a body.
(class_declaration name: (identifier) @name body: (_)? @body) @definition.class
(record_declaration name: (identifier) @name body: (_)? @body) @definition.class
(record_declaration "struct" name: (identifier) @name body: (_)? @body) @definition.struct
(struct_declaration name: (identifier) @name body: (_)? @body) @definition.struct
(interface_declaration name: (identifier) @name body: (_)? @body) @definition.interface
(enum_declaration name: (identifier) @name body: (_)? @body) @definition.enum
(delegate_declaration name: (identifier) @name) @definition.type

; Members. The body is a block or `=> expression`; abstract members have none.
(method_declaration name: (identifier) @name body: (_)? @body) @definition.method
(constructor_declaration name: (identifier) @name body: (_)? @body) @definition.constructor
(destructor_declaration name: (identifier) @name body: (_)? @body) @definition.method
(property_declaration name: (identifier) @name accessors: (_) @body) @definition.property
(property_declaration name: (identifier) @name value: (arrow_expression_clause) @body) @definition.property
(event_declaration name: (identifier) @name) @definition.property
(event_field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @definition.property

; Members without an identifier: the name is `this`, the operator or the target type.
(indexer_declaration "this" @name) @definition.property
(operator_declaration operator: _ @name body: (_)? @body) @definition.method
(conversion_operator_declaration type: (_) @name body: (_)? @body) @definition.method

; Local functions, including those of top-level statements.
(local_function_statement name: (identifier) @name body: (_)? @body) @definition.function
(global_statement (local_function_statement name: (identifier) @name body: (_)? @body)) @definition.function
(global_statement (local_declaration_statement
  (variable_declaration (variable_declarator name: (identifier) @name)))) @definition.variable

; Constants. Other fields are part of their class.
((field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @definition.constant
  (#match? @definition.constant
    "^(\\[[^\\]]*\\]\\s*)*((public|private|internal|protected|new)\\s+)*(const|static\\s+readonly)\\b"))
