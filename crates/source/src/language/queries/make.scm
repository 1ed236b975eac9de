; Make. Targets whose names are made by patterns or variables, and those with a meaning of
; their own (`.PHONY`), are none. No node is captured as @attached.

(comment) @comment

(rule (targets (word) @name) (recipe)? @body
  (#not-match? @name "^[.]|%")) @definition.task
(define_directive name: (word) @name) @definition.macro
(makefile (variable_assignment name: (word) @name !target_or_pattern) @definition.variable
  (#not-match? @name "^[.]"))
(conditional (variable_assignment name: (word) @name !target_or_pattern) @definition.variable
  (#not-match? @name "^[.]"))
(makefile (export_directive (variable_assignment name: (word) @name) @definition.variable))
