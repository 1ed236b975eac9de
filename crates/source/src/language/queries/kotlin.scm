; Kotlin. Annotations are inside declarations (`modifiers`), so no node is captured as
; @attached.

[(line_comment) (block_comment)] @comment

; Types. Annotation classes and objects count as classes.
(class_declaration name: (identifier) @name [(class_body) (enum_class_body)]? @body) @definition.class
(class_declaration "interface" name: (identifier) @name (class_body)? @body) @definition.interface
(class_declaration name: (identifier) @name (enum_class_body) @body) @definition.enum
(object_declaration name: (identifier) @name (class_body)? @body) @definition.class
(companion_object name: (identifier) @name (class_body)? @body) @definition.class
; The name of an unnamed companion object is its keyword.
(companion_object "companion" @name !name (class_body)? @body) @definition.class
(type_alias type: (identifier) @name) @definition.type

; Functions. The body is a block or `= expression`; abstract functions have none.
(function_declaration name: (identifier) @name (function_body)? @body) @definition.function
(class_body (function_declaration name: (identifier) @name (function_body)? @body) @definition.method)
(enum_class_body (function_declaration name: (identifier) @name (function_body)? @body) @definition.method)

; Extension functions. The receiver is the bare name of the extended type.
(function_declaration [
  (user_type (identifier) @receiver .)
  (user_type (identifier) @receiver . (type_arguments) .)
  (nullable_type (user_type (identifier) @receiver .))
  (nullable_type (user_type (identifier) @receiver . (type_arguments) .))
  ] . "." . name: (identifier) @name (function_body)? @body) @definition.method

(secondary_constructor "constructor" @name (block)? @body) @definition.constructor

; Properties of files, classes and objects; variables of functions are not captured.
; Properties in a primary constructor are part of their class.
(source_file (property_declaration (variable_declaration (identifier) @name)) @definition.property)
(class_declaration [
  (class_body (property_declaration (variable_declaration (identifier) @name)) @definition.property)
  (enum_class_body (property_declaration (variable_declaration (identifier) @name)) @definition.property)])
(object_declaration (class_body
  (property_declaration (variable_declaration (identifier) @name)) @definition.property))
(companion_object (class_body
  (property_declaration (variable_declaration (identifier) @name)) @definition.property))
(property_declaration (variable_declaration (identifier) @name)
  (getter (function_body) @body)) @definition.property
; Extension properties.
(property_declaration [
  (user_type (identifier) @receiver .)
  (user_type (identifier) @receiver . (type_arguments) .)
  (nullable_type (user_type (identifier) @receiver .))
  (nullable_type (user_type (identifier) @receiver . (type_arguments) .))
  ] . "." . (variable_declaration (identifier) @name)) @definition.property

; `const val`, and a `val` written in capitals.
(property_declaration (modifiers (property_modifier "const"))
  (variable_declaration (identifier) @name)) @definition.constant
((property_declaration "val" (variable_declaration (identifier) @name)) @definition.constant
  (#match? @name "^[A-Z][A-Z0-9_]+$"))
