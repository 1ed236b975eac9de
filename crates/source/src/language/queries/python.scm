; Python. Decorators are inside `decorated_definition`, for which there are separate
; patterns, so no node is captured as @attached.

(comment) @comment

; Functions and classes, with and without decorators, also nested ones.
(function_definition name: (identifier) @name body: (block) @body) @definition.function
(decorated_definition
  definition: (function_definition name: (identifier) @name body: (block) @body)) @definition.function

(class_definition name: (identifier) @name body: (block) @body) @definition.class
(decorated_definition
  definition: (class_definition name: (identifier) @name body: (block) @body)) @definition.class

; Methods, in a class body or in an `if` in one, which often checks a version.
(class_definition body: (block
  [(function_definition name: (identifier) @name body: (block) @body) @definition.method
   (decorated_definition
     definition: (function_definition name: (identifier) @name body: (block) @body)) @definition.method]))
(class_definition body: (block (if_statement (block
  [(function_definition name: (identifier) @name body: (block) @body) @definition.method
   (decorated_definition
     definition: (function_definition name: (identifier) @name body: (block) @body)) @definition.method]))))
(class_definition body: (block
  (function_definition name: (identifier) @name body: (block) @body) @definition.constructor)
  (#eq? @name "__init__"))
(class_definition body: (block (decorated_definition
  definition: (function_definition name: (identifier) @name body: (block) @body)) @definition.constructor)
  (#eq? @name "__init__"))

; Variables of a module, also inside one `if`, `else`, `try` or `except`.
(module (expression_statement (assignment left: (identifier) @name)) @definition.variable)
(module (if_statement (block
  (expression_statement (assignment left: (identifier) @name)) @definition.variable)))
(module (if_statement (_ (block
  (expression_statement (assignment left: (identifier) @name)) @definition.variable))))
(module (try_statement (block
  (expression_statement (assignment left: (identifier) @name)) @definition.variable)))
(module (try_statement (_ (block
  (expression_statement (assignment left: (identifier) @name)) @definition.variable))))

; Names in capitals are constants, in a module and in a class body.
((module (expression_statement (assignment left: (identifier) @name)) @definition.constant)
  (#match? @name "^_*[A-Z][A-Z0-9_]*$"))
((module (if_statement (block
  (expression_statement (assignment left: (identifier) @name)) @definition.constant)))
  (#match? @name "^_*[A-Z][A-Z0-9_]*$"))
((module (if_statement (_ (block
  (expression_statement (assignment left: (identifier) @name)) @definition.constant))))
  (#match? @name "^_*[A-Z][A-Z0-9_]*$"))
((module (try_statement (block
  (expression_statement (assignment left: (identifier) @name)) @definition.constant)))
  (#match? @name "^_*[A-Z][A-Z0-9_]*$"))
((module (try_statement (_ (block
  (expression_statement (assignment left: (identifier) @name)) @definition.constant))))
  (#match? @name "^_*[A-Z][A-Z0-9_]*$"))
((class_definition body: (block
  (expression_statement (assignment left: (identifier) @name)) @definition.constant))
  (#match? @name "^_*[A-Z][A-Z0-9_]+$"))

; `name = lambda …` is a function.
(module (expression_statement
  (assignment left: (identifier) @name right: (lambda body: (_) @body))) @definition.function)

; Type aliases: `type Pair[T] = …` and `Pair: TypeAlias = …`.
(type_alias_statement left: (type [(identifier) @name
                                   (generic_type . (identifier) @name)])) @definition.type
((module (expression_statement
  (assignment left: (identifier) @name type: (type (identifier)))) @definition.type)
  (#match? @definition.type "^\\w+\\s*:\\s*TypeAlias\\b"))
