; TypeScript and TSX, whose grammars have the same node names.
; Every declaration has three patterns: plain, with `export` and with `declare`. The patterns in
; `javascript_values.scm` follow these. Kinds of nodes that their children tell are not named (see `cpp.scm`): only an
; arrow_function has `=>` and a body, only a member_expression on the left of an assignment has a property.

[(comment) (html_comment)] @comment

; The decorator of a class is inside the class or its export. The decorator of a method
; or field is a sibling in the class body.
(class_body (decorator) @attached)

; Functions and overload signatures.
(function_declaration name: (_) @name body: (_) @body) @definition.function
(generator_function_declaration name: (_) @name body: (_) @body) @definition.function
(function_signature name: (_) @name) @definition.function
(export_statement declaration: [
  (function_declaration name: (_) @name body: (_) @body)
  (generator_function_declaration name: (_) @name body: (_) @body)
  (function_signature name: (_) @name)
  (ambient_declaration (function_signature name: (_) @name))]) @definition.function
(ambient_declaration (function_signature name: (_) @name)) @definition.function

; Classes, interfaces, enums, aliases, namespaces.
(class_declaration name: (_) @name body: (_) @body) @definition.class
(abstract_class_declaration name: (_) @name body: (_) @body) @definition.class
(export_statement declaration: [
  (class_declaration name: (_) @name body: (_) @body)
  (abstract_class_declaration name: (_) @name body: (_) @body)
  (ambient_declaration [(class_declaration name: (_) @name body: (_) @body)
                        (abstract_class_declaration name: (_) @name body: (_) @body)])]) @definition.class
(ambient_declaration [(class_declaration name: (_) @name body: (_) @body)
                      (abstract_class_declaration name: (_) @name body: (_) @body)]) @definition.class

(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(export_statement declaration: [
  (interface_declaration name: (_) @name body: (_) @body)
  (ambient_declaration (interface_declaration name: (_) @name body: (_) @body))]) @definition.interface
(ambient_declaration (interface_declaration name: (_) @name body: (_) @body)) @definition.interface

(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(export_statement declaration: [
  (enum_declaration name: (_) @name body: (_) @body)
  (ambient_declaration (enum_declaration name: (_) @name body: (_) @body))]) @definition.enum
(ambient_declaration (enum_declaration name: (_) @name body: (_) @body)) @definition.enum

(type_alias_declaration name: (_) @name) @definition.type
(export_statement declaration: [
  (type_alias_declaration name: (_) @name)
  (ambient_declaration (type_alias_declaration name: (_) @name))]) @definition.type
(ambient_declaration (type_alias_declaration name: (_) @name)) @definition.type

; `namespace A {}` is an expression (internal_module); `module "m" {}` is a declaration.
(internal_module name: (_) @name body: (_) @body) @definition.module
(module name: [(identifier) @name (nested_identifier) @name (string (string_fragment) @name)] body: (_) @body) @definition.module
(expression_statement (internal_module name: (_) @name body: (_) @body)) @definition.module
(export_statement declaration: (internal_module name: (_) @name body: (_) @body)) @definition.module
(ambient_declaration [(internal_module name: (_) @name body: (_) @body)
                      (module name: [(identifier) @name (nested_identifier) @name (string (string_fragment) @name)] body: (_) @body)]) @definition.module
(export_statement declaration: (ambient_declaration
  [(internal_module name: (_) @name body: (_) @body)
   (module name: [(identifier) @name (nested_identifier) @name (string (string_fragment) @name)] body: (_) @body)])) @definition.module
(ambient_declaration "global" @name (statement_block) @body) @definition.module

; Class members and methods of objects and interfaces.
(method_definition name: (_) @name body: (_) @body) @definition.method
(method_signature name: (_) @name) @definition.method
(abstract_method_signature name: (_) @name) @definition.method
(public_field_definition name: (_) @name) @definition.property
(public_field_definition name: (_) @name
  value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method
(public_field_definition name: (_) @name value: (class body: (_) @body)) @definition.class
(class_body [(_ name: (_) @name body: (_) @body) @definition.constructor
             (method_signature name: (_) @name) @definition.constructor]
  (#eq? @name "constructor"))

; Variables at the top level of a file or namespace.
(program [(lexical_declaration (variable_declarator name: (identifier) @name))
          (variable_declaration (variable_declarator name: (identifier) @name))] @definition.variable)
(program (lexical_declaration kind: "const" (variable_declarator name: (identifier) @name)) @definition.constant)
(internal_module body: (statement_block
  (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.variable))
(internal_module body: (statement_block
  (lexical_declaration kind: "const" (variable_declarator name: (identifier) @name)) @definition.constant))
(ambient_declaration [(lexical_declaration (variable_declarator name: (identifier) @name))
                      (variable_declaration (variable_declarator name: (identifier) @name))]) @definition.variable
(export_statement declaration: [
  (lexical_declaration (variable_declarator name: (identifier) @name))
  (variable_declaration (variable_declarator name: (identifier) @name))]) @definition.variable
(export_statement declaration: (ambient_declaration
  [(lexical_declaration (variable_declarator name: (identifier) @name))
   (variable_declaration (variable_declarator name: (identifier) @name))])) @definition.variable
(ambient_declaration (lexical_declaration kind: "const" (variable_declarator name: (identifier) @name))) @definition.constant
(export_statement declaration: (ambient_declaration
  (lexical_declaration kind: "const" (variable_declarator name: (identifier) @name)))) @definition.constant
(export_statement declaration: (lexical_declaration kind: "const"
  (variable_declarator name: [(identifier) @name
                              (object_pattern (shorthand_property_identifier_pattern) @name)]))) @definition.constant

; Functions in an object that is the value of a variable, also with `as` and `satisfies`.
(program [
  (lexical_declaration (variable_declarator value: [
    (object (pair key: (_) @name value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method)
    (_ (object (pair key: (_) @name value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method))]))
  (export_statement (lexical_declaration (variable_declarator value: [
    (object (pair key: (_) @name value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method)
    (_ (object (pair key: (_) @name value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method))])))])
(export_statement value: (object (pair key: (_) @name
  value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method))

; `a.b = function`. The name of an anonymous default export is its keyword.
(expression_statement (assignment_expression left: (_ property: (_) @name)
  right: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)])) @definition.function
(export_statement "default" @name value: [(_ "=>" body: (_) @body)
  (function_expression !name body: (_) @body) (generator_function !name body: (_) @body)]) @definition.function
(export_statement "default" @name value: (class !name body: (_) @body)) @definition.class
