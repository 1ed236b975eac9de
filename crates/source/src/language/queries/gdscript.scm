; GDScript. A file is a class; with `class_name`, the class has a name and holds the rest
; of the file.

(comment) @comment
(source (annotation) @attached)

(source (class_name_statement name: (name) @name) @definition.class)
(class_definition name: (name) @name body: (_) @body) @definition.class
(enum_definition name: (name) @name body: (_) @body) @definition.enum
(signal_statement name: (name) @name) @definition.property

(source (function_definition name: (name) @name body: (_)? @body) @definition.function)
(class_body (function_definition name: (name) @name body: (_)? @body) @definition.method)
((function_definition name: (name) @name body: (_)? @body) @definition.constructor
  (#eq? @name "_init"))
(constructor_definition "_init" @name body: (_)? @body) @definition.constructor

; Constants and variables of a class; those of functions are not captured.
(source [
  (const_statement name: (name) @name) @definition.constant
  (variable_statement name: (name) @name setget: (_)? @body) @definition.property])
(class_body [
  (const_statement name: (name) @name) @definition.constant
  (variable_statement name: (name) @name setget: (_)? @body) @definition.property])
