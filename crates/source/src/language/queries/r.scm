; R. A definition is an assignment, or a call that defines something.

(comment) @comment

; Variables of a file; names in capitals are constants.
((program (binary_operator lhs: [(identifier) (string)] @name operator: _ @_sign) @definition.variable)
  (#any-of? @_sign "<-" "=" "<<-"))
((program (binary_operator lhs: (identifier) @name operator: _ @_sign) @definition.constant)
  (#any-of? @_sign "<-" "=" "<<-") (#match? @name "^[A-Z][A-Z0-9_.]+$"))
((program (binary_operator operator: _ @_sign rhs: (identifier) @name) @definition.variable)
  (#any-of? @_sign "->" "->>"))

; Functions, also inside of others.
((binary_operator lhs: [(identifier) (string)] @name operator: _ @_sign
    rhs: (function_definition body: (_) @body)) @definition.function
  (#any-of? @_sign "<-" "=" "<<-"))

; Classes, generic functions and methods of S4.
((call function: (_) @_word arguments: (arguments . (argument value: (string content: (_) @name)))) @definition.class
  (#match? @_word "^(methods::)?(setClass|setRefClass|setClassUnion)$"))
((call function: (_) @_word arguments: (arguments . (argument value: (string content: (_) @name)))) @definition.function
  (#match? @_word "^(methods::)?setGeneric$"))
((call function: (_) @_word arguments: (arguments
    . (argument value: (string content: (_) @name))
    . (comma) . (argument value: (string content: (_) @receiver)))) @definition.method
  (#match? @_word "^(methods::)?(setMethod|setReplaceMethod)$"))
((call function: (_) @_word arguments: (arguments
    . (argument value: (string content: (_) @name))
    . (comma) . (argument value: (string content: (_) @receiver))
    . (comma) . (argument value: (function_definition body: (_) @body)))) @definition.method
  (#match? @_word "^(methods::)?(setMethod|setReplaceMethod)$"))

; Classes of R6, S7 and ggplot2, and the functions in them.
((binary_operator lhs: (identifier) @name
    rhs: (call function: (_) @_word arguments: (_) @body)) @definition.class
  (#match? @_word "^((R6|S7|methods|ggplot2)::)?(R6Class|new_class|setRefClass|setClass|ggproto)$"))
((call function: (_) @_word arguments: (arguments (argument value: (call arguments: (arguments
    (argument name: (identifier) @name value: (function_definition body: (_) @body)) @definition.method)))))
  (#match? @_word "^((R6|methods)::)?(R6Class|setRefClass)$"))
((call function: (_) @_word arguments: (arguments
    (argument name: (identifier) @name value: (function_definition body: (_) @body)) @definition.method))
  (#match? @_word "^(ggplot2::)?ggproto$"))

; Tests of testthat. The name is the string.
((call function: (_) @_word arguments: (arguments . (argument value: (string content: (_) @name)))) @definition.test
  (#match? @_word "^(testthat::)?(test_that|describe|it)$"))
