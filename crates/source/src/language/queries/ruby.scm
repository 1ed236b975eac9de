; Ruby. `=begin … =end` is a comment node as well. No node is captured as @attached.
; Kinds that fields tell are not named (see `cpp.scm`): a scope_resolution, and the call of a block.

(comment) @comment

; Types. Of `class << self`, only the methods are captured.
(class name: [(constant) @name (_ name: (constant) @name)]
  body: (body_statement)? @body) @definition.class
(module name: [(constant) @name (_ name: (constant) @name)]
  body: (body_statement)? @body) @definition.module

; Methods. The body of `def x = expression` is the expression.
(method name: (_) @name body: (_)? @body) @definition.method
(singleton_method name: (_) @name body: (_)? @body) @definition.method
(program (method name: (_) @name body: (_)? @body) @definition.function)
; `private def x`, `memoize def self.x`
(call !receiver arguments: (argument_list .
  [(method name: (_) @name body: (_)? @body)
   (singleton_method name: (_) @name body: (_)? @body)] .)) @definition.method
((method name: (identifier) @name body: (_)? @body) @definition.constructor
  (#eq? @name "initialize"))
; `alias new_name old_name`
(alias name: (identifier) @name) @definition.method

; Constants. The result of `Class.new`, `Struct.new` or `Data.define` is a class.
(assignment left: [(constant) @name (_ name: (constant) @name)]) @definition.constant
(operator_assignment left: (constant) @name) @definition.constant
((assignment left: (constant) @name
  right: (_ !object block: [(do_block body: (body_statement) @body)
                       (block body: (block_body) @body)])) @definition.class
  (#match? @definition.class "^\\w+\\s*=\\s*(Class|Struct|Data)\\b"))
((assignment left: (constant) @name right: (call)) @definition.class
  (#match? @definition.class "^\\w+\\s*=\\s*((Class|Struct)\\.new|Data\\.define)\\b"))
((assignment left: (constant) @name
  right: (_ !object block: [(do_block body: (body_statement) @body)
                       (block body: (block_body) @body)])) @definition.module
  (#match? @definition.module "^\\w+\\s*=\\s*Module\\b"))
((assignment left: (constant) @name right: (lambda body: (_) @body)) @definition.function)

; Global variables of a script.
(program (assignment left: (global_variable) @name) @definition.variable)
