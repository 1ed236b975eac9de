; JavaScript and JSX, which have the same grammar. The patterns in `javascript_values.scm` follow these.
; As in `typescript.scm`, `(_ "=>" body: …)` is an arrow_function and `left: (_ property: …)` a member_expression.

[(comment) (html_comment)] @comment

; Decorators are inside the decorated member or class, or inside the export around it,
; so no node is captured as @attached.

; Functions and classes, with and without `export`.
(function_declaration name: (_) @name body: (_) @body) @definition.function
(generator_function_declaration name: (_) @name body: (_) @body) @definition.function
(class_declaration name: (_) @name body: (_) @body) @definition.class
(export_statement declaration: [
  (function_declaration name: (_) @name body: (_) @body)
  (generator_function_declaration name: (_) @name body: (_) @body)]) @definition.function
(export_statement declaration: (class_declaration name: (_) @name body: (_) @body)) @definition.class
; The name of an anonymous default export is its keyword.
(export_statement "default" @name value: [(_ "=>" body: (_) @body)
  (function_expression !name body: (_) @body) (generator_function !name body: (_) @body)]) @definition.function
(export_statement "default" @name value: (class !name body: (_) @body)) @definition.class

; Members of classes and objects.
(method_definition name: (_) @name body: (_) @body) @definition.method
(field_definition property: (_) @name) @definition.property
(field_definition property: (_) @name
  value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method
(field_definition property: (_) @name value: (class body: (_) @body)) @definition.class
(class_body (method_definition name: (_) @name body: (_) @body) @definition.constructor
  (#eq? @name "constructor"))

; Variables at the top level. The kinds of values are listed, because `require("…")`
; and `require("…").x` are imports, not definitions.
(program [(lexical_declaration (variable_declarator name: (identifier) @name !value))
          (variable_declaration (variable_declarator name: (identifier) @name !value))] @definition.variable)
(program [
  (lexical_declaration (variable_declarator name: (identifier) @name value: [
    (array) (object) (string) (template_string) (number) (regex) (true) (false) (null) (undefined)
    (identifier) (new_expression) (binary_expression) (unary_expression) (ternary_expression)
    (await_expression) (parenthesized_expression) (member_expression object: [(identifier) (member_expression) (this)])
    (call_expression function: [(member_expression) (parenthesized_expression) (function_expression)])
    (call_expression function: (identifier) arguments: (arguments . [
      (identifier) (object) (array) (number) (arrow_function) (function_expression) (new_expression)
      (member_expression) (call_expression) (template_string) (regex)]))
    (call_expression function: (identifier) arguments: (arguments (_) (_)))]))
  (variable_declaration (variable_declarator name: (identifier) @name value: [
    (array) (object) (string) (template_string) (number) (regex) (true) (false) (null) (undefined)
    (identifier) (new_expression) (binary_expression) (unary_expression) (ternary_expression)
    (parenthesized_expression) (call_expression function: [(member_expression) (parenthesized_expression)])
    (call_expression function: (identifier) arguments: (arguments . [
      (identifier) (object) (array) (number) (arrow_function) (function_expression) (new_expression)
      (member_expression) (call_expression) (template_string) (regex)]))]))
  ] @definition.variable)
(program (lexical_declaration kind: "const" (variable_declarator name: (identifier) @name value: [
    (array) (object) (string) (template_string) (number) (regex) (true) (false) (null) (undefined)
    (identifier) (new_expression) (binary_expression) (unary_expression) (ternary_expression)
    (await_expression) (parenthesized_expression) (member_expression object: [(identifier) (member_expression) (this)])
    (call_expression function: [(member_expression) (parenthesized_expression) (function_expression)])
    (call_expression function: (identifier) arguments: (arguments . [
      (identifier) (object) (array) (number) (arrow_function) (function_expression) (new_expression)
      (member_expression) (call_expression) (template_string) (regex)]))
    (call_expression function: (identifier) arguments: (arguments (_) (_)))])) @definition.constant)
(export_statement declaration: [
  (lexical_declaration (variable_declarator name: (identifier) @name))
  (variable_declaration (variable_declarator name: (identifier) @name))]) @definition.variable
(export_statement declaration: (lexical_declaration kind: "const"
  (variable_declarator name: [(identifier) @name
                              (object_pattern (shorthand_property_identifier_pattern) @name)]))) @definition.constant

; Functions in an object that is the value of a variable.
(program [
  (lexical_declaration (variable_declarator value: (object (pair key: (_) @name
    value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method)))
  (variable_declaration (variable_declarator value: (object (pair key: (_) @name
    value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method)))
  (export_statement (lexical_declaration (variable_declarator value: (object (pair key: (_) @name
    value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method))))])
(assignment_expression right: (object (pair key: (_) @name
  value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method))
(export_statement value: (object (pair key: (_) @name
  value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)]) @definition.method))

; `exports.x = function`, `Type.x = …`, `Type.prototype.x = …`.
(expression_statement (assignment_expression left: (_ property: (_) @name)
  right: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)
          (generator_function body: (_) @body)])) @definition.function
((expression_statement (assignment_expression
  left: (member_expression object: [(identifier) @receiver
                                    (member_expression object: (identifier) @receiver)]
                           property: (_) @name)
  right: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)
          (generator_function body: (_) @body)])) @definition.method
  (#match? @receiver "^[A-Z]"))
