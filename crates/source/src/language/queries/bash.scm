; Bash. A shebang is a comment node too. Nothing is @attached.

(comment) @comment

; A body is a group, a subshell, or any other compound command.
(function_definition name: (word) @name body: (_) @body) @definition.function

; Variables of the script, not of its functions.
(program (variable_assignment name: (variable_name) @name) @definition.variable)
(program (declaration_command (variable_assignment name: (variable_name) @name)) @definition.variable)
(program (variable_assignments
  (variable_assignment name: (variable_name) @name) @definition.variable))
; `: "${NAME:=default}"` gives a variable its default.
((program (command name: (command_name (word)) argument: (string
  (expansion (variable_name) @name operator: [":=" "="]))) @definition.variable)
  (#match? @definition.variable "^:"))

; `readonly NAME=…`, `declare -r NAME=…`
(program (declaration_command "readonly"
  (variable_assignment name: (variable_name) @name)) @definition.constant)
((program (declaration_command (word)
  (variable_assignment name: (variable_name) @name)) @definition.constant)
  (#match? @definition.constant "^(declare|typeset)\\s+-[A-Za-z]*r"))
