; Bash. A `#!` line is a comment node as well. No node is captured as @attached.

(comment) @comment

; Functions. The body is a group, a subshell or another compound command.
(function_definition name: (word) @name body: (_) @body) @definition.function

; Variables of the script; those of functions are not captured.
(program (variable_assignment name: (variable_name) @name) @definition.variable)
(program (declaration_command (variable_assignment name: (variable_name) @name)) @definition.variable)
(program (variable_assignments
  (variable_assignment name: (variable_name) @name) @definition.variable))
; `: "${NAME:=default}"` sets a variable's default value.
((program (command name: (command_name (word)) argument: (string
  (expansion (variable_name) @name operator: [":=" "="]))) @definition.variable)
  (#match? @definition.variable "^:"))

; `readonly NAME=…`, `declare -r NAME=…`
(program (declaration_command "readonly"
  (variable_assignment name: (variable_name) @name)) @definition.constant)
((program (declaration_command (word)
  (variable_assignment name: (variable_name) @name)) @definition.constant)
  (#match? @definition.constant "^(declare|typeset)\\s+-[A-Za-z]*r"))
