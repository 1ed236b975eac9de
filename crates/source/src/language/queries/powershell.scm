; PowerShell. Documentation may stand inside of a function, above `param`. No node is
; captured as @attached.

(comment) @comment

; Functions, filters and workflows.
(function_statement (function_name) @name (script_block)? @body) @definition.function

; Classes with their members.
(class_statement . (simple_name) @name "{" @body) @definition.class
(enum_statement . (simple_name) @name "{" @body) @definition.enum
(class_property_definition (variable) @name) @definition.property
(class_method_definition (simple_name) @name "{" @body) @definition.method
((class_statement . (simple_name) @_class
    (class_method_definition (simple_name) @name "{" @body) @definition.constructor)
  (#eq? @name @_class))

; Variables of a script, also inside of one `if`.
((program (statement_list
    (pipeline (assignment_expression (left_assignment_expression) @name)) @definition.variable))
  (#match? @name "^\\$[\\w:]+$"))

; Tests of Pester: `Describe "…" {`, `It "…" {`
((command command_name: (command_name) @_word
    command_elements: (command_elements . (command_argument_sep) . (_) @name)) @definition.test
  (#match? @_word "^(?i:Describe|Context|It)$") (#match? @name "^[\"']"))
