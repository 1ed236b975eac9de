; Functions and classes as values: the end of the queries of JavaScript and of TypeScript. Of the patterns that match the
; same node with the same name, the last one decides.

; Functions as values. Those whose body is an expression count only at the top level.
(program (lexical_declaration (variable_declarator name: (identifier) @name
  value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)
          (generator_function body: (_) @body)])) @definition.function)
(export_statement declaration: (lexical_declaration (variable_declarator name: (identifier) @name
  value: [(_ "=>" body: (_) @body) (function_expression body: (_) @body)
          (generator_function body: (_) @body)]))) @definition.function
[(lexical_declaration (variable_declarator name: (identifier) @name
   value: [(_ "=>" body: (statement_block) @body) (function_expression body: (_) @body)]))
 (variable_declaration (variable_declarator name: (identifier) @name
   value: [(_ "=>" body: (statement_block) @body) (function_expression body: (_) @body)]))] @definition.function
; `memo(() => {…})`, `forwardRef(function …)`, `debounce(() => {…})`.
(program (lexical_declaration (variable_declarator name: (identifier) @name
  value: (call_expression arguments: (arguments . [(_ "=>" body: (statement_block) @body)
                                                   (function_expression body: (_) @body)])))) @definition.function)
(export_statement declaration: (lexical_declaration (variable_declarator name: (identifier) @name
  value: (call_expression arguments: (arguments . [(_ "=>" body: (statement_block) @body)
                                                   (function_expression body: (_) @body)]))))) @definition.function
; Classes as values.
(lexical_declaration (variable_declarator name: (identifier) @name value: (class body: (_) @body))) @definition.class
(export_statement declaration: (lexical_declaration
  (variable_declarator name: (identifier) @name value: (class body: (_) @body)))) @definition.class
(variable_declaration (variable_declarator name: (identifier) @name value: (class body: (_) @body))) @definition.class
(expression_statement (assignment_expression left: (identifier) @name right: (class body: (_) @body))) @definition.class
(expression_statement (assignment_expression left: (_ property: (_) @name)
  right: (class body: (_) @body))) @definition.class
(pair key: (property_identifier) @name value: (class body: (_) @body)) @definition.class

; Named class expressions that are passed, returned or chosen, as in `define("x-a", class A extends B {…})`.
(arguments (class name: (_) @name body: (_) @body) @definition.class)
(return_statement (class name: (_) @name body: (_) @body) @definition.class)
(arrow_function body: (class name: (_) @name body: (_) @body) @definition.class)
(parenthesized_expression (class name: (_) @name body: (_) @body) @definition.class)
(ternary_expression (class name: (_) @name body: (_) @body) @definition.class)
(binary_expression (class name: (_) @name body: (_) @body) @definition.class)
(array (class name: (_) @name body: (_) @body) @definition.class)
((assignment_expression left: (_ property: (_) @_property)
  right: (class name: (_) @name body: (_) @body) @definition.class) (#eq? @_property "exports"))
