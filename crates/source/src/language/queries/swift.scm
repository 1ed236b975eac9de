; Swift. Attributes are inside the declaration (`modifiers`): nothing is
; @attached.

[(comment) (multiline_comment)] @comment

; Types: one node kind, told apart by its keyword. An actor is a class, an
; extension an impl that goes by the type it extends.
(class_declaration declaration_kind: "class" name: (_) @name body: (_) @body) @definition.class
(class_declaration declaration_kind: "actor" name: (_) @name body: (_) @body) @definition.class
(class_declaration declaration_kind: "struct" name: (_) @name body: (_) @body) @definition.struct
(class_declaration declaration_kind: "enum" name: (_) @name body: (_) @body) @definition.enum
(class_declaration declaration_kind: "extension" name: (_) @name body: (_) @body) @definition.impl
(protocol_declaration name: (_) @name body: (_) @body) @definition.interface
(typealias_declaration name: (type_identifier) @name) @definition.type
(associatedtype_declaration name: (type_identifier) @name) @definition.type

; Functions; a type's are methods. `name:` also holds the types of parameters
; and of the result, hence the place. An operator is its own name.
((function_declaration "func" . name: _ @name) @definition.function (#set! body))
(class_body (function_declaration "func" . name: _ @name) @definition.method (#set! body))
(enum_class_body (function_declaration "func" . name: _ @name) @definition.method (#set! body))
(protocol_function_declaration "func" . name: _ @name) @definition.method

; Members without an identifier go by their keyword.
(init_declaration name: "init" @name body: (_)? @body) @definition.constructor
(deinit_declaration "deinit" @name body: (_) @body) @definition.method
(subscript_declaration "subscript" @name (computed_property)? @body) @definition.property

; Properties of a type; a `static let` is a constant.
(class_body (property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)
  computed_value: (_)? @body) @definition.property)
(enum_class_body (property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)
  computed_value: (_)? @body) @definition.property)
(class_body (property_declaration
  name: (pattern (pattern (simple_identifier) @name))) @definition.property)
(protocol_property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)
  (protocol_property_requirements) @body) @definition.property
(property_declaration (modifiers (property_modifier "static"))
  (value_binding_pattern mutability: "let")
  name: (pattern bound_identifier: (simple_identifier) @name)) @definition.constant

; Values of a file.
(source_file (property_declaration (value_binding_pattern mutability: "let")
  name: (pattern bound_identifier: (simple_identifier) @name)) @definition.constant)
(source_file (property_declaration (value_binding_pattern mutability: "var")
  name: (pattern bound_identifier: (simple_identifier) @name)
  computed_value: (_)? @body) @definition.variable)

(macro_declaration "macro" . (simple_identifier) @name definition: (_)? @body) @definition.macro
