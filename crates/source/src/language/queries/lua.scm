; Lua. No node is captured as @attached. A function without statements has no body
; node.

(comment) @comment

; `function f`, `local function f`
(function_declaration name: (identifier) @name body: (_)? @body) @definition.function

; `function M.f`, `function M:f`
(function_declaration
  name: (dot_index_expression table: (_) @receiver field: (identifier) @name)
  body: (_)? @body) @definition.function
(function_declaration
  name: (method_index_expression table: (_) @receiver method: (identifier) @name)
  body: (_)? @body) @definition.method

; `M.f = function`, `M["f"] = function`, `local f = function`
(assignment_statement
  (variable_list . name: (dot_index_expression table: (_) @receiver field: (identifier) @name))
  (expression_list . value: (function_definition body: (_)? @body))) @definition.function
(assignment_statement
  (variable_list . name: (bracket_index_expression table: (_) @receiver
    field: (string content: (_) @name)))
  (expression_list . value: (function_definition body: (_)? @body))) @definition.function
(assignment_statement
  (variable_list . name: (identifier) @name)
  (expression_list . value: (function_definition body: (_)? @body))) @definition.function

; Variables of a file. The result of `require` is defined in another file.
(chunk (assignment_statement (variable_list name: [
  (identifier) @name
  (dot_index_expression table: (_) @receiver field: (identifier) @name)])
  (expression_list value: [(table_constructor) (number) (string) (nil) (true) (false)
    (identifier) (dot_index_expression) (binary_expression) (unary_expression)
    (parenthesized_expression)])) @definition.variable)
((chunk (assignment_statement (variable_list name: [
  (identifier) @name
  (dot_index_expression table: (_) @receiver field: (identifier) @name)])
  (expression_list value: (function_call))) @definition.variable)
  (#match? @definition.variable "^[^=]*=\\s*([^r\\s]|r[^e]|re[^q])"))
(chunk (variable_declaration (assignment_statement
  (variable_list name: (identifier) @name)
  (expression_list value: [(table_constructor) (number) (string) (nil) (true) (false)
    (binary_expression) (unary_expression) (parenthesized_expression)]))) @definition.variable)
((chunk (variable_declaration (assignment_statement
  (variable_list name: (identifier) @name)
  (expression_list value: (function_call)))) @definition.variable)
  (#match? @definition.variable "^[^=]*=\\s*([^r\\s]|r[^e]|re[^q])"))

; `local f = function`, including `local`. This pattern comes after those of variables,
; because the last one decides the kind.
(variable_declaration (assignment_statement
  (variable_list . name: (identifier) @name)
  (expression_list . value: (function_definition body: (_)? @body)))) @definition.function

; Functions in a table that the file assigns or returns.
(chunk (variable_declaration (assignment_statement
  (variable_list . name: (identifier) @receiver)
  (expression_list . value: (table_constructor (field name: (identifier) @name
    value: (function_definition body: (_)? @body)) @definition.function)))))
(chunk (assignment_statement
  (variable_list . name: (_) @receiver)
  (expression_list . value: (table_constructor (field name: (identifier) @name
    value: (function_definition body: (_)? @body)) @definition.function))))
(chunk (return_statement (expression_list (table_constructor
  (field name: (identifier) @name
    value: (function_definition body: (_)? @body)) @definition.function))))
