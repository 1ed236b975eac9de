; Rust. Doc comments are line_comment and block_comment nodes.

[(line_comment) (block_comment)] @comment

; Outer attributes are siblings of the definition. Those of fields, variants and
; parameters are not captured.
(source_file (attribute_item) @attached)
(declaration_list (attribute_item) @attached)
(block (attribute_item) @attached)

; Functions; in an impl or trait they are methods.
(function_item name: (_) @name body: (block) @body) @definition.function
(function_signature_item name: (_) @name) @definition.function
(impl_item body: (declaration_list
  (function_item name: (_) @name body: (block) @body) @definition.method))
(trait_item body: (declaration_list [
  (function_item name: (_) @name body: (block) @body) @definition.method
  (function_signature_item name: (_) @name) @definition.method]))

; Types. A unit struct has no body.
(struct_item name: (type_identifier) @name body: (_)? @body) @definition.struct
(enum_item name: (type_identifier) @name body: (_) @body) @definition.enum
(union_item name: (type_identifier) @name body: (_) @body) @definition.union
(trait_item name: (type_identifier) @name body: (_) @body) @definition.trait

; The name of an impl is the name of its type without path and type arguments, or the
; type as written if it has no name (a reference, tuple or slice).
(impl_item type: [
    (type_identifier) @name
    (scoped_type_identifier name: (type_identifier) @name)
    (generic_type type: [(type_identifier) @name
                         (scoped_type_identifier name: (type_identifier) @name)])
    (primitive_type) @name (reference_type) @name (pointer_type) @name (tuple_type) @name
    (array_type) @name (unit_type) @name (function_type) @name (dynamic_type) @name
    (never_type) @name (macro_invocation) @name (metavariable) @name]
  body: (declaration_list)? @body) @definition.impl

; Modules. `mod name;` refers to a file and is not a definition.
(mod_item name: (identifier) @name body: (declaration_list) @body) @definition.module

(macro_definition name: (identifier) @name) @definition.macro

; Type aliases, constants and statics of a module; constants of an impl or trait.
; Associated types (`type Output = …` in an impl) are not definitions.
(source_file [
  (type_item name: (type_identifier) @name) @definition.type
  (const_item name: (identifier) @name) @definition.constant
  (static_item name: (identifier) @name) @definition.variable])
(mod_item body: (declaration_list [
  (type_item name: (type_identifier) @name) @definition.type
  (const_item name: (identifier) @name) @definition.constant
  (static_item name: (identifier) @name) @definition.variable]))
(foreign_mod_item body: (declaration_list
  (static_item name: (identifier) @name) @definition.variable))
(impl_item body: (declaration_list (const_item name: (identifier) @name) @definition.constant))
(trait_item body: (declaration_list (const_item name: (identifier) @name) @definition.constant))
