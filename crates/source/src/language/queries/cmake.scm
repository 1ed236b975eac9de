; CMake. Everything but functions and macros is a command, which its word tells apart. A
; target of the build is a module. No node is captured as @attached.

[(line_comment) (bracket_comment)] @comment

(function_def (function_command (argument_list . (argument) @name)) (body)? @body) @definition.function
(macro_def (macro_command (argument_list . (argument) @name)) (body)? @body) @definition.macro

; Targets and the project, at any depth. A name made of variables is none.
((normal_command (identifier) @_command (argument_list . (argument) @name)) @definition.module
  (#match? @_command "^(?i:add_library|add_executable|add_custom_target|project)$")
  (#not-match? @name "\\$"))
((normal_command (identifier) @_command (argument_list . (argument) @_key . (argument) @name)) @definition.test
  (#match? @_command "^(?i:add_test)$") (#eq? @_key "NAME")
  (#not-match? @name "\\$"))

; Variables of a file, also inside of one `if`, and options.
((source_file (normal_command (identifier) @_command (argument_list . (argument) @name)) @definition.variable)
  (#match? @_command "^(?i:set|option|cmake_dependent_option)$")
  (#not-match? @name "\\$"))
((source_file (if_condition (body
  (normal_command (identifier) @_command (argument_list . (argument) @name)) @definition.variable)))
  (#match? @_command "^(?i:set|option|cmake_dependent_option)$")
  (#not-match? @name "\\$"))
