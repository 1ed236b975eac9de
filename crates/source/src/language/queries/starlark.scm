; Starlark, of Bazel and other tools. What a file calls with a `name` is a target of the
; build, which is a module.

(comment) @comment

(function_definition name: (identifier) @name body: (_) @body) @definition.function

; Variables of a file. Names in capitals are constants.
(module (expression_statement (assignment left: (identifier) @name)) @definition.variable)
((module (expression_statement (assignment left: (identifier) @name)) @definition.constant)
  (#match? @name "^_*[A-Z][A-Z0-9_]*$"))

; What rules and macros return can be called; a provider has fields.
((module (expression_statement (assignment left: (identifier) @name
    right: (call function: (_) @_callee arguments: (_) @body))) @definition.function)
  (#match? @_callee "^(rule|repository_rule|module_extension|tag_class|aspect|macro|subrule|transition)$"))
((module (expression_statement (assignment left: (identifier) @name
    right: (call function: (_) @_callee arguments: (_) @body))) @definition.struct)
  (#eq? @_callee "provider"))
(module (expression_statement (assignment left: (identifier) @name
  right: (lambda body: (_) @body))) @definition.function)

((module (expression_statement (call arguments: (argument_list
  (keyword_argument name: (identifier) @_key value: (string (string_content) @name))))) @definition.module)
  (#eq? @_key "name"))
