; Swift. Attributes are inside declarations (`modifiers`), so no node is captured as
; @attached. Only a pattern has a `bound_identifier` among names (see `cpp.scm`).

[(comment) (multiline_comment)] @comment

; Types. They have one node kind and differ by keyword. An actor counts as a class, an
; extension as an impl whose name is the extended type.
(class_declaration declaration_kind: "class" name: (_) @name body: (_) @body) @definition.class
(class_declaration declaration_kind: "actor" name: (_) @name body: (_) @body) @definition.class
(class_declaration declaration_kind: "struct" name: (_) @name body: (_) @body) @definition.struct
(class_declaration declaration_kind: "enum" name: (_) @name body: (_) @body) @definition.enum
(class_declaration declaration_kind: "extension" name: (_) @name body: (_) @body) @definition.impl
(protocol_declaration name: (_) @name body: (_) @body) @definition.interface
(typealias_declaration name: (type_identifier) @name) @definition.type
(associatedtype_declaration name: (type_identifier) @name) @definition.type

; Functions; those of a type are methods. Types of parameters and of the result also
; have the field `name`, so the patterns fix the name's position. The name of an
; operator function is the operator.
((function_declaration "func" . name: _ @name) @definition.function (#set! body))
(class_body (function_declaration "func" . name: _ @name) @definition.method (#set! body))
(enum_class_body (function_declaration "func" . name: _ @name) @definition.method (#set! body))
(protocol_function_declaration "func" . name: _ @name) @definition.method

; Members without an identifier: the name is the keyword.
(init_declaration name: "init" @name body: (_)? @body) @definition.constructor
(deinit_declaration "deinit" @name body: (_) @body) @definition.method
(subscript_declaration "subscript" @name (computed_property)? @body) @definition.property

; Properties of a type. A `static let` is a constant.
(class_body (property_declaration
  name: (_ bound_identifier: (simple_identifier) @name)
  computed_value: (_)? @body) @definition.property)
(enum_class_body (property_declaration
  name: (_ bound_identifier: (simple_identifier) @name)
  computed_value: (_)? @body) @definition.property)
(class_body (property_declaration
  name: (pattern (pattern (simple_identifier) @name))) @definition.property)
(protocol_property_declaration
  name: (_ bound_identifier: (simple_identifier) @name)
  (protocol_property_requirements) @body) @definition.property
(property_declaration (modifiers (property_modifier "static"))
  (value_binding_pattern mutability: "let")
  name: (_ bound_identifier: (simple_identifier) @name)) @definition.constant

; Variables and constants of a file.
(source_file (property_declaration (value_binding_pattern mutability: "let")
  name: (_ bound_identifier: (simple_identifier) @name)) @definition.constant)
(source_file (property_declaration (value_binding_pattern mutability: "var")
  name: (_ bound_identifier: (simple_identifier) @name)
  computed_value: (_)? @body) @definition.variable)

(macro_declaration "macro" . (simple_identifier) @name definition: (_)? @body) @definition.macro
