; C++. Declarators nest: `T& f()` is a reference_declarator around a
; function_declarator. Queries cannot recurse, so each of two depths has a pattern.
; Each definition has a pattern without and one with `template <…>` around it.
;
; tree-sitter analyzes each node of a query that names a kind and has children, which takes milliseconds for a kind that
; can be in many places, 0.2 s in all of this query. `(_ …)` is not analyzed. So where its fields tell a kind, it is not
; named: only a function_declarator has `declarator` and `parameters`, only a qualified_identifier has `scope`.

(comment) @comment

; Functions, and functions defined in a class body (their names are
; field_identifiers, except for constructors, destructors and operators).
(function_definition declarator: [
    (_ declarator: [(identifier) @name (operator_name) @name
      (template_function name: (identifier) @name) (parenthesized_declarator (identifier) @name)] parameters: (_))
    (_ (_ declarator: [(identifier) @name (operator_name) @name
      (template_function name: (identifier) @name) (parenthesized_declarator (identifier) @name)] parameters: (_)))
    (_ (_ (_ declarator: (identifier) @name parameters: (_))))]
  body: (_)? @body) @definition.function
(template_declaration (function_definition declarator: [
    (_ declarator: [(identifier) @name (operator_name) @name
      (template_function name: (identifier) @name) (parenthesized_declarator (identifier) @name)] parameters: (_))
    (_ (_ declarator: [(identifier) @name (operator_name) @name
      (template_function name: (identifier) @name)] parameters: (_)))]
  body: (_)? @body)) @definition.function
(function_definition declarator: [
    (_ declarator: [(field_identifier) @name (destructor_name) @name
      (template_method name: (_) @name) (parenthesized_declarator (field_identifier) @name)] parameters: (_))
    (_ (_ declarator: (field_identifier) @name parameters: (_)))
    (_ (_ (_ declarator: (field_identifier) @name parameters: (_))))]
  body: (_)? @body) @definition.method
(template_declaration (function_definition declarator: [
    (_ declarator: [(field_identifier) @name (template_method name: (_) @name)] parameters: (_))
    (_ (_ declarator: (field_identifier) @name parameters: (_)))
    (_ (_ (_ declarator: (field_identifier) @name parameters: (_))))]
  body: (_)? @body)) @definition.method
(field_declaration_list [
  (function_definition declarator: [(_ declarator: (operator_name) @name parameters: (_))
                                    (_ (_ declarator: (operator_name) @name parameters: (_)))]
    body: (_)? @body)
  (template_declaration (function_definition
    declarator: [(_ declarator: (operator_name) @name parameters: (_))
                 (_ (_ declarator: (operator_name) @name parameters: (_)))]
    body: (_)? @body))] @definition.method)
; A function without a return type is a constructor.
(field_declaration_list [
  (function_definition !type declarator: (_ declarator: (identifier) @name parameters: (_)) body: (_)? @body)
  (template_declaration (function_definition !type
    declarator: (_ declarator: (identifier) @name parameters: (_)) body: (_)? @body))] @definition.constructor)
; The name of a conversion is its whole declarator: `operator bool() const`.
(function_definition declarator: (operator_cast) @name body: (_)? @body) @definition.method

; Definitions outside the class, `Type::name`. The innermost scope is the receiver.
(function_definition declarator: [
    (_ declarator: (_
      scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
      name: [(identifier) @name (operator_name) @name (destructor_name) @name
             (template_function name: (_) @name)]) parameters: (_))
    (_ (_ declarator: (_
      scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
      name: [(identifier) @name (operator_name) @name (template_function name: (_) @name)]) parameters: (_)))
    (_ declarator: (_ name: (_
      scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
      name: [(identifier) @name (operator_name) @name (destructor_name) @name])) parameters: (_))
    (_ (_ declarator: (_ name: (_
      scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
      name: [(identifier) @name (operator_name) @name])) parameters: (_)))
    (_ declarator: (_ name: (_
      name: (_
        scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
        name: [(identifier) @name (operator_name) @name (destructor_name) @name]))) parameters: (_))
    (_ (_ declarator: (_ name: (_
      name: (_
        scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
        name: [(identifier) @name (operator_name) @name]))) parameters: (_)))
    (_
      scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
      name: (operator_cast) @name)
    (_ name: (_
      scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
      name: (operator_cast) @name))]
  body: (_)? @body) @definition.method
