; Groovy, with the scripts of Gradle and Jenkins. Annotations are inside of declarations,
; so no node is captured as @attached.

[(line_comment) (block_comment)] @comment

(class_declaration name: (identifier) @name body: (_) @body) @definition.class
(interface_declaration name: (identifier) @name body: (_) @body) @definition.interface
(enum_declaration name: (identifier) @name body: (_) @body) @definition.enum

; Functions of a script, and methods.
(function_definition name: (identifier) @name body: (_) @body) @definition.function
(program (method_declaration name: (identifier) @name body: (_) @body) @definition.function)
(class_body [
  (method_declaration name: (identifier) @name body: (_)? @body) @definition.method
  (function_definition name: (identifier) @name body: (_) @body) @definition.method])
(interface_body (method_declaration name: (identifier) @name body: (_)? @body) @definition.method)
(constructor_declaration name: (identifier) @name body: (_) @body) @definition.constructor
((class_declaration name: (identifier) @_class
    body: (class_body (method_declaration name: (identifier) @name body: (_) @body) @definition.constructor))
  (#eq? @name @_class))

; Fields; those in capitals are constants.
(class_body (field_declaration declarator: (variable_declarator name: (identifier) @name)) @definition.property)
((class_body (field_declaration declarator: (variable_declarator name: (identifier) @name)) @definition.constant)
  (#match? @name "^[A-Z][A-Z0-9_]+$"))

; Tasks of Gradle: `task name`, `tasks.register('name')`.
((juxt_function_call name: (identifier) @_word args: (argument_list . (identifier) @name)) @definition.function
  (#eq? @_word "task"))
((method_invocation object: (identifier) @_object name: (identifier) @_word
    arguments: (argument_list . (character_literal) @name)) @definition.function
  (#eq? @_object "tasks") (#any-of? @_word "register" "create"))
((method_invocation object: (identifier) @_object name: (identifier) @_word
    arguments: (argument_list . (string_literal) @name)) @definition.function
  (#eq? @_object "tasks") (#any-of? @_word "register" "create"))
