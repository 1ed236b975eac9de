; Go.

(comment) @comment

(function_declaration name: (identifier) @name body: (block)? @body) @definition.function

; Methods. The receiver is the type's name, without `*` and type arguments.
(method_declaration
  receiver: (parameter_list (parameter_declaration type: [
    (type_identifier) @receiver
    (generic_type type: (type_identifier) @receiver)
    (pointer_type (type_identifier) @receiver)
    (pointer_type (generic_type type: (type_identifier) @receiver))]))
  name: (field_identifier) @name
  body: (block)? @body) @definition.method

; Types. In a group, `type ( … )`, the type_spec is the definition; without parentheses
; the whole declaration is, because the wider definition is kept. Query anchors do not
; see the parenthesis, so the patterns compare the declaration's text.
(type_declaration (type_spec name: (type_identifier) @name) @definition.type)
(type_declaration (type_alias name: (type_identifier) @name) @definition.type)
((type_declaration [(type_spec name: (type_identifier) @name)
                    (type_alias name: (type_identifier) @name)]) @definition.type
  (#match? @definition.type "^type\\s+\\w"))
(type_declaration (type_spec name: (type_identifier) @name
  type: (struct_type (field_declaration_list) @body)) @definition.struct)
((type_declaration (type_spec name: (type_identifier) @name
  type: (struct_type (field_declaration_list) @body))) @definition.struct
  (#match? @definition.struct "^type\\s+\\w"))
(type_declaration (type_spec name: (type_identifier) @name
  type: (interface_type "{" @body)) @definition.interface)
((type_declaration (type_spec name: (type_identifier) @name
  type: (interface_type "{" @body))) @definition.interface
  (#match? @definition.interface "^type\\s+\\w"))
(method_elem name: (field_identifier) @name) @definition.method

; Constants and variables of the package, in groups and alone; `_` is not a name. With a
; field, a query finds only the first of several names.
((source_file (const_declaration
  (const_spec (identifier) @name) @definition.constant))
  (#not-eq? @name "_"))
((source_file (const_declaration
  (const_spec (identifier) @name)) @definition.constant)
  (#not-eq? @name "_")
  (#match? @definition.constant "^const\\s+\\w"))
((source_file (var_declaration [
  (var_spec (identifier) @name) @definition.variable
  (var_spec_list (var_spec (identifier) @name) @definition.variable)]))
  (#not-eq? @name "_"))
((source_file (var_declaration
  (var_spec (identifier) @name)) @definition.variable)
  (#not-eq? @name "_"))

; `var f = func(…) { … }`
(source_file (var_declaration (var_spec_list
  (var_spec name: (identifier) @name
    value: (expression_list . (func_literal body: (block) @body))) @definition.function)))
(source_file (var_declaration
  (var_spec name: (identifier) @name
    value: (expression_list . (func_literal body: (block) @body)))) @definition.function)