(template_declaration (function_definition declarator: [
    (_ declarator: (_
      scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
      name: [(identifier) @name (operator_name) @name (destructor_name) @name
             (template_function name: (_) @name)]) parameters: (_))
    (_ (_ declarator: (_
      scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
      name: [(identifier) @name (operator_name) @name (template_function name: (_) @name)]) parameters: (_)))
    (_ declarator: (_ name: (_
      scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
      name: [(identifier) @name (operator_name) @name (destructor_name) @name])) parameters: (_))]
  body: (_)? @body)) @definition.method
(template_declaration (template_declaration (function_definition declarator: [
    (_ declarator: (_
      scope: (_ name: (_) @receiver) name: (identifier) @name) parameters: (_))
    (_ (_ declarator: (_
      scope: (_ name: (_) @receiver) name: (identifier) @name) parameters: (_)))]
  body: (_)? @body))) @definition.method
((function_definition !type declarator: (_ declarator: (_
    scope: [(namespace_identifier) @receiver (_ name: (_) @receiver)]
    name: (identifier) @name) parameters: (_)) body: (_)? @body) @definition.constructor
  (#eq? @name @receiver))

; Prototypes in a file or namespace. In a block, `T x(a);` is a variable.
(translation_unit (declaration declarator: [
  (_ declarator: [(identifier) @name (operator_name) @name] parameters: (_))
  (_ (_ declarator: [(identifier) @name (operator_name) @name] parameters: (_)))]) @definition.function)
(declaration_list (declaration declarator: [
  (_ declarator: [(identifier) @name (operator_name) @name] parameters: (_))
  (_ (_ declarator: [(identifier) @name (operator_name) @name] parameters: (_)))]) @definition.function)
(preproc_ifdef (declaration type: (_) declarator: [(_ declarator: (identifier) @name parameters: (_))
  (_ (_ declarator: (identifier) @name parameters: (_)))]) @definition.function)
(preproc_if (declaration type: (_) declarator: [(_ declarator: (identifier) @name parameters: (_))
  (_ (_ declarator: (identifier) @name parameters: (_)))]) @definition.function)
(preproc_else (declaration type: (_) declarator: [(_ declarator: (identifier) @name parameters: (_))
  (_ (_ declarator: (identifier) @name parameters: (_)))]) @definition.function)
(template_declaration (declaration declarator: [
  (_ declarator: [(identifier) @name (operator_name) @name] parameters: (_))
  (_ (_ declarator: [(identifier) @name (operator_name) @name] parameters: (_)))])) @definition.function
(field_declaration declarator: [
  (_ declarator: [(field_identifier) @name (operator_name) @name] parameters: (_))
  (_ (_ declarator: [(field_identifier) @name (operator_name) @name] parameters: (_)))
  (_ (_ (_ declarator: (field_identifier) @name parameters: (_))))]) @definition.method
(field_declaration_list [
  (declaration declarator: (_ declarator: (destructor_name) @name parameters: (_)))
  (declaration declarator: (operator_cast) @name)
  (template_declaration (declaration type: (_) declarator: [
    (_ declarator: [(identifier) @name (operator_name) @name] parameters: (_))
    (_ (_ declarator: [(identifier) @name (operator_name) @name] parameters: (_)))]))] @definition.method)
(field_declaration_list [
  (declaration !type declarator: (_ declarator: (identifier) @name parameters: (_)))
  (template_declaration (declaration !type
    declarator: (_ declarator: (identifier) @name parameters: (_))))] @definition.constructor)

; Types with a body. A specialization has the template's name.
(class_specifier name: [(type_identifier) @name
  (_ name: [(type_identifier) @name (qualified_identifier name: (type_identifier) @name)])] body: (_) @body) @definition.class
(struct_specifier name: [(type_identifier) @name
  (_ name: [(type_identifier) @name (_ name: (type_identifier) @name)])] body: (_) @body) @definition.struct
(union_specifier name: (type_identifier) @name body: (_) @body) @definition.union
(enum_specifier name: [(type_identifier) @name (qualified_identifier name: (type_identifier) @name)]
  body: (_) @body) @definition.enum
(template_declaration (class_specifier name: [(type_identifier) @name
  (_ name: [(type_identifier) @name (qualified_identifier name: (type_identifier) @name)])]
  body: (_) @body)) @definition.class
(template_declaration (struct_specifier name: [(type_identifier) @name
  (_ name: [(type_identifier) @name (_ name: (type_identifier) @name)])]
  body: (_) @body)) @definition.struct
(template_declaration (union_specifier name: (type_identifier) @name body: (_) @body)) @definition.union
(concept_definition name: (_) @name) @definition.type
(template_declaration (concept_definition name: (_) @name)) @definition.type
(alias_declaration name: (type_identifier) @name) @definition.type
(template_declaration (alias_declaration name: (type_identifier) @name)) @definition.type

; typedef. `typedef struct tag { … } name;` defines both names; where only one
; definition is kept, it is the last pattern's.
(type_definition declarator: [
  (type_identifier) @name (primitive_type) @name
  (pointer_declarator declarator: (type_identifier) @name)
  (array_declarator declarator: (type_identifier) @name)
  (function_declarator declarator: [(type_identifier) @name
    (parenthesized_declarator (pointer_declarator declarator: (type_identifier) @name))])]) @definition.type
(type_definition type: (struct_specifier body: (_) @body) declarator: (type_identifier) @name) @definition.struct
(type_definition type: (union_specifier body: (_) @body) declarator: (type_identifier) @name) @definition.union
(type_definition type: (enum_specifier body: (_) @body) declarator: (type_identifier) @name) @definition.enum

; Namespaces. The name of `namespace a::b` is `a::b`. Anonymous ones are not captured.
(namespace_definition name: (_) @name body: (_) @body) @definition.module
(namespace_alias_definition name: (_) @name) @definition.module

; Macros. One without a value is an include guard or a switch, not a constant.
(preproc_def name: (identifier) @name value: (_)) @definition.constant
(preproc_function_def name: (identifier) @name value: (_)? @body) @definition.macro

; Variables of a file or namespace. With `const` or `constexpr` first they are constants.
(translation_unit (declaration declarator: [(identifier) @name
  (_ declarator: (identifier) @name !parameters !value)
  (init_declarator declarator: [(identifier) @name (qualified_identifier name: (identifier) @name)
    (_ declarator: (identifier) @name !parameters)])]) @definition.variable)
(namespace_definition body: (declaration_list (declaration declarator: [(identifier) @name
  (init_declarator declarator: [(identifier) @name
    (_ declarator: (identifier) @name !parameters)])]) @definition.variable))
(template_declaration (declaration declarator: (init_declarator declarator: (identifier) @name))) @definition.variable
((translation_unit (declaration declarator: (init_declarator declarator: [(identifier) @name
    (_ declarator: (identifier) @name !parameters)])) @definition.constant)
  (#match? @definition.constant "^((static|inline|extern)\\s+)*(const|constexpr)\\b"))
((namespace_definition body: (declaration_list (declaration declarator: (init_declarator declarator: [(identifier) @name
    (_ declarator: (identifier) @name !parameters)])) @definition.constant))
  (#match? @definition.constant "^((static|inline|extern)\\s+)*(const|constexpr)\\b"))
((template_declaration (declaration declarator: (init_declarator declarator: (identifier) @name))) @definition.constant
  (#match? @definition.constant "^template\\s*<[^>]*>\\s*((static|inline)\\s+)*(const|constexpr)\\b"))
